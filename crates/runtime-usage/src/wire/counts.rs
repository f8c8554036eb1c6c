//! [`Counts`]: the counts that a provider reports, each with its path.

use std::array;

use serde_json::Value;

use super::error::{ReportedUsageError, ReportedUsageErrorKind as Kind};
use super::path::{Object, Path};

type Checked = Result<(), ReportedUsageError>;

/// The fields that contradict others. Of two readings the dearer one counts, and the report says so.
pub(crate) type Odd = Vec<&'static str>;

/// The largest number of counts of any provider.
const SLOTS: usize = 22;

/// A count that a provider may report.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Field {
    path: Path,
    /// The names that imitators have for it, in the order of their reading.
    also: &'static [Path],
    role: Role,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Required,
    Optional,
    Total,
    Uncounted,
}

impl Field {
    const fn new(path: &'static str, role: Role) -> Self {
        Self { path: Path::new(path), also: &[], role }
    }

    /// A count that is listed as missing if it is not reported.
    pub(crate) const fn required(path: &'static str) -> Self {
        Self::new(path, Role::Required)
    }

    /// A count that is zero if it is not reported.
    pub(crate) const fn optional(path: &'static str) -> Self {
        Self::new(path, Role::Optional)
    }

    /// The total of the counts in the same report.
    pub(crate) const fn total(path: &'static str) -> Self {
        Self::new(path, Role::Total)
    }

    /// A count that has no price, and is listed as missing if it is not zero.
    pub(crate) const fn uncounted(path: &'static str) -> Self {
        Self::new(path, Role::Uncounted)
    }

    /// All its names, in the order of their reading.
    pub(crate) fn paths(&self) -> impl Iterator<Item = &Path> {
        std::iter::once(&self.path).chain(self.also)
    }

    /// Reads these paths where the first one has nothing.
    pub(crate) const fn also(mut self, paths: &'static [Path]) -> Self {
        self.also = paths;
        self
    }
}

/// The known counts of a provider, as plain numbers, so that folding a report in allocates nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    fields: &'static [Field],
    values: [Option<u64>; SLOTS],
    /// The number of the report that each value comes from.
    reports: [u64; SLOTS],
    latest: u64,
}

impl Counts {
    pub(crate) const fn new(fields: &'static [Field]) -> Self {
        assert!(fields.len() <= SLOTS, "there are more fields than slots");
        Self { fields, values: [None; SLOTS], reports: [0; SLOTS], latest: 0 }
    }

    /// Replaces known counts by those in `usage`. Counts are cumulative, so nothing is added. On
    /// failure nothing changes.
    pub(crate) fn replace(&mut self, usage: &mut Object<'_>) -> Checked {
        let mut values = [None; SLOTS];
        for (value, field) in values.iter_mut().zip(self.fields) {
            for (at, path) in field.paths().enumerate() {
                let read = usage.visit(*path, &mut |found| {
                    // Only an array has several, and its items add up.
                    *value = Some(value.unwrap_or(0_u64).saturating_add(count(path.text, found)?));
                    Ok(())
                });
                // What one imitator has a count in is something else at another.
                if let Err(error) = read
                    && (at == 0 || error.kind == Kind::NotACount)
                {
                    return Err(error);
                }
                if value.is_some() {
                    break;
                }
            }
        }
        if values.iter().all(Option::is_none) {
            return Ok(());
        }
        self.leave_out_an_emptied_input(&mut values);
        self.latest = self.latest.saturating_add(1);
        for (slot, field) in self.fields.iter().enumerate() {
            if values[slot].is_some() || field.role == Role::Total {
                self.values[slot] = values[slot];
                self.reports[slot] = self.latest;
            }
        }
        Ok(())
    }

    /// Some gateways fill the last report of a stream with zeros. No input becomes empty again.
    fn leave_out_an_emptied_input(&self, values: &mut [Option<u64>; SLOTS]) {
        /// All providers have the input first, and the output next.
        const INPUT: usize = 0;
        const OUTPUT: usize = 1;
        let had_input = self.values[INPUT].is_some_and(|tokens| tokens > 0);
        let of_input = |slot: usize| {
            slot != OUTPUT && self.fields.get(slot).is_some_and(|field| field.role != Role::Total)
        };
        let is_empty = (0..SLOTS).all(|slot| !of_input(slot) || values[slot].unwrap_or(0) == 0);
        if had_input && is_empty {
            for slot in (0..SLOTS).filter(|slot| of_input(*slot)) {
                values[slot] = None;
            }
        }
    }

    /// Whether nothing but zeros is known.
    pub(crate) fn are_zero(&self) -> bool {
        self.values.iter().flatten().all(|value| *value == 0)
    }

