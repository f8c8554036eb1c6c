//! The numbers of a run: calls, failures, durations, tokens, cost.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::AgentEventName;

use crate::timeline::{Span, SpanKind, Timeline, TokenUse, lives};

/// The numbers of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// From the first event to the last.
    pub duration: Duration,
    /// How many events were read.
    pub events: u64,
    /// How many are missing by their sequence numbers.
    pub lost: u64,
    /// How many lines were no events.
    pub unread: u64,
    /// How many spans have no end.
    pub unfinished: u64,
    /// How many turns and tools were refused.
    pub refused: u64,
    /// All tokens and their cost.
    pub spent: TokenUse,
    /// All sessions, all turns, all attempts, all tool calls, all waits: those there are.
    pub kinds: Vec<StatsLine>,
    /// The sessions by the role of their agent.
    pub agents: Vec<StatsLine>,
    /// The calls by model: the attempts of recovering turns, the turns otherwise.
    pub models: Vec<StatsLine>,
    /// The tool calls by tool.
    pub tools: Vec<StatsLine>,
    /// The waits by reason.
    pub waits: Vec<StatsLine>,
    /// Counts of recoveries.
    pub recoveries: Recoveries,
}

/// Recoveries by fate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recoveries {
    /// How many were tried.
    pub attempted: u64,
    /// How many worked.
    pub succeeded: u64,
    /// How many failed.
    pub failed: u64,
    /// How many were given up.
    pub escalated: u64,
    /// How many moved to another provider.
    pub switched: u64,
}

/// The numbers of all spans of one name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatsLine {
    /// The role, the model or the tool.
    pub name: Arc<str>,
    /// How many.
    pub calls: u64,
    /// How many did not end well.
    pub failed: u64,
    /// The median of their durations. Spans without an end have none.
    pub p50: Duration,
    /// The duration that 19 in 20 did not exceed.
    pub p95: Duration,
    /// The longest.
    pub max: Duration,
    /// The sum of their durations; parallel ones count each.
    pub total: Duration,
    /// Their tokens and cost.
    pub spent: TokenUse,
}

impl Timeline {
    /// The numbers of the run.
    pub fn stats(&self) -> Stats {
        let is = |kind| move |span: &Span| span.kind == kind;
        let mut stats = Stats {
            duration: self.duration(),
            events: self.rows.len() as u64,
            lost: self.lost(),
            unread: self.unread,
            unfinished: lives::open(self).count() as u64,
            spent: self.charges.iter().fold(TokenUse::default(), |sum, one| sum.plus(one.spent)),
            agents: self.agents(),
            models: self.models(),
            tools: lines(self.spans.iter().filter(|span| is(SpanKind::Tool)(span))),
            waits: lines(self.spans.iter().filter(|span| is(SpanKind::Wait)(span))),
            ..Stats::default()
        };
        for kind in SpanKind::ALL {
            let mut group = Group::default();
            self.spans.iter().filter(|span| is(kind)(span)).for_each(|span| group.add(span));
            if group.calls > 0 {
                stats.kinds.push(group.line(Arc::from(kind.as_str())));
            }
        }
        for row in &self.rows {
            let count = match row.event.event {
                AgentEventName::RecoveryAttempted => &mut stats.recoveries.attempted,
                AgentEventName::RecoverySucceeded => &mut stats.recoveries.succeeded,
                AgentEventName::RecoveryFailed => &mut stats.recoveries.failed,
                AgentEventName::RecoveryEscalated => &mut stats.recoveries.escalated,
                AgentEventName::RecoveryProviderSwitched => &mut stats.recoveries.switched,
                AgentEventName::AgentBlocked => &mut stats.refused,
                _ => continue,
            };
            *count += 1;
        }
        stats
    }

    fn agents(&self) -> Vec<StatsLine> {
        let mut groups: BTreeMap<&str, Group> = BTreeMap::new();
        for session in &self.sessions {
            let root = session.root.map(|root| &self.spans[root]);
            let group = groups.entry(session.name()).or_default();
            group.calls += 1;
            group.failed += u64::from(root.is_some_and(Span::is_failed));
            if !root.is_some_and(Span::is_unfinished) {
                group.durations.push(session.duration());
            }
        }
        for charge in &self.charges {
            let group = groups.entry(self.sessions[charge.session].name()).or_default();
            group.spent = group.spent.plus(charge.spent);
        }
        groups.into_iter().map(|(name, group)| group.line(Arc::from(name))).collect()
    }

    fn models(&self) -> Vec<StatsLine> {
        let mut groups: BTreeMap<&Arc<str>, Group> = BTreeMap::new();
        let is_call = |span: &&Span| match span.kind {
            SpanKind::Attempt => true,
            SpanKind::Turn => !span.has_attempts,
            _ => false,
        };
        for span in self.spans.iter().filter(is_call) {
            groups.entry(span.model_or_name()).or_default().add(span);
        }
        for charge in &self.charges {
            let group = groups.entry(self.spans[charge.span].model_or_name()).or_default();
            group.spent = group.spent.plus(charge.spent);
        }
        groups.into_iter().map(|(name, group)| group.line(Arc::clone(name))).collect()
    }
}

fn lines<'a, I: Iterator<Item = &'a Span>>(spans: I) -> Vec<StatsLine> {
    let mut groups: BTreeMap<&Arc<str>, Group> = BTreeMap::new();
    for span in spans {
        groups.entry(&span.name).or_default().add(span);
    }
    groups.into_iter().map(|(name, group)| group.line(Arc::clone(name))).collect()
}

/// Spans that are counted together.
#[derive(Default)]
struct Group {
    calls: u64,
    failed: u64,
    durations: Vec<Duration>,
    spent: TokenUse,
}

impl Group {
    fn add(&mut self, span: &Span) {
        self.calls += 1;
        self.failed += u64::from(span.is_failed());
        if !span.is_unfinished() {
            self.durations.push(span.duration());
        }
    }

    fn line(mut self, name: Arc<str>) -> StatsLine {
        self.durations.sort_unstable();
        // The nearest rank: a duration that there was.
        let rank = |percent: usize| {
            let place = (self.durations.len() * percent).div_ceil(100).saturating_sub(1);
            self.durations.get(place).copied().unwrap_or_default()
        };
        StatsLine {
            name,
            calls: self.calls,
            failed: self.failed,
            p50: rank(50),
            p95: rank(95),
            max: rank(100),
            total: self.durations.iter().fold(Duration::ZERO, |sum, one| sum.saturating_add(*one)),
            spent: self.spent,
        }
    }
}
