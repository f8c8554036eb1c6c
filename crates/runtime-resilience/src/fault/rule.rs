//! One row of the tables by which replies are read.

use std::fmt;

use runtime_events::FailureScenario;

use super::condition::{Condition, Matcher, Wanted};
use super::field::{Fields, Reply, ReplyField};
use super::json::Json;
use super::kind::{FaultKind, FaultScope, Reach};
use super::provider::Provider;
use super::{Fault, usual};

/// One row of the table by which replies are read: a provider, statuses and fields, and their fault.
///
/// ```
/// use runtime_resilience::{FaultKind, FaultRule, FaultScope, Provider, ReplyField};
///
/// const DAILY: FaultRule = FaultRule::new(Provider::Other, FaultKind::Quota)
///     .status(429, 429)
///     .says(ReplyField::Code, &["daily_limit"])
///     .cools(FaultScope::Model);
/// assert_eq!(
///     DAILY.to_string(),
///     "| other | 429 | `code` is `daily_limit` | quota | no | yes | model | no | refused |"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultRule {
    provider: Option<Provider>,
    /// The lowest and the highest.
    status: Option<(u16, u16)>,
    conditions: [Option<Condition>; 2],
    /// Words of the message that keep the row from matching.
    unless: &'static [&'static str],
    /// The fields of the conditions: a row is passed over at once if the reply lacks one.
    needs: Fields,
    fault: Fault,
}

impl FaultRule {
    /// A row for the replies of one provider. It means the usual fault of the kind.
    pub const fn new(provider: Provider, kind: FaultKind) -> Self {
        Self { provider: Some(provider), ..Self::any(kind) }
    }

    /// A row for the replies of every provider.
    pub const fn any(kind: FaultKind) -> Self {
        let mut fault = usual::fault(kind);
        match kind {
            // The model wrote what nobody can read. Nothing that is stored is corrupt.
            FaultKind::Malformed => fault.scenario = FailureScenario::LlmError,
            // There is a reply, and it is no answer.
            FaultKind::Server => fault.reach = Reach::Failed,
            _ => {}
        }
        Self { provider: None, status: None, conditions: [None; 2], unless: &[], needs: 0, fault }
    }

    /// Only for statuses from `lowest` to `highest`.
    #[must_use]
    pub const fn status(mut self, lowest: u16, highest: u16) -> Self {
        self.status = Some((lowest, highest));
        self
    }

