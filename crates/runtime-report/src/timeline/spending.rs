//! Charges: when, in which session, and on which budget.
//!
//! A recovering turn's end tells the sum of its attempts: each attempt is charged with its own part,
//! and the turn only with the rest.

use std::collections::HashMap;
use std::sync::Arc;

use runtime_events::AgentEventName;
use runtime_events::payload::{MarkCrossed, SessionEnded, Word};

use super::Timeline;
use super::parts::{SpanKind, TokenUse, nanos};

/// A call that was paid for.
#[derive(Clone, Debug)]
pub(crate) struct Charge {
    pub(crate) at: u64,
    pub(crate) session: usize,
    pub(crate) span: usize,
    pub(crate) spent: TokenUse,
}

/// A budget, as its marks and the last events of sessions tell of it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Account {
    pub(crate) name: Option<Arc<str>>,
    /// The session that told of it first.
    pub(crate) session: usize,
    pub(crate) limit: u64,
    pub(crate) spent: u64,
    pub(crate) enforced: bool,
    /// When which share of it was spent.
    pub(crate) marks: Vec<(u64, u64)>,
}

pub(super) fn read(timeline: &mut Timeline) {
    let mut charges = Vec::new();
    let mut of_attempts: HashMap<usize, TokenUse> = HashMap::new();
    // Attempts begin after their turns, so they are told first from the back.
    for (number, span) in timeline.spans.iter().enumerate().rev() {
        let spent = match span.kind {
            SpanKind::Attempt => {
                if let Some(turn) = span.parent {
                    let sum = of_attempts.entry(turn).or_default();
                    *sum = sum.plus(span.used);
                }
                span.used
            }
            SpanKind::Turn => match of_attempts.get(&number) {
                Some(attempts) => span.used.beyond(*attempts),
                None => span.used,
            },
            _ => continue,
        };
        if !spent.is_nothing() {
            charges.push(Charge { at: span.end, session: span.session, span: number, spent });
        }
    }
    charges.sort_by_key(|charge| (charge.at, charge.span));
    for charge in &charges {
        let session = &mut timeline.sessions[charge.session];
        session.spent = session.spent.plus(charge.spent);
    }
    timeline.charges = charges;
    timeline.accounts = accounts(timeline);
}

fn accounts(timeline: &Timeline) -> Vec<Account> {
    let mut accounts = Accounts::default();
    for row in &timeline.rows {
        let Some(session) = row.session else { continue };
        if row.event.event == AgentEventName::BudgetMark {
            let mark = MarkCrossed::of(&row.event);
            let account = accounts.of(mark.account, session);
            account.limit = dollars(mark.limit_usd);
            account.spent = account.spent.max(dollars(mark.spent_usd));
            account.marks.push((row.at, mark.percent.unwrap_or(0)));
        }
        for statement in SessionEnded::of(&row.event).statements() {
            let account = accounts.of(statement.account, session);
            account.limit = dollars(statement.limit_usd);
            account.spent = account.spent.max(dollars(statement.spent_usd));
            account.enforced |= statement.enforced;
        }
    }
    accounts.list
}

#[derive(Default)]
struct Accounts {
    list: Vec<Account>,
    /// By name; one without a name is its session's own.
    places: HashMap<(Option<Arc<str>>, usize), usize>,
}

impl Accounts {
    fn of(&mut self, name: Option<Word<'_>>, session: usize) -> &mut Account {
        let name = name.map(Word::to_shared);
        let key = (name.clone(), if name.is_some() { 0 } else { session });
        let place = *self.places.entry(key).or_insert_with(|| {
            self.list.push(Account { name, session, ..Account::default() });
            self.list.len() - 1
        });
        &mut self.list[place]
    }
}

fn dollars(amount: Option<f64>) -> u64 {
    amount.map_or(0, nanos)
}
