//! The failures in a row of breakers, as they are counted beside them: what ended a call decides who is to blame.

use std::cell::Cell;
use std::time::Duration;

use runtime_resilience::{CircuitBreaker, CircuitState};

/// A breaker of each place, and the failures in a row that were seen there.
pub(super) struct Rows {
    rows: Vec<(CircuitBreaker, Cell<Row>)>,
    threshold: u32,
}

/// A row of failures in one generation of a breaker. `None` if it is not known.
#[derive(Clone, Copy)]
struct Row {
    generation: u32,
    failures: Option<u32>,
}

/// The generation that a call began in, if it counts in the row of that.
#[derive(Clone, Copy)]
pub(super) struct Began(Option<u32>);

/// How a call ended, for a breaker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Answered,
    Failed,
    /// Nobody at the place is to blame.
    Ignored,
    /// Two limits ended at the same moment.
    Unsure,
}

impl Rows {
    pub(super) fn new(breakers: &[CircuitBreaker], threshold: u32) -> Self {
        let row = Row { generation: 0, failures: Some(0) };
        let rows = breakers.iter().map(|breaker| (breaker.clone(), Cell::new(row))).collect();
        Self { rows, threshold }
    }

    pub(super) fn begin(&self, place: usize) -> Began {
        let now = self.rows[place].0.snapshot();
        Began((now.state == CircuitState::Closed).then_some(now.generation))
    }

    pub(super) fn end(&self, place: usize, Began(began): Began, ended: Ended) {
        let generation = self.rows[place].0.snapshot().generation;
        if began != Some(generation) {
            return;
        }
        let row = self.row(place);
        let failures = match ended {
            Ended::Answered => Some(0),
            Ended::Failed => row.failures.map(|failures| failures + 1),
            Ended::Ignored => row.failures,
            Ended::Unsure => None,
        };
        self.rows[place].1.set(Row { failures, ..row });
    }

    /// The row of this generation.
    fn row(&self, place: usize) -> Row {
        let (breaker, row) = &self.rows[place];
        let generation = breaker.snapshot().generation;
        if row.get().generation != generation {
            row.set(Row { generation, failures: Some(0) });
        }
        row.get()
    }

    /// Breakers count as they are to count, and open when they are to open.
    pub(super) fn check(&self) -> Result<(), String> {
        for (place, (breaker, _)) in self.rows.iter().enumerate() {
            let (row, now) = (self.row(place), breaker.snapshot());
            let Some(known) = row.failures.filter(|_| now.state == CircuitState::Closed) else {
                continue;
            };
            let counted = now.counts.failures_in_a_row;
            if counted != known || known >= self.threshold {
                let name = breaker.name();
                return Err(format!("`{name}` is closed with {counted} failures, of {known}"));
            }
        }
        Ok(())
    }
}

/// The moments at which a call is cut short.
pub(super) struct Limits {
    /// Those of the place: the end of the attempt, and that of the wait for its first token.
    pub(super) attempt: Duration,
    pub(super) first: Option<Duration>,
    /// Those of the turn, the session and its user.
    pub(super) others: [Option<Duration>; 3],
}

impl Limits {
    /// Who is to blame for a call that is cut short now. Another call of its turn may have been answered now.
    pub(super) fn ended(&self, now: Duration, spoke: bool, beaten: bool) -> Ended {
        let late = now == self.attempt || (!spoke && self.first == Some(now));
        let others = beaten || self.others.contains(&Some(now));
        match (late, others) {
            (true, false) => Ended::Failed,
            (true, true) => Ended::Unsure,
            (false, _) => Ended::Ignored,
        }
    }
}
