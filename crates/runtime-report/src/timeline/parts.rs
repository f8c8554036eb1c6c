//! Sessions and spans, as a log tells of them.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::payload::TurnEnded;
use runtime_events::{
    AgentEvent, AgentEventName, AgentFailureClass, Labels, SpanId, SpanOutcome, thread_of,
};

/// One session of an agent. A log of the original has none: there, a role stands for one.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) id: Option<Arc<str>>,
    /// The short form of its id, if another session has its name.
    pub(crate) short: Option<Arc<str>>,
    pub(crate) role: Option<Arc<str>>,
    pub(crate) phase: Option<Arc<str>>,
    pub(crate) labels: Option<Arc<Labels>>,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The span of the session itself.
    pub(crate) root: Option<usize>,
    /// The session around it, and how many are.
    pub(crate) parent: Option<usize>,
    pub(crate) depth: usize,
    /// Its spans in the order of their beginnings, the root among them.
    pub(crate) spans: Vec<usize>,
    /// Its events in the order of the log.
    pub(crate) rows: Vec<usize>,
    pub(crate) lost: u64,
    /// Its tokens and cost.
    pub(crate) spent: TokenUse,
    /// The states of its agent, one after the other.
    pub(crate) states: Vec<Segment>,
    /// Whether a later life of its thread went on with it.
    pub(crate) is_continued: bool,
}

impl Session {
    /// The session's id, if it has one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The role of its agent.
    pub fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }

    /// How long it took, or took so far.
    pub const fn duration(&self) -> Duration {
        Duration::from_nanos(self.end.saturating_sub(self.start))
    }

    /// How many of its events are not in the log.
    pub const fn lost(&self) -> u64 {
        self.lost
    }

    /// The thread of a durable session, and the number of its life.
    pub(crate) fn thread(&self) -> Option<(&str, u32)> {
        thread_of(self.labels.as_deref()?)
    }

    /// Its name where there is no room for its id.
    pub(crate) fn name(&self) -> &str {
        self.role.as_deref().or(self.id.as_deref()).unwrap_or("agent")
    }

    /// Its name, with the short form of its id where the name alone is not enough.
    pub(crate) fn full_name(&self) -> Cow<'_, str> {
        match &self.short {
            None => Cow::Borrowed(self.name()),
            Some(short) => Cow::Owned(format!("{} {short}", self.name())),
        }
    }
}

/// A stretch of time in one state.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) state: Arc<str>,
}

/// The kind of operation behind a span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum SpanKind {
    /// A session, from its agent's start to its end.
    Session,
    /// A model turn.
    Turn,
    /// One attempt at a recovering turn's call.
    Attempt,
    /// A tool call.
    Tool,
    /// A wait: for a rate limit, a back-off, or an answer.
    Wait,
}

impl SpanKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Session, Self::Turn, Self::Attempt, Self::Tool, Self::Wait];

    /// One word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::Turn => "turn",
            Self::Attempt => "attempt",
            Self::Tool => "tool",
            Self::Wait => "wait",
        }
    }

    /// The kind of span that such an event begins, if any.
    pub(crate) const fn begun_by(name: AgentEventName) -> Option<Self> {
        Some(match name {
            AgentEventName::AgentStarted => Self::Session,
            AgentEventName::TurnStarted => Self::Turn,
            AgentEventName::AttemptStarted => Self::Attempt,
            AgentEventName::ToolCalled => Self::Tool,
            AgentEventName::WaitStarted => Self::Wait,
            _ => return None,
        })
    }

    /// The kind of span that such an event ends, where its beginning is not in the log.
    pub(crate) const fn ended_by(name: AgentEventName) -> Self {
        match name {
            AgentEventName::TurnCompleted | AgentEventName::TurnFailed => Self::Turn,
            AgentEventName::AttemptCompleted | AgentEventName::AttemptFailed => Self::Attempt,
            AgentEventName::ToolCompleted => Self::Tool,
            AgentEventName::WaitEnded => Self::Wait,
            _ => Self::Session,
        }
    }
}

