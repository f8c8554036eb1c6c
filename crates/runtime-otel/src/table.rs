//! The spans that are open, and the sessions they are of.
//!
//! No I/O and no tracer's code: all of it runs under one lock.

use std::cmp::Reverse;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use opentelemetry::trace::SpanContext;
use opentelemetry::{Context, KeyValue};
use runtime_events::{AgentEvent, SpanId};

use crate::call::{Call, Sole};
use crate::contents::is_asked;
use crate::spread::Spread;
use crate::time::{Anchor, At};
use crate::tokens::Used;

/// A span that has begun and not ended.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) cx: Context,
    pub(crate) session: Option<SessionKey>,
    /// The span around it, if that was open when it began.
    pub(crate) parent: Option<SpanId>,
    pub(crate) start: At,
    /// When something last happened inside it: it does not end earlier.
    pub(crate) latest: At,
    /// Grows with each span: a parent's is less than its child's.
    pub(crate) order: u64,
    pub(crate) what: What,
    /// What was captured, for its end. An attempt that captures the same anew replaces it.
    pub(crate) contents: Vec<KeyValue>,
}

impl Open {
    fn keep(&mut self, said: impl IntoIterator<Item = KeyValue>) {
        for said in said {
            match self.contents.iter_mut().find(|held| held.key == said.key) {
                Some(held) => *held = said,
                None => self.contents.push(said),
            }
        }
    }
}

/// A session, by its place in the table: shorter than its id.
pub(crate) type SessionKey = u64;

/// The operation behind a span, with the facts that its end needs.
#[derive(Debug)]
pub(crate) enum What {
    Agent(Agent),
    Chat(Chat),
    Tool(Arc<str>),
    Attempt(Call),
}

#[derive(Debug, Default)]
pub(crate) struct Agent {
    pub(crate) role: Option<Arc<str>>,
    /// The workflow's span, around the agent's.
    pub(crate) workflow: Option<Context>,
    /// Its calls; known at its end.
    pub(crate) calls: Calls,
}

/// The calls of a session, without its children's.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    pub(crate) chats: u64,
    pub(crate) tools: u64,
    /// Of its chats, while they all had the same.
    pub(crate) provider: Sole,
}

#[derive(Debug, Default)]
pub(crate) struct Chat {
    /// The model that was asked first, and the provider of the latest attempt.
    pub(crate) call: Call,
    /// The model of the attempt that was answered.
    pub(crate) answered: Option<Arc<str>>,
    /// What its attempts have used, if it has any: the turn's end tells their sum. Boxed, as few turns have.
    pub(crate) attempts: Option<Box<Used>>,
}

/// A span that is over, and when.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) open: Box<Open>,
    pub(crate) at: At,
}

#[derive(Debug, Default)]
pub(crate) struct Table {
    /// Boxed, since a span moves into the table and out of it again.
    spans: HashMap<SpanId, Box<Open>, Spread>,
    sessions: HashMap<SessionKey, Session, Spread>,
    keys: HashMap<Arc<str>, SessionKey>,
    handoffs: VecDeque<(Arc<str>, SpanContext)>,
    /// How many spans have begun.
    order: u64,
}

#[derive(Debug)]
struct Session {
    id: Arc<str>,
    root: Option<SpanId>,
    anchor: Anchor,
    latest: At,
    calls: Calls,
    /// Its open spans, its root among them.
    open: Vec<SpanId>,
}

/// How many handoffs are remembered to targets that have not begun.
const HANDOFFS: usize = 1_024;

impl Table {
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn get(&self, span: SpanId) -> Option<&Open> {
        self.spans.get(&span).map(|open| &**open)
    }

    pub(crate) fn get_mut(&mut self, span: SpanId) -> Option<&mut Open> {
        self.spans.get_mut(&span).map(|open| &mut **open)
    }

    /// The session's own span.
    pub(crate) fn root(&self, session: &str) -> Option<SpanId> {
        self.sessions.get(self.keys.get(session)?)?.root
    }

    /// The session of an event, and when it happened on the clock of that session, which is usually the one
    /// of a span `near` it, else found by its id.
    pub(crate) fn hear(
        &mut self,
        event: &AgentEvent,
        near: Option<SessionKey>,
    ) -> (Option<SessionKey>, At) {
        if let Some(at) = near.and_then(|_| self.hear_in(near, event)) {
            return (near, at);
        }
        let known = event.session_id.as_deref().and_then(|id| self.keys.get(id).copied());
        let at = known.and_then(|_| self.hear_in(known, event));
        (known, at.unwrap_or_else(|| At::of(event)))
    }

