//! The spans that are open, and what is known of the sessions they are of.
//!
//! No I/O and no tracer's code: all of it runs under one lock.

use std::borrow::Cow;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::SystemTime;

use opentelemetry::Context;
use opentelemetry::trace::SpanContext;
use runtime_events::{AgentEvent, SpanId};

use crate::time::{Anchor, stamp};

/// A span that has begun and not ended.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) cx: Context,
    pub(crate) session: Option<Arc<str>>,
    /// The span around it, if that was open when it began.
    pub(crate) parent: Option<SpanId>,
    pub(crate) start: SystemTime,
    /// When something last happened inside it: it does not end earlier.
    pub(crate) latest: SystemTime,
    pub(crate) what: What,
}

/// What a span stands for, and what its end needs to know.
#[derive(Debug)]
pub(crate) enum What {
    Agent(Agent),
    Chat(Chat),
    Tool(Arc<str>),
    Attempt,
}

#[derive(Debug, Default)]
pub(crate) struct Agent {
    pub(crate) role: Option<Arc<str>>,
    /// The workflow's span, around the agent's.
    pub(crate) workflow: Option<Context>,
    pub(crate) chats: u64,
    pub(crate) tools: u64,
    /// Of its chats, while they all had the same.
    pub(crate) provider: Sole,
}

#[derive(Debug, Default)]
pub(crate) struct Chat {
    pub(crate) model: Option<Arc<str>>,
    pub(crate) provider: Option<Cow<'static, str>>,
    /// Whether the span had its provider from the beginning.
    pub(crate) told: bool,
    /// The model of the attempt that was answered.
    pub(crate) answered: Option<Arc<str>>,
}

/// A value, while there is but one.
#[derive(Debug, Default)]
pub(crate) enum Sole {
    #[default]
    None,
    One(Cow<'static, str>),
    Many,
}

impl Sole {
    fn add(&mut self, value: Cow<'static, str>) {
        *self = match std::mem::take(self) {
            Self::None => Self::One(value),
            Self::One(held) if held == value => Self::One(held),
            Self::One(_) | Self::Many => Self::Many,
        };
    }
}

/// A span that is over, and when.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) open: Open,
    pub(crate) at: SystemTime,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    spans: HashMap<SpanId, (u64, Open)>,
    sessions: HashMap<Arc<str>, Session>,
    handoffs: VecDeque<(Arc<str>, SpanContext)>,
    /// Grows with each span: a parent's is less than its child's.
    order: u64,
}

#[derive(Debug)]
struct Session {
    root: Option<SpanId>,
    anchor: Anchor,
    latest: SystemTime,
    /// Its open spans, its root among them.
    open: Vec<SpanId>,
}

