//! The place of a call: a whole turn, or an attempt inside one.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, SpanId, SpanOutcome};

use crate::core::Entry;
use crate::parts::money::Bill;
use crate::parts::stream::Stream;

/// The place of a call.
pub(crate) enum Part<'s> {
    /// A whole turn, directly below the session. The session's last event waits for its last event.
    Turn { _entry: Entry<'s> },
    /// An attempt of a recovering turn, which holds the entry.
    Attempt(Box<Place>),
}

/// The place of an attempt in its turn.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) turn: SpanId,
    pub(crate) number: u32,
    pub(crate) provider: Option<Arc<str>>,
    /// Whether it is a second call beside a slow one.
    pub(crate) hedge: bool,
    pub(crate) tally: Arc<Tally>,
}

impl Part<'_> {
    /// The event names of its start, its success and its failure.
    pub(crate) const fn names(&self) -> [AgentEventName; 3] {
        use AgentEventName as Name;
        match self {
            Self::Turn { .. } => [Name::TurnStarted, Name::TurnCompleted, Name::TurnFailed],
            Self::Attempt(_) => [Name::AttemptStarted, Name::AttemptCompleted, Name::AttemptFailed],
        }
    }

    #[inline]
    pub(crate) fn event(
        &self,
        stream: &Stream,
        name: AgentEventName,
        status: AgentEventStatus,
        span: SpanId,
    ) -> AgentEvent {
        stream.span_event(name, status, self.spans(stream, span))
    }

    /// Its span, and the span around it.
    #[inline]
    pub(crate) fn spans(&self, stream: &Stream, span: SpanId) -> (SpanId, Option<SpanId>) {
        let parent = self.place().map_or_else(|| stream.root(), |place| place.turn);
        (span, Some(parent))
    }

    /// The place in its turn, if it is an attempt.
    pub(crate) const fn place(&self) -> Option<&Place> {
        if let Self::Attempt(place) = self { Some(place) } else { None }
    }

    /// The names in its events, besides a failure's detail: the model and the provider.
    pub(crate) fn names_of<'n>(&'n self, model: &'n Arc<str>) -> [Option<&'n Arc<str>>; 2] {
        [Some(model), self.place().and_then(|place| place.provider.as_ref())]
    }

    /// Whether it uses a route, which has its own limiter.
    pub(crate) fn is_routed(&self) -> bool {
        matches!(self, Self::Attempt(place) if place.provider.is_some())
    }

    #[inline]
    pub(crate) fn ended(&self, bill: Option<&Bill>, outcome: SpanOutcome) {
        if let Self::Attempt(place) = self {
            place.tally.add(bill, outcome);
        }
    }
}

/// The sum of a turn's attempts.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Sum>);

#[derive(Debug, Default)]
struct Sum {
    bill: Bill,
    panicked: bool,
}

impl Tally {
    fn add(&self, bill: Option<&Bill>, outcome: SpanOutcome) {
        let mut sum = self.sum();
        if let Some(bill) = bill {
            sum.bill.add(bill);
        }
        sum.panicked |= outcome == SpanOutcome::Panicked;
    }

    /// The bill of all attempts.
    pub(crate) fn bill(&self) -> Bill {
        self.sum().bill.clone()
    }

    pub(crate) fn panicked(&self) -> bool {
        self.sum().panicked
    }

    fn sum(&self) -> MutexGuard<'_, Sum> {
        // Sums of plain values: no panic can leave them half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