    /// When an event happened on the clock of its session.
    pub(crate) fn hear_near(&mut self, event: &AgentEvent) -> At {
        let near = event.span.and_then(|span| self.get(span)?.session);
        self.hear(event, near).1
    }

    /// When an event of this session happened; `None` if it is of another one.
    pub(crate) fn hear_in(
        &mut self,
        session: Option<SessionKey>,
        event: &AgentEvent,
    ) -> Option<At> {
        let Some(session) = session.and_then(|key| self.sessions.get_mut(&key)) else {
            return event.session_id.is_none().then(|| At::of(event));
        };
        if Some(&*session.id) != event.session_id.as_deref() {
            return None;
        }
        let at = session.anchor.time(event);
        session.latest = session.latest.max(at);
        Some(at)
    }

    /// The open span that an event happened in.
    pub(crate) fn enclosing(&self, event: &AgentEvent) -> Option<SpanId> {
        let open = |span: &SpanId| self.spans.contains_key(span);
        let root = || self.root(event.session_id.as_deref()?).filter(open);
        event.span.filter(open).or_else(|| event.parent.filter(open)).or_else(root)
    }

    /// Keeps a captured content for the span that it is of. The first that its session asks is also
    /// what the agent was asked.
    pub(crate) fn keep(&mut self, event: &AgentEvent, said: Vec<KeyValue>) {
        let Some(open) = self.enclosing(event).and_then(|span| self.get(span)) else { return };
        let is_attempt = matches!(open.what, What::Attempt(_));
        let span = open.parent.filter(|_| is_attempt).or_else(|| self.enclosing(event));
        let asked = said.iter().filter(|said| is_asked(said)).cloned().collect::<Vec<_>>();
        if let Some(open) = span.and_then(|span| self.get_mut(span)) {
            open.keep(said);
        }
        let root = event.session_id.as_deref().and_then(|session| self.root(session));
        if let Some(root) = root.and_then(|root| self.get_mut(root))
            && !root.contents.iter().any(is_asked)
        {
            root.keep(asked);
        }
    }

    /// Makes the answer of a turn its session's: the last one is what the agent answers.
    pub(crate) fn answered(&mut self, turn: SpanId) {
        let open = self.get(turn).filter(|open| matches!(open.what, What::Chat(_)));
        let Some(session) = open.and_then(|open| self.sessions.get(&open.session?)) else { return };
        let (root, contents) = (session.root, open.map(|open| open.contents.clone()));
        if let Some(root) = root.and_then(|root| self.get_mut(root)) {
            root.keep(contents.into_iter().flatten().filter(|said| !is_asked(said)));
        }
    }

    /// Takes a span in, and hands out one that had its id.
    pub(crate) fn insert(
        &mut self,
        span: SpanId,
        event: &AgentEvent,
        mut open: Box<Open>,
    ) -> Option<Ended> {
        let before =
            if self.spans.contains_key(&span) { self.close(span, open.start) } else { None };
        self.order += 1;
        open.order = self.order;
        let root = matches!(open.what, What::Agent(_)).then_some(span);
        // What was closed may have been the last of its session.
        match open.session.and_then(|key| self.sessions.get_mut(&key)) {
            Some(session) => {
                session.open.push(span);
                session.root = root.or(session.root);
            }
            None => open.session = self.begin(event, span, root, open.start),
        }
        self.spans.insert(span, open);
        before
    }

    /// Begins a session with its first span.
    fn begin(
        &mut self,
        event: &AgentEvent,
        first: SpanId,
        root: Option<SpanId>,
        latest: At,
    ) -> Option<SessionKey> {
        let id = event.session_id.as_ref()?;
        // Of the span that begins: no two sessions have the same.
        let key = self.order;
        let (id, anchor) = (Arc::clone(id), Anchor::of(event));
        self.keys.insert(Arc::clone(&id), key);
        let (calls, open) = (Calls::default(), vec![first]);
        self.sessions.insert(key, Session { id, root, anchor, latest, calls, open });
        Some(key)
    }

    /// Ends what the session of a span has left open inside it, if it is the session's own.
    pub(crate) fn end_inside(&mut self, span: SpanId, at: At) -> Vec<Ended> {
        let session = self.get(span).and_then(|open| self.sessions.get(&open.session?));
        let left = match session {
            Some(session) if session.root == Some(span) => {
                session.open.iter().copied().filter(|other| *other != span).collect()
            }
            _ => Vec::new(),
        };
        self.close_all(left, |_| at)
    }