    /// Only if a field is one of `values`, in any case. With two conditions, both must hold; a third
    /// replaces the second.
    #[must_use]
    pub const fn says(self, field: ReplyField, values: &'static [&'static str]) -> Self {
        self.when(Condition { field, matcher: Matcher::Is(values) })
    }

    /// Only if a field contains one of `parts`, in any case.
    #[must_use]
    pub const fn mentions(self, field: ReplyField, parts: &'static [&'static str]) -> Self {
        self.when(Condition { field, matcher: Matcher::Has(parts) })
    }

    /// Only if a field begins with one of `parts`, in any case.
    #[must_use]
    pub const fn begins(self, field: ReplyField, parts: &'static [&'static str]) -> Self {
        self.when(Condition { field, matcher: Matcher::Begins(parts) })
    }

    /// Only if a field, or what a name or a status before a colon says of it, begins with one of `parts`, in any case.
    #[must_use]
    pub(super) const fn opens(self, field: ReplyField, parts: &'static [&'static str]) -> Self {
        self.when(Condition { field, matcher: Matcher::Opens(parts) })
    }

    /// Only if a field is present.
    #[must_use]
    pub const fn has(self, field: ReplyField) -> Self {
        self.when(Condition { field, matcher: Matcher::Exists })
    }

    /// Not if the message contains one of `parts`, in any case.
    #[must_use]
    pub const fn unless(mut self, parts: &'static [&'static str]) -> Self {
        self.unless = parts;
        self
    }

    /// Sets [`retry`](Fault::retry) to false.
    #[must_use]
    pub const fn never_here(mut self) -> Self {
        self.fault.retry = false;
        self
    }

    /// Sets [`retry`](Fault::retry) to true, if the kind [may pass](FaultKind::may_pass).
    #[must_use]
    pub const fn again_here(mut self) -> Self {
        self.fault.retry = self.fault.kind.may_pass();
        self
    }

    /// Sets [`elsewhere`](Fault::elsewhere).
    #[must_use]
    pub const fn elsewhere(mut self, elsewhere: bool) -> Self {
        self.fault.elsewhere = elsewhere;
        self
    }

    /// Sets the scope that [rests](Fault::cools).
    #[must_use]
    pub const fn cools(mut self, scope: FaultScope) -> Self {
        self.fault.cools = scope;
        self
    }

    /// Sets whether it [counts](Fault::counts) against the provider's health.
    #[must_use]
    pub const fn counts(mut self, counts: bool) -> Self {
        self.fault.counts = counts;
        self
    }

    /// Sets how far the request [came](Fault::reach).
    #[must_use]
    pub const fn reach(mut self, reach: Reach) -> Self {
        self.fault.reach = reach;
        self
    }

    /// The fault that the row means.
    pub const fn fault(&self) -> Fault {
        self.fault
    }

    /// Whether the row is for replies of this provider.
    pub(super) fn is_for(&self, provider: Provider) -> bool {
        self.provider.is_none_or(|own| own == provider)
    }

    /// Whether the row is for this provider and no other.
    pub(super) fn is_only_for(&self, provider: Provider) -> bool {
        self.provider == Some(provider)
    }

    /// Whether the reply has what the row asks for, whoever sent it.
    #[inline]
    pub(super) fn matches<'a, N: Json<'a>>(&self, reply: &Reply<'a, N>) -> bool {
        self.needs & !reply.has == 0
            && self.status.is_none_or(|(low, high)| low <= reply.status && reply.status <= high)
            && (self.needs == 0 || self.conditions_hold(reply))
    }

    /// Whether it reads the fields of a reply, and not its status alone.
    pub(super) const fn has_conditions(&self) -> bool {
        self.needs != 0
    }

    /// Words of which a reply must have one; `None` if it may match without, or if no index finds them.
    pub(super) fn wanted(&self) -> Option<Wanted> {
        self.conditions.iter().flatten().find_map(Condition::wanted)
    }

    #[inline(never)]
    fn conditions_hold<'a, N: Json<'a>>(&self, reply: &Reply<'a, N>) -> bool {
        self.conditions.iter().flatten().all(|condition| condition.holds(reply))
            && !reply.says_any(self.unless)
    }

    const fn when(mut self, condition: Condition) -> Self {
        let place = if self.conditions[0].is_none() { 0 } else { 1 };
        self.conditions[place] = Some(condition);
        self.needs = match self.conditions {
            [Some(first), Some(second)] => first.field.bit() | second.field.bit(),
            _ => condition.field.bit(),
        };
        self
    }
}

/// A line of a Markdown table: provider, status, says, kind, retried here, elsewhere, cooled down,
/// counts against health, reach.
impl fmt::Display for FaultRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "| {} | ", self.provider.map_or("any", Provider::as_str))?;
        match self.status {
            None => f.write_str("any")?,
            Some((low, high)) if low == high => write!(f, "{low}")?,
            Some((low, high)) => write!(f, "{low} to {high}")?,
        }
        f.write_str(" |")?;
        for (place, condition) in self.conditions.iter().flatten().enumerate() {
            f.write_str(if place == 0 { " " } else { " and " })?;
            condition.fmt(f)?;
        }
        for (place, part) in self.unless.iter().enumerate() {
            f.write_str(if place == 0 { ", and not " } else { ", " })?;
            write!(f, "`{part}`")?;
        }
        let yes = |yes| if yes { "yes" } else { "no" };
        let Fault { kind, retry, elsewhere, cools, counts, reach, .. } = self.fault;
        let (retry, elsewhere, counts) = (yes(retry), yes(elsewhere), yes(counts));
        write!(f, " | {kind} | {retry} | {elsewhere} | {cools} | {counts} | {reach} |")
    }
}
