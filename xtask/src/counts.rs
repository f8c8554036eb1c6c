//! Counts of tests, read from their output.

use std::ops::AddAssign;

/// Tests that passed and tests that failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
}

impl Counts {
    /// Reads libtest's summary: `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
    pub(crate) fn from_line(line: &str) -> Option<Self> {
        let (_verdict, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let number = |what: &str| {
            numbers.split("; ").find_map(|part| part.strip_suffix(what)?.trim_end().parse().ok())
        };
        Some(Self { passed: number("passed")?, failed: number("failed")? })
    }

    pub(crate) fn total(self) -> u64 {
        self.passed + self.failed
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_line_is_counted() {
        let ok = "test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 4 filtered out; \
                  finished in 0.00s";
        assert_eq!(Counts::from_line(ok), Some(Counts { passed: 12, failed: 0 }));
        let bad = "test result: FAILED. 7 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out";
        assert_eq!(Counts::from_line(bad), Some(Counts { passed: 7, failed: 2 }));
    }

    #[test]
    fn any_other_line_counts_nothing() {
        for line in [
            "",
            "test a ... ok",
            "12 passed; 0 failed",
            "test result: ok.",
            "test result: ok. x passed; y failed",
            "  test result: ok. 1 passed; 0 failed",
        ] {
            assert_eq!(Counts::from_line(line), None, "{line}");
        }
    }
}