    /// The counts that each reply has.
    pub(crate) fn required(&self) -> impl Iterator<Item = &'static str> {
        let required = self.fields.iter().filter(|field| field.role == Role::Required);
        required.map(|field| field.path.text)
    }

    /// The counts, in the order of the fields.
    pub(crate) fn all(&self) -> [Count; SLOTS] {
        array::from_fn(|slot| match self.fields.get(slot) {
            Some(field) => Count { field, value: self.values[slot], report: self.reports[slot] },
            None => Count::NONE,
        })
    }

    /// The counts that should have been reported and were not, and those that were reported and have no
    /// price.
    pub(crate) fn missing(&self) -> impl Iterator<Item = &'static str> {
        let counts = self.fields.iter().zip(&self.values);
        let missed = counts.filter(|(field, value)| match field.role {
            Role::Required => value.is_none(),
            Role::Uncounted => value.is_some_and(|tokens| tokens > 0),
            Role::Optional | Role::Total => false,
        });
        missed.map(|(field, _)| field.path.text)
    }
}

/// A count of a provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Count {
    field: &'static Field,
    value: Option<u64>,
    report: u64,
}

impl Count {
    /// A count that nobody reports.
    pub(crate) const NONE: Self =
        Self { field: &const { Field::optional("") }, value: None, report: 0 };

    /// The number of tokens, or zero if it is unknown.
    pub(crate) fn tokens(self) -> u64 {
        self.value.unwrap_or(0)
    }

    /// The number of tokens without these parts. Parts that do not fit in it are beside it.
    pub(crate) fn without(self, parts: &[Self], odd: &mut Odd) -> u64 {
        if !self.holds(parts, odd) {
            return self.tokens();
        }
        let parts = parts.iter().map(|part| part.tokens());
        parts.fold(self.tokens(), u64::saturating_sub)
    }

    /// Of an input with so many fresh tokens, those that are text and those that are audio.
    ///
    /// Audio that does not fit beside the cached tokens was cached itself. In an unknown input there
    /// is nothing that the audio has to fit into.
    pub(crate) fn audio(self, fresh: u64, heard: Self, cached: Self, odd: &mut Odd) -> (u64, u64) {
        heard.holds(&[cached], odd);
        let fits = self.holds(&[heard], odd) && self.is_known();
        let heard = heard.tokens().saturating_sub(cached.tokens());
        let heard = if fits { heard.min(fresh) } else { heard };
        (if fits { fresh - heard } else { fresh }, heard)
    }

    /// The number of tokens of an output with this part in it, or beside it if it is larger.
    pub(crate) fn with(self, part: Self, odd: &mut Odd) -> u64 {
        let beside = if self.holds(&[part], odd) { 0 } else { part.tokens() };
        self.value.map_or_else(|| part.tokens(), |whole| whole.saturating_add(beside))
    }

    pub(crate) const fn is_known(self) -> bool {
        self.value.is_some()
    }

    /// Whether it comes from a later report than the other count.
    pub(crate) const fn is_newer_than(self, other: Self) -> bool {
        self.report > other.report
    }

    /// Whether the sum of these parts is at most this count. An unknown count holds any parts. Parts
    /// that are too large are noted as contradictions.
    pub(crate) fn holds(self, parts: &[Self], odd: &mut Odd) -> bool {
        let fits = self.value.is_none_or(|whole| sum(parts) <= u128::from(whole));
        if !fits {
            odd.extend(
                parts.iter().filter(|part| part.tokens() > 0).map(|part| part.field.path.text),
            );
        }
        fits
    }

    /// The index of the sum that equals this total. A sum with a missing count may be less than the
    /// total. A total that equals none is noted as a contradiction, and the first sum counts.
    pub(crate) fn is_one_of(self, sums: &[&[Self]], odd: &mut Odd) -> usize {
        let Some(total) = self.value else { return 0 };
        let fits = |parts: &&[Self]| {
            let missed = |part: &Self| part.field.role == Role::Required && part.value.is_none();
            let (sum, total) = (sum(parts), u128::from(total));
            sum == total || (sum < total && parts.iter().any(missed))
        };
        sums.iter().position(fits).unwrap_or_else(|| {
            odd.push(self.field.path.text);
            0
        })
    }
}

/// Reads a whole number, zero or more. `12.0` is one.
fn count(field: &'static str, value: &Value) -> Result<u64, ReportedUsageError> {
    let whole = value.as_u64().or_else(|| value.as_f64().and_then(whole));
    whole.ok_or_else(|| ReportedUsageError::about(field, value, Kind::NotACount))
}

fn whole(float: f64) -> Option<u64> {
    const TOO_LARGE: f64 = 18_446_744_073_709_551_616.0; // 2⁶⁴
    let is_count = float.fract() == 0.0 && (0.0..TOO_LARGE).contains(&float);
    #[expect(clippy::cast_possible_truncation, reason = "it is whole and below 2⁶⁴")]
    #[expect(clippy::cast_sign_loss, reason = "it is not negative")]
    is_count.then_some(float as u64)
}

fn sum(parts: &[Count]) -> u128 {
    parts.iter().map(|part| u128::from(part.tokens())).sum()
}