    /// Ends everything, each at the latest moment that is known of its session.
    pub(crate) fn end_all(&mut self) -> Vec<Ended> {
        let all = self.spans.keys().copied().collect();
        let latest: HashMap<_, _> =
            self.sessions.iter().map(|(key, it)| (*key, it.latest)).collect();
        let ended = self.close_all(all, |open| {
            open.session.and_then(|key| latest.get(&key)).copied().unwrap_or(open.latest)
        });
        self.sessions.clear();
        self.keys.clear();
        ended
    }

    /// Ends spans, each before the one around it.
    fn close_all(&mut self, mut spans: Vec<SpanId>, at: impl Fn(&Open) -> At) -> Vec<Ended> {
        spans.sort_unstable_by_key(|span| Reverse(self.get(*span).map_or(0, |open| open.order)));
        let mut ended = Vec::with_capacity(spans.len());
        for span in spans {
            let Some(at) = self.get(span).map(&at) else { continue };
            ended.extend(self.close(span, at));
        }
        ended
    }

    /// Ends a span.
    pub(crate) fn close(&mut self, span: SpanId, at: At) -> Option<Ended> {
        let mut open = self.spans.remove(&span)?;
        // Monotonic within a session; between sessions, wall clocks may have jumped.
        let at = at.max(open.start).max(open.latest);
        if let Some(parent) = open.parent.and_then(|parent| self.get_mut(parent)) {
            parent.latest = parent.latest.max(at);
        }
        if let Some(key) = open.session
            && let Some(session) = self.sessions.get_mut(&key)
        {
            session.calls.add(&open.what);
            session.open.retain(|other| *other != span);
            if session.root == Some(span)
                && let What::Agent(agent) = &mut open.what
            {
                agent.calls = std::mem::take(&mut session.calls);
                session.root = None;
            }
            // Without a root, its last span is the last that is heard of it.
            if session.root.is_none() && session.open.is_empty() {
                let id = Arc::clone(&session.id);
                self.sessions.remove(&key);
                self.keys.remove(&id);
            }
        }
        Some(Ended { open, at })
    }

    /// Remembers the span that handed work to `target`: a worker or a session.
    pub(crate) fn remember(&mut self, target: &str, from: &SpanContext) {
        self.handoffs.retain(|(held, _)| **held != *target);
        if self.handoffs.len() == HANDOFFS {
            self.handoffs.pop_front();
        }
        self.handoffs.push_back((target.into(), from.clone()));
    }

    /// The span that handed work to `target`, once.
    pub(crate) fn claim(&mut self, target: &str) -> Option<SpanContext> {
        let claimed = self.handoffs.iter().find(|(held, _)| **held == *target);
        let from = claimed.map(|(_, from)| from.clone())?;
        // A session hands over once, and may have named its target twice.
        self.handoffs.retain(|(_, other)| *other != from);
        Some(from)
    }
}

impl Calls {
    fn add(&mut self, call: &What) {
        match call {
            What::Chat(chat) => {
                self.chats += 1;
                if let Some(provider) = &chat.call.provider {
                    self.provider.add(provider);
                }
            }
            What::Tool(_) => self.tools += 1,
            What::Agent(_) | What::Attempt(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use runtime_events::AgentEvent;

    use super::*;

    fn open(parent: Option<SpanId>, session: Option<SessionKey>, what: What) -> Box<Open> {
        let (cx, contents) = (Context::new(), Vec::new());
        let start = At::of(&AgentEvent::started("writer", "draft"));
        Box::new(Open { cx, session, parent, start, latest: start, order: 0, what, contents })
    }

    #[test]
    fn a_session_that_is_over_leaves_nothing() {
        let (root, tool) = (SpanId::from_u64(1), SpanId::from_u64(2));
        let mut event = AgentEvent::started("writer", "draft");
        event.session_id = Some("a".into());
        // In the usual order; with its tool left open; and without a root.
        for ends in [&[tool, root][..], &[root], &[tool]] {
            let mut table = Table::default();
            if ends.contains(&root) {
                table.insert(root, &event, open(None, None, What::Agent(Agent::default())));
            }
            let session = table.get(root).and_then(|root| root.session);
            table.insert(tool, &event, open(Some(root), session, What::Tool("search".into())));
            for span in ends {
                table.end_inside(*span, At::of(&event));
                table.close(*span, At::of(&event));
            }
            assert_eq!((table.len(), table.sessions.len(), table.keys.len()), (0, 0, 0));
        }
    }

    #[test]
    fn unclaimed_handoffs_are_forgotten() {
        let mut table = Table::default();
        let from = SpanContext::empty_context();
        for number in 0..2 * HANDOFFS {
            table.remember(&number.to_string(), &from);
        }
        assert_eq!(table.handoffs.len(), HANDOFFS);
        assert!(table.claim("0").is_none());
        assert!(table.claim(&HANDOFFS.to_string()).is_some());
    }
}
