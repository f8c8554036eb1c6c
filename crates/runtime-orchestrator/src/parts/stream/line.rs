//! The events on their way to the sink: in order, one at a time, and no lock is held meanwhile.
//!
//! Every thread that has posted an event delivers until its own event is out, and waits while
//! another one delivers. Events that the sink itself causes, such as by dropping a turn, are
//! delivered by the thread that is in the sink, after it has left it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::thread::{self, ThreadId};

use runtime_events::AgentEvent;
use runtime_sinks::EventSink;

use crate::parts::sinks::Own;

/// The waiting events, the thread in the sink, and what is out.
pub(super) struct Line {
    /// `None` without a sink, and after the last event.
    sink: Option<Own<dyn EventSink>>,
    /// The event to be delivered next.
    next: Option<Arc<AgentEvent>>,
    /// The events behind it, if several wait.
    #[expect(clippy::box_collection, reason = "few sessions have one, and each has room for it")]
    queue: Option<Box<VecDeque<Arc<AgentEvent>>>>,
    /// The thread that is in the sink.
    inside: Option<ThreadId>,
    /// The number of the last event that is out.
    out: u64,
    /// The number of the last event that the sink has caused.
    caused: u64,
    last: Last,
}

/// The session's last event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Last {
    /// It has not been posted.
    Due,
    Posted(u64),
    Taken,
    Failed,
}

/// The next step of a thread that wants its event to be delivered.
pub(super) enum Step {
    Done,
    /// Another thread is in the sink.
    Wait,
    /// [`Line::delivered`] is to follow.
    Deliver(Own<dyn EventSink>, Arc<AgentEvent>),
}

/// What is left to do for an event once the lock is released.
pub(super) struct Aside {
    /// The event that is no longer kept.
    pub(super) evicted: Option<Arc<AgentEvent>>,
    /// The readers that waited for the event, if there is one.
    pub(super) readers: Option<Vec<Waker>>,
}

thread_local! {
    static THIS: ThreadId = thread::current().id();
}

/// The id of this thread, which `thread::current` would have to look for.
pub(super) fn this_thread() -> ThreadId {
    THIS.with(|this| *this)
}

impl Aside {
    #[inline]
    pub(super) fn finish(self) {
        drop(self.evicted);
        if let Some(readers) = self.readers {
            readers.into_iter().for_each(Waker::wake);
        }
    }
}

impl Line {
    pub(super) const fn new(sink: Option<Own<dyn EventSink>>) -> Self {
        Self { sink, next: None, queue: None, inside: None, out: 0, caused: 0, last: Last::Due }
    }

    pub(super) fn sink(&self) -> Option<&Arc<dyn EventSink>> {
        self.sink.as_deref()
    }

    /// Removes the sink. Events that are posted later are not delivered.
    pub(super) fn close(&mut self) -> Option<Own<dyn EventSink>> {
        (self.next, self.queue) = (None, None);
        self.sink.take()
    }

    /// Adds an event with this number.
    #[inline]
    pub(super) fn post(&mut self, event: &Arc<AgentEvent>) {
        if self.sink.is_none() {
            return;
        }
        let event = Arc::clone(event);
        if self.next.is_none() {
            self.next = Some(event);
        } else {
            self.queue.get_or_insert_default().push_back(event);
        }
    }

    /// Notes that the last posted event is the session's last one.
    pub(super) const fn ends_with(&mut self, seq: u64) {
        if self.sink.is_some() {
            self.last = Last::Posted(seq);
        }
    }

    /// The next step of the thread `me` until the event with this number is out.
    pub(super) fn step(&mut self, seq: u64, me: ThreadId) -> Step {
        let Some(sink) = &self.sink else { return Step::Done };
        if self.inside == Some(me) {
            self.caused = seq;
            return Step::Done;
        }
        if self.out >= seq.max(self.caused) {
            return Step::Done;
        }
        if self.inside.is_some() {
            return Step::Wait;
        }
        let Some(event) = self.next.take() else { return Step::Done };
        self.next = self.queue.as_mut().and_then(|queue| queue.pop_front());
        self.inside = Some(me);
        Step::Deliver(Arc::clone(sink), event)
    }

    /// Notes that the sink has returned.
    pub(super) fn delivered(&mut self, event: &AgentEvent, taken: bool) {
        self.inside = None;
        self.out = event.seq.unwrap_or(self.out);
        if self.last == Last::Posted(self.out) {
            self.last = if taken { Last::Taken } else { Last::Failed };
        }
    }

    /// Whether there is a sink that has not taken the session's last event.
    pub(super) const fn owes_the_last(&self) -> bool {
        match self.last {
            Last::Due => self.sink.is_some(),
            Last::Posted(_) | Last::Failed => true,
            Last::Taken => false,
        }
    }
}
