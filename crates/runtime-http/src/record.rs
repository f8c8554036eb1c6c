//! The calls of a durable session: each is recorded, and a later life answers it from the record.
//!
//! ```text
//!   open ─┬─ recorded ──▶ the reply as it was, without a request
//!         └─ vacant ────▶ Record ─┬─ a whole answer, a failure ─▶ written, then handed on
//!                                 └─ a stream ─▶ Tape ──────────▶ written before its last piece is
//! ```

mod reply;

use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use runtime_durable::{Begin, DurableHandle, StepError, StepFailure, TurnRecord};
use runtime_orchestrator::{ActiveAttempt, Answer, Attempt, Turn, TurnError};
use serde_json::json;

pub(crate) use self::reply::Reply;
use crate::ask::{Ask, Kind};
use crate::error::NoReplyError;
use crate::exchange::Running;

/// The status and the headers of a reply.
type Head<'h> = (StatusCode, &'h HeaderMap);

/// Records the calls of a durable session.
#[derive(Clone, Debug)]
pub(crate) struct Recorder(pub(crate) DurableHandle);

/// What the journal has of a call.
pub(crate) enum Opened {
    Active(Box<Running>, Option<Attempt>, Record),
    Known(Known),
}

/// A recorded reply, with the failure that it told.
pub(crate) struct Known(Reply, Option<StepFailure>);

impl Known {
    /// The head of the reply, the pieces of its body, and the error behind them.
    pub(crate) fn parts(self) -> (Parts, Vec<Bytes>, Option<NoReplyError>) {
        self.0.parts(self.1)
    }
}

impl Recorder {
    pub(crate) fn current() -> Option<Self> {
        DurableHandle::current().map(Self)
    }

    /// Begins a turn and its first attempt, unless an earlier life has its reply.
    pub(crate) async fn open(&self, ask: &Ask, turn: Turn) -> Result<Opened, NoReplyError> {
        let about = json!([word(ask.kind), ask.streamed, turn.guarded_input()]);
        if ask.kind == Kind::Embedding {
            // The models of routes write answers.
            let begun = self.0.begin_turn(turn, &about).await;
            return opened(begun, |turn| (Running::Once(turn), None));
        }
        let begun = self.0.begin_turn_recovering(turn, &about).await;
        opened(begun, |active| {
            let attempt = active.attempt().clone();
            (Running::Attempt(active), Some(attempt))
        })
    }
}

fn opened<A>(
    begun: Result<Begin<Reply, A>, StepError>,
    running: impl FnOnce(A) -> (Running, Option<Attempt>),
) -> Result<Opened, NoReplyError> {
    match begun.map_err(NoReplyError::step)? {
        Begin::Answered(answer) => Ok(Opened::Known(Known(answer.value, None))),
        Begin::Failed(failure, Some(reply)) => Ok(Opened::Known(Known(reply, Some(failure)))),
        Begin::Failed(failure, None) => Err(NoReplyError::step(failure.into())),
        Begin::Active(active, record) => {
            let (running, attempt) = running(active);
            Ok(Opened::Active(Box::new(running), attempt, Record(record)))
        }
    }
}

/// The record of a call that is made.
pub(crate) struct Record(TurnRecord);

impl Record {
    /// Announces another attempt, unless others go on with the thread.
    pub(crate) async fn again(&self, attempt: &mut ActiveAttempt<'_>) -> Result<(), NoReplyError> {
        self.0.again(attempt).await.map_err(NoReplyError::step)
    }

    /// What is kept of a reply. It may break off behind the pieces.
    #[expect(clippy::unused_self, reason = "only what is recorded has one")]
    pub(crate) fn reply(&self, head: Head<'_>, pieces: &[Bytes], cut: bool) -> Reply {
        Reply::of(head, pieces, cut)
    }

    /// Writes a whole reply.
    pub(crate) async fn answered(
        self,
        reply: Reply,
        bill: &Answer<()>,
    ) -> Result<(), NoReplyError> {
        self.0.settle(&reply, bill).await.map_err(NoReplyError::step)
    }

    /// Writes the failure that ended the turn, and the reply that told it. Returns what the client gets: if it
    /// is an error, in any case, else in place of a reply.
    pub(crate) async fn failed(
        self,
        error: TurnError,
        reply: Option<Reply>,
    ) -> Result<NoReplyError, NoReplyError> {
        match self.0.fail(error, reply.as_ref()).await {
            error @ StepError::Failed(_) => Ok(NoReplyError::step(error)),
            error => Err(NoReplyError::step(error)),
        }
    }

    /// Goes on with a stream, from what was read of it.
    pub(crate) fn tape(mut self, head: Head<'_>, pieces: Vec<Bytes>) -> Tape {
        self.0.hand_on();
        Tape { record: self.0, head: Reply::of(head, &[], false), pieces }
    }
}

/// The record of a stream that passes.
pub(crate) struct Tape {
    record: TurnRecord,
    head: Reply,
    /// Their memory is shared with the client's.
    pieces: Vec<Bytes>,
}

impl Tape {
    pub(crate) fn push(&mut self, piece: &Bytes) {
        self.pieces.push(piece.clone());
    }

    /// Before each step that may end the turn.
    pub(crate) fn look(&mut self) {
        self.record.look();
    }

    /// An answer, behind which the stream may have been cut.
    pub(crate) fn answered(self, bill: Answer<()>, cut: bool) -> Saving {
        let (record, reply) = self.split(cut);
        Saving::new(async move { record.settle(&reply, &bill).await })
    }

    /// A failed stream may have passed to its end, or be cut.
    pub(crate) fn failed(self, error: TurnError, cut: bool) -> Saving {
        let (record, reply) = self.split(cut);
        Saving::new(async move {
            match record.fail(error, Some(&reply)).await {
                StepError::Failed(_) if !cut => Ok(()),
                error => Err(error),
            }
        })
    }

    /// The client has left, and a later life gets what it has read. The bill is there if that was the answer.
    pub(crate) fn left(self, bill: Option<&Answer<()>>) {
        let (record, reply) = self.split(bill.is_none());
        record.leave(&reply, bill);
    }

    fn split(self, cut: bool) -> (TurnRecord, Reply) {
        let Self { record, head, pieces } = self;
        (record, head.with(&pieces, cut))
    }
}

type Writing = Pin<Box<dyn Future<Output = Result<(), StepError>> + Send>>;

/// A record that is being written.
pub(crate) struct Saving {
    /// In a mutex that is never locked: bodies have to be `Sync`, and futures are not.
    writing: Mutex<Writing>,
}

impl Saving {
    fn new(writing: impl Future<Output = Result<(), StepError>> + Send + 'static) -> Self {
        Self { writing: Mutex::new(Box::pin(writing)) }
    }

    /// The error that the client gets, once the record is written.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), NoReplyError>> {
        let writing = self.writing.get_mut().unwrap_or_else(PoisonError::into_inner);
        writing.as_mut().poll(cx).map_err(NoReplyError::step)
    }
}

/// What makes a call another step, beside its model: a client reads only the form that it asked for.
const fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Chat => "chat",
        Kind::Responses => "responses",
        Kind::Messages => "messages",
        Kind::GenerateContent => "generate_content",
        Kind::Interactions => "interactions",
        Kind::Converse => "converse",
        Kind::Invoke => "invoke",
        Kind::Cohere => "cohere",
        Kind::Ollama => "ollama",
        Kind::Embedding => "embedding",
    }
}
