//! Findings: things that are wrong with a log.

use std::fmt;
use std::sync::Arc;

use runtime_events::SpanId;

/// One thing that is wrong with a log, and the event that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// The event that shows it, counted from 0 in the order they were read.
    pub event: usize,
    /// The session it happened in, if the event names one.
    pub session: Option<Arc<str>>,
    /// The problem.
    pub problem: Problem,
}

/// A kind of finding.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Sequence numbers are missing before this event.
    Missing {
        /// The first number that is missing.
        from: u64,
        /// How many are.
        count: u64,
    },
    /// The sequence number is not above the one before it.
    OutOfOrder {
        /// The number of the event.
        seq: u64,
        /// The number before it.
        after: u64,
    },
    /// The span began a second time.
    BegunTwice(SpanId),
    /// The span ended a second time.
    EndedTwice(SpanId),
    /// The span ended, and had not begun.
    NotBegun(SpanId),
    /// The span began, and has not ended.
    NotEnded(SpanId),
    /// The event belongs to a span that had not begun.
    UnknownSpan(SpanId),
    /// The span's parent had not begun.
    UnknownParent {
        /// The span.
        span: SpanId,
        /// The parent it names.
        parent: SpanId,
    },
    /// The span was still open, or began, after its parent had ended.
    OutsideParent {
        /// The span.
        span: SpanId,
        /// Its parent.
        parent: SpanId,
    },
    /// A sink had no room for events.
    Dropped {
        /// How many.
        count: u64,
    },
    /// A sink found the end of a log cut off.
    Torn {
        /// How many bytes of it.
        bytes: u64,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(session) = &self.session {
            write!(f, "session {session}: ")?;
        }
        self.problem.fmt(f)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { from, count: 1 } => write!(f, "event {from} is missing"),
            Self::Missing { from, count } => {
                write!(f, "{count} events from {from} on are missing")
            }
            Self::OutOfOrder { seq, after } => write!(f, "event {seq} comes after event {after}"),
            Self::BegunTwice(span) => write!(f, "span {span} begins a second time"),
            Self::EndedTwice(span) => write!(f, "span {span} ends a second time"),
            Self::NotBegun(span) => write!(f, "span {span} ends and has not begun"),
            Self::NotEnded(span) => write!(f, "span {span} has no end"),
            Self::UnknownSpan(span) => {
                write!(f, "the event belongs to span {span}, which has not begun")
            }
            Self::UnknownParent { span, parent } => {
                write!(f, "span {span} has the parent {parent}, which has not begun")
            }
            Self::OutsideParent { span, parent } => {
                write!(f, "span {span} is not inside its parent {parent}")
            }
            Self::Dropped { count } => write!(f, "a sink dropped {count} events"),
            Self::Torn { bytes } => write!(f, "{bytes} bytes of a torn line were lost"),
        }
    }
}