/// One span: an interval of a session with a beginning and, unless the run broke off, an end.
#[derive(Clone, Debug)]
pub struct Span {
    pub(crate) id: SpanId,
    pub(crate) kind: SpanKind,
    pub(crate) session: usize,
    /// The span around it, in this session or in its parent's.
    pub(crate) parent: Option<usize>,
    /// How many spans of its session are around it.
    pub(crate) depth: usize,
    pub(crate) name: Arc<str>,
    /// The model that was asked, of turns and attempts.
    pub(crate) model: Option<Arc<str>>,
    /// Whether it is a turn that is made of attempts.
    pub(crate) has_attempts: bool,
    pub(crate) start: u64,
    pub(crate) end: u64,
    /// The event that began it, if the log has it.
    pub(crate) first: Option<usize>,
    /// The event that ended it.
    pub(crate) last: Option<usize>,
    /// Whether the log has it as a span; a pause is made of two events that are none.
    pub(crate) is_told: bool,
    /// The other events inside it.
    pub(crate) rows: Vec<usize>,
    pub(crate) outcome: Option<SpanOutcome>,
    pub(crate) failure: Option<AgentFailureClass>,
    pub(crate) used: TokenUse,
}

impl Span {
    /// One that begins and has no name yet.
    pub(crate) fn new(id: SpanId, kind: SpanKind, session: usize, at: u64) -> Self {
        Self {
            id,
            kind,
            session,
            parent: None,
            depth: 0,
            name: unnamed(kind),
            model: None,
            has_attempts: false,
            start: at,
            end: at,
            first: None,
            last: None,
            is_told: true,
            rows: Vec::new(),
            outcome: None,
            failure: None,
            used: TokenUse::default(),
        }
    }

    /// Its id. A pause is no span in its log: its id is made of its session and its place.
    pub const fn id(&self) -> SpanId {
        self.id
    }

    /// Its kind.
    pub const fn kind(&self) -> SpanKind {
        self.kind
    }

    /// The role, the model, the tool, the route of an attempt, or the reason of a wait.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How long it took, or took so far.
    pub const fn duration(&self) -> Duration {
        Duration::from_nanos(self.nanos())
    }

    /// How it ended; nothing if the log does not say.
    pub const fn outcome(&self) -> Option<SpanOutcome> {
        self.outcome
    }

    /// Whether the log ends before it does.
    pub const fn is_unfinished(&self) -> bool {
        self.last.is_none()
    }

    /// Whether it failed. A cancelled span did not.
    pub fn is_failed(&self) -> bool {
        self.outcome.is_some_and(SpanOutcome::is_failure)
    }

    pub(crate) fn model_or_name(&self) -> &Arc<str> {
        self.model.as_ref().unwrap_or(&self.name)
    }

    pub(crate) const fn nanos(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }
}

/// Tokens and nano-dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenUse {
    /// All tokens read, cached ones and audio included.
    pub input_tokens: u64,
    /// Tokens read from a cache: a part of the input.
    pub cached_tokens: u64,
    /// All tokens written.
    pub output_tokens: u64,
    /// The cost, in billionths of a dollar.
    pub cost_nanousd: u64,
}

impl TokenUse {
    /// The use that an event's data tells.
    pub fn of(event: &AgentEvent) -> Self {
        let ended = TurnEnded::of(event);
        Self {
            input_tokens: ended.total_input(),
            cached_tokens: ended.cache_read_tokens,
            output_tokens: ended.total_output(),
            cost_nanousd: ended.cost_nanousd().unwrap_or(0),
        }
    }

    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_add(other.input_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            output_tokens: self.output_tokens.saturating_add(other.output_tokens),
            cost_nanousd: self.cost_nanousd.saturating_add(other.cost_nanousd),
        }
    }

    /// The part of `self` beyond `other`.
    pub(crate) const fn beyond(self, other: Self) -> Self {
        Self {
            input_tokens: self.input_tokens.saturating_sub(other.input_tokens),
            cached_tokens: self.cached_tokens.saturating_sub(other.cached_tokens),
            output_tokens: self.output_tokens.saturating_sub(other.output_tokens),
            cost_nanousd: self.cost_nanousd.saturating_sub(other.cost_nanousd),
        }
    }

    pub(crate) const fn is_nothing(self) -> bool {
        self.input_tokens == 0
            && self.cached_tokens == 0
            && self.output_tokens == 0
            && self.cost_nanousd == 0
    }
}

/// Dollars or seconds of an event, back in the whole billionths they were written from.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the cast saturates, and takes NaN for zero"
)]
pub(crate) fn nanos(of: f64) -> u64 {
    (of * 1e9).round() as u64
}

/// The name of a span that events do not name. A turn's name is its model, and a turn may have none.
pub(crate) fn unnamed(kind: SpanKind) -> Arc<str> {
    Arc::from(if kind == SpanKind::Turn { "(no model)" } else { kind.as_str() })
}
