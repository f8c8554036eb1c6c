//! Tasks of every day: tests, property tests, loom models, the demonstration, tidy.

use crate::Error;
use crate::counts::Counts;
use crate::run::Cmd;
use crate::workspace;

/// The question to the agents unless another one is given.
pub(crate) const QUESTION: &str = "How does the circuit breaker recover?";

/// The main job: two agents answer a question about a folder of documents.
pub(crate) const DOCS_AGENT: &str = "run --release --example docs_agent --";

/// The flags of all tests except doc tests, the same everywhere so that builds are shared.
pub(crate) const TARGETS: &str = "--all-features --lib --bins --tests --examples";

/// The tests that take minutes: every killed process, many recorded histories.
const DEEP: &str =
    "test --package runtime-durable --all-features --test it -- --ignored --skip clocks";

/// `cargo xtask deep [FILTER…]`
pub(crate) fn deep(rest: &[String]) -> Result<(), Error> {
    if let Some(flag) = rest.iter().find(|argument| argument.starts_with('-')) {
        return Err(Error::unknown_flag("deep", flag));
    }
    Cmd::cargo(DEEP).args(rest.iter().map(String::as_str)).run()
}

/// The packages with property tests: not xtask, which has none and is running.
pub(crate) const PROPERTY_TESTS: &str = "test --workspace --exclude xtask";

/// The word in the names of property tests.
const PROPERTIES: &str = "properties";

/// The word in the names of slow ones, where each case writes a database, a page or hundreds of spans.
const SLOW: &str = "slow_properties";

/// The default number of cases: some 40 times the default of proptest.
pub(crate) const CASES: u32 = 10_000;

/// The divisor of the cases of slow properties, so that none takes minutes.
pub(crate) const SLOWER: u32 = 20;

/// `cargo xtask test [FILTER…]`
pub(crate) fn test(rest: &[String]) -> Result<(), Error> {
    if let Some(flag) = rest.iter().find(|argument| argument.starts_with('-')) {
        return Err(Error::unknown_flag("test", flag));
    }
    let filters = || rest.iter().map(String::as_str);
    if Cmd::cargo("nextest --version").works() {
        println!("running with cargo-nextest");
        let nextest = Cmd::cargo("nextest run --workspace --no-tests=warn").args(words(TARGETS));
        nextest.args(filters()).run()?;
    } else {
        println!("running with cargo test: cargo-nextest is not installed");
        let test = Cmd::cargo("test --workspace").args(words(TARGETS));
        test.arg("--").args(filters()).run()?;
    }
    println!("running the doc tests with cargo test");
    Cmd::cargo("test --workspace --all-features --doc --").args(filters()).run()
}

/// The models. The flag replaces the atomics by loom's.
pub(crate) const LOOM: &str = "test --package runtime-resilience --package runtime-sinks --package runtime-usage --lib --profile loom";
const LOOM_FLAGS: &str = "--cfg runtime_loom";
pub(crate) const LOOM_TESTS: &str = "loom_tests";

/// `cargo xtask loom [FILTER]`
pub(crate) fn loom(rest: &[String]) -> Result<(), Error> {
    if let Some(flag) = rest.iter().find(|argument| argument.starts_with('-')) {
        return Err(Error::unknown_flag("loom", flag));
    }
    under_loom(Cmd::cargo(LOOM))
        .args(["--", LOOM_TESTS])
        .args(rest.iter().map(String::as_str))
        .run()
}

/// Builds in a folder of its own, so that other builds stay valid.
pub(crate) fn under_loom(tests: Cmd) -> Cmd {
    let target = workspace::target_dir().join("loom").to_string_lossy().into_owned();
    tests.env("RUSTFLAGS", LOOM_FLAGS).env("CARGO_TARGET_DIR", target)
}

/// `cargo xtask proptest [--cases N] [FILTER]`
pub(crate) fn proptest(rest: &[String]) -> Result<(), Error> {
    let (cases, filter) = proptest_arguments(rest)?;
    let tests = Cmd::cargo(PROPERTY_TESTS);
    let count = properties(&tests, cases, filter, &mut Counts::default())?;
    println!("{count} properties held, for {cases} cases each ({} for slow ones)", cases / SLOWER);
    Ok(())
}