/// How many handoffs are remembered whose target has not begun.
const HANDOFFS: usize = 1_024;

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn get(&self, span: SpanId) -> Option<&Open> {
        self.spans.get(&span).map(|(_, open)| open)
    }

    pub(crate) fn get_mut(&mut self, span: SpanId) -> Option<&mut Open> {
        self.spans.get_mut(&span).map(|(_, open)| open)
    }

    /// The session's own span.
    pub(crate) fn root(&self, session: &str) -> Option<SpanId> {
        self.sessions.get(session)?.root
    }

    /// When the event happened, on the clock of its session.
    pub(crate) fn time(&mut self, event: &AgentEvent) -> SystemTime {
        let session = event.session_id.as_ref().and_then(|id| self.sessions.get_mut(id));
        let Some(session) = session else { return stamp(event.emitted_at) };
        let at = session.anchor.time(event);
        session.latest = session.latest.max(at);
        at
    }

    /// The open span that an event happened in.
    pub(crate) fn enclosing(&self, event: &AgentEvent) -> Option<SpanId> {
        let open = |span: &SpanId| self.spans.contains_key(span);
        let root = || self.root(event.session_id.as_deref()?).filter(open);
        event.span.filter(open).or_else(|| event.parent.filter(open)).or_else(root)
    }

    /// Takes a span in, and hands out one that had its id.
    pub(crate) fn insert(&mut self, span: SpanId, event: &AgentEvent, open: Open) -> Option<Ended> {
        let before = self.close(span, open.start);
        if let Some(id) = &event.session_id {
            let session = self.sessions.entry(Arc::clone(id)).or_insert_with(|| Session {
                root: None,
                anchor: Anchor::of(event),
                latest: open.start,
                open: Vec::new(),
            });
            session.open.push(span);
            if matches!(open.what, What::Agent(_)) {
                session.root = Some(span);
            }
        }
        self.order += 1;
        self.spans.insert(span, (self.order, open));
        before
    }

    /// Ends a span, and before it, if it is a session's own, what the session has left open.
    pub(crate) fn end(&mut self, span: SpanId, at: SystemTime) -> Vec<Ended> {
        let session = self.get(span).and_then(|open| open.session.clone());
        let is_root = session.as_deref().and_then(|id| self.root(id)) == Some(span);
        if !is_root {
            return self.close(span, at).into_iter().collect();
        }
        let left = session.as_ref().and_then(|id| self.sessions.get(id));
        let left = left.map_or_else(Vec::new, |session| session.open.clone());
        self.close_all(left, |_| at)
    }

    /// Ends everything, each at the latest moment that is known of its session.
    pub(crate) fn end_all(&mut self) -> Vec<Ended> {
        let all = self.spans.keys().copied().collect();
        let latest = self.sessions.iter().map(|(id, it)| (Arc::clone(id), it.latest));
        let latest: HashMap<_, _> = latest.collect();
        let ended = self.close_all(all, |open| {
            open.session.as_ref().and_then(|id| latest.get(id)).copied().unwrap_or(open.latest)
        });
        self.sessions.clear();
        ended
    }

    /// Ends spans, each before the one around it.
    fn close_all(
        &mut self,
        mut spans: Vec<SpanId>,
        at: impl Fn(&Open) -> SystemTime,
    ) -> Vec<Ended> {
        spans.sort_unstable_by_key(|span| {
            std::cmp::Reverse(self.spans.get(span).map_or(0, |(order, _)| *order))
        });
        let mut ended = Vec::with_capacity(spans.len());
        for span in spans {
            let Some(at) = self.get(span).map(&at) else { continue };
            ended.extend(self.close(span, at));
        }
        ended
    }

    fn close(&mut self, span: SpanId, at: SystemTime) -> Option<Ended> {
        let (_, open) = self.spans.remove(&span)?;
        // Monotonic within a session; between sessions, wall clocks may have jumped.
        let at = at.max(open.start).max(open.latest);
        if let Some(parent) = open.parent.and_then(|parent| self.get_mut(parent)) {
            parent.latest = parent.latest.max(at);
        }
        self.count(&open);
        if let Some(id) = &open.session
            && let Some(session) = self.sessions.get_mut(id)
        {
            session.open.retain(|other| *other != span);
            // Without a root, its last span is the last that is heard of it.
            if session.root.is_none_or(|root| root == span) && session.open.is_empty() {
                self.sessions.remove(id);
            }
        }
        Some(Ended { open, at })
    }

    /// Adds a call to those of its session's agent.
    fn count(&mut self, call: &Open) {
        let root = call.session.as_deref().and_then(|id| self.root(id));
        let Some(Open { what: What::Agent(agent), .. }) = root.and_then(|it| self.get_mut(it))
        else {
            return;
        };
        match &call.what {
            What::Chat(chat) => {
                agent.chats += 1;
                if let Some(provider) = &chat.provider {
                    agent.provider.add(provider.clone());
                }
            }
            What::Tool(_) => agent.tools += 1,
            What::Agent(_) | What::Attempt => {}
        }
    }

    /// Remembers who handed work to `target`: a worker or a session.
    pub(crate) fn remember(&mut self, target: &str, from: &SpanContext) {
        self.handoffs.retain(|(held, _)| **held != *target);
        if self.handoffs.len() == HANDOFFS {
            self.handoffs.pop_front();
        }
        self.handoffs.push_back((target.into(), from.clone()));
    }

    /// Who handed work to `target`, once.
    pub(crate) fn claim(&mut self, target: &str) -> Option<SpanContext> {
        let claimed = self.handoffs.iter().find(|(held, _)| **held == *target);
        let from = claimed.map(|(_, from)| from.clone())?;
        // A session hands over once, and may have named its target twice.
        self.handoffs.retain(|(_, other)| *other != from);
        Some(from)
    }
}