/// Runs the property tests among `tests` whose names contain `filter`. Returns their number.
///
/// Slow ones are a run of their own, because proptest takes the number of cases from the environment.
pub(crate) fn properties(
    tests: &Cmd,
    cases: u32,
    filter: &str,
    counts: &mut Counts,
) -> Result<u64, Error> {
    let tests = || tests.clone().args(words(TARGETS));
    let tried = |cases: u32| {
        let cases = cases.max(1).to_string();
        tests().env("PROPTEST_CASES", cases).args(["--no-fail-fast", "--"])
    };
    if filter.is_empty() {
        let usual = tried(cases).args([PROPERTIES, "--skip", SLOW]).count(counts);
        let slow = tried(cases / SLOWER).arg(SLOW).count(counts);
        usual.and(slow)?;
    } else {
        // Libtest runs the tests that match any filter. These have to match both.
        let listed = tests().args(["--", "--list", "--format", "terse", PROPERTIES]).read()?;
        let names = matching(&listed, filter);
        if names.is_empty() {
            return Err(Error::Failed(format!("no property test matches `{filter}`")));
        }
        let (slow, usual): (Vec<_>, Vec<_>) = names.into_iter().partition(|it| it.contains(SLOW));
        for (names, cases) in [(usual, cases), (slow, cases / SLOWER)] {
            if !names.is_empty() {
                tried(cases).arg("--exact").args(names).count(counts)?;
            }
        }
    }
    match counts.total() {
        0 => Err(Error::Failed("no property tests were run".to_owned())),
        total => Ok(total),
    }
}

/// `cargo xtask demo [QUESTION] [-- ARG…]`
pub(crate) fn demo(rest: &[String]) -> Result<(), Error> {
    let (question, more) = match rest.iter().position(|argument| argument == "--") {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (rest, &[][..]),
    };
    if let Some(flag) = question.iter().find(|argument| argument.starts_with('-')) {
        return Err(Error::Usage(format!(
            "`demo` has no flag `{flag}` (flags of the example follow `--`)"
        )));
    }
    let question = question.join(" ");
    let question = if question.is_empty() { QUESTION } else { &question };
    let demo = Cmd::cargo(DOCS_AGENT).args(["docs", question]);
    demo.args(more.iter().map(String::as_str)).run()
}

/// `cargo xtask tidy`
pub(crate) fn tidy(rest: &[String]) -> Result<(), Error> {
    if let Some(argument) = rest.first() {
        return Err(Error::Usage(format!("`tidy` takes no arguments, got `{argument}`")));
    }
    Cmd::cargo("test --quiet --package xtask --bins -- tidy").run()
}

/// The words of a command line, split at blanks.
pub(crate) fn words(line: &'static str) -> impl Iterator<Item = &'static str> {
    line.split_whitespace()
}

fn proptest_arguments(rest: &[String]) -> Result<(u32, &str), Error> {
    let mut cases = CASES;
    let mut filter = "";
    let mut rest = rest.iter().map(String::as_str);
    while let Some(argument) = rest.next() {
        let number = match argument.strip_prefix("--cases") {
            Some("") => rest.next().unwrap_or_default(),
            Some(number) if number.starts_with('=') => &number[1..],
            _ if argument.starts_with('-') => {
                return Err(Error::unknown_flag("proptest", argument));
            }
            _ if !filter.is_empty() => {
                return Err(Error::Usage(format!(
                    "`proptest` takes one filter, got `{filter}` and `{argument}`"
                )));
            }
            _ => {
                filter = argument;
                continue;
            }
        };
        cases = number.parse().ok().filter(|cases| *cases > 0).ok_or_else(|| {
            Error::Usage(format!("`--cases` needs a positive number, got `{number}`"))
        })?;
    }
    Ok((cases, filter))
}

/// The names in libtest's terse list that contain `filter`, each once.
fn matching<'a>(listed: &'a str, filter: &str) -> Vec<&'a str> {
    let names = listed.lines().filter_map(|line| line.strip_suffix(": test"));
    let mut names: Vec<_> = names.filter(|name| name.contains(filter)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<(u32, String), String> {
        let rest: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        match proptest_arguments(&rest) {
            Ok((cases, filter)) => Ok((cases, filter.to_owned())),
            Err(error) => Err(format!("{error:?}")),
        }
    }

    #[test]
    fn cases_and_filter_come_in_any_order() {
        assert_eq!(parse(""), Ok((CASES, String::new())));
        assert_eq!(parse("--cases 7 ring"), Ok((7, "ring".to_owned())));
        assert_eq!(parse("ring --cases=7"), Ok((7, "ring".to_owned())));
    }

    #[test]
    fn a_bad_argument_is_named() {
        for (line, name) in [
            ("--cases", "``"),
            ("--cases 0", "`0`"),
            ("--cases=many", "`many`"),
            ("--casesX", "`--casesX`"),
            ("--jobs 2", "`--jobs`"),
            ("ring worker", "`worker`"),
        ] {
            let error = parse(line).unwrap_err();
            assert!(error.contains("Usage") && error.contains(name), "{line}: {error}");
        }
    }

    #[test]
    fn a_property_is_selected_by_a_part_of_its_name() {
        let listed = "properties::ring::holds: test\nproperties::worker: test\n\
                      properties::ring::holds: test\n\n2 tests, 0 benchmarks\n";
        assert_eq!(matching(listed, "ring"), ["properties::ring::holds"]);
        assert!(matching(listed, "breaker").is_empty());
    }
}
