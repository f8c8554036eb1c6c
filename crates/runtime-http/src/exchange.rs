//! A call and its replies, until the client can have one.
//!
//! ```text
//!   admitted ─▶ sent ─┬─ no reply, a bad status, an error inside a 200 ─▶ recovered from, or Done
//!      ▲              │                                                   │
//!      └──────────────┼───────────────────────────────────────────────────┘
//!                     ├─ a whole answer ────▶ settled ─▶ Done
//!                     └─ a stream's first token ─▶ Done, and the body goes on with the turn
//! ```

mod running;

use std::future::poll_fn;
use std::pin::pin;

use bytes::Bytes;
use http::Response;
use http::response::Parts;
use runtime_orchestrator::{Answer, Attempt, RecoveringTurn, SessionHandle, Turn, TurnError};
use runtime_resilience::{Fault, FaultError, FaultKind, Provider};

pub(crate) use self::running::Running;
use crate::ask::{Ask, Kind};
use crate::body::TurnBody;
use crate::call::{Call, Layered, Rewritten};
use crate::error::{NoReplyError, NoSessionError};
use crate::meter::{Framing, Meter};
use crate::record::{Opened, Record, Recorder};
use crate::turns::{Turns, Whose};

/// The part of a failed body that is read: as much as the rows of faults read.
const FAILED_BODY: usize = 64 * 1024;

impl Layered for Turns {
    type Caller = Result<Option<Whose>, NoSessionError>;
    type Body<B> = TurnBody<B>;

    fn caller(&self) -> Self::Caller {
        self.session()
    }

    async fn made<C: Call>(self, caller: Self::Caller, call: C) -> Outcome<C> {
        let Some(ask) = self.ask(call.asked()) else { return untouched(call).await };
        match caller.map_err(C::refused)? {
            Some(whose) => Exchange::begin(self, whose, ask, call).run().await,
            None => untouched(call).await,
        }
    }
}

async fn untouched<C: Call>(call: C) -> Outcome<C> {
    Ok(call.pass().await?.map(TurnBody::untouched))
}

/// What a client gets.
type Outcome<C> = Result<Response<TurnBody<<C as Call>::Body>>, <C as Call>::Error>;

/// A call and its replies.
struct Exchange<C: Call> {
    turns: Turns,
    session: SessionHandle,
    ask: Ask,
    call: C,
    stage: Stage<C>,
    /// The provider's own words, or the client's, on the last attempt.
    last: Option<Outcome<C>>,
    /// Of a durable session, once the call has begun.
    record: Option<Record>,
}

enum Stage<C: Call> {
    /// A call of a durable session, before it is known whether an earlier life has its reply.
    Unopened(Recorder, Box<Turn>),
    /// A call that goes to its own URL only, before it is admitted.
    Once(Box<Turn>),
    Between(RecoveringTurn<'static>),
    Done(Outcome<C>),
    Over,
}

impl<C: Call> Exchange<C> {
    fn begin(turns: Turns, Whose { session, recorder }: Whose, ask: Ask, call: C) -> Self {
        let turn = turns.turn(&ask);
        let stage = if let Some(recorder) = recorder {
            Stage::Unopened(recorder, Box::new(turn))
        } else if ask.kind == Kind::Embedding {
            // The models of routes write answers.
            Stage::Once(Box::new(turn))
        } else {
            match session.begin_turn_recovering(turn) {
                Ok(turn) => Stage::Between(turn),
                Err(refused) => Stage::Done(Err(C::refused(NoReplyError::new(refused)))),
            }
        };
        Self { turns, session, ask, call, stage, last: None, record: None }
    }

    async fn run(mut self) -> Outcome<C> {
        loop {
            let (mut running, attempt) = match self.admitted().await {
                Ok(admitted) => admitted,
                Err(outcome) => return outcome,
            };
            match self.turns.rewritten(&self.ask, self.call.asked(), attempt.as_ref()) {
                Ok(new) => self.sent(running, new).await,
                Err(nowhere) => {
                    self.last = None;
                    let failed = running.fail(nowhere);
                    self.recover(running, failed).await;
                }
            }
        }
    }

    /// The next attempt, or what the client gets.
    async fn admitted(&mut self) -> Result<(Running, Option<Attempt>), Outcome<C>> {
        Ok(match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Unopened(recorder, turn) => match recorder.open(&self.ask, *turn).await {
                Ok(Opened::Active(running, attempt, record)) => {
                    self.record = Some(record);
                    (*running, attempt)
                }
                Ok(Opened::Known(known)) => {
                    let (head, pieces, end) = known.parts();
                    let body = TurnBody::recorded(pieces, end);
                    return Err(Ok(Response::from_parts(head, body)));
                }
                Err(refused) => return Err(Err(C::refused(refused))),
            },
            Stage::Between(turn) => match turn.attempt().await {
                Ok(mut active) => {
                    if let Some(record) = &self.record
                        && let Err(refused) = record.again(&mut active).await
                    {
                        active.release();
                        return Err(Err(C::refused(refused)));
                    }
                    let attempt = active.attempt().clone();
                    (Running::Attempt(active), Some(attempt))
                }
                Err(refused) => return Err(self.end(refused).await),
            },
            Stage::Once(turn) => match self.session.begin_turn(*turn).await {
                Ok(active) => (Running::Once(active), None),
                Err(refused) => return Err(self.end(refused).await),
            },
            Stage::Done(outcome) => return Err(outcome),
            Stage::Over => unreachable!("each attempt is told what came"),
        })
    }

    /// Sends the request of this attempt, and reads what comes.
    async fn sent(&mut self, mut running: Running, new: Rewritten) {
        self.last = None;
        let provider = new.provider();
        let reply = {
            // An interrupted request is dropped before the wait for the next one.
            let mut sending = pin!(self.call.send(new));
            poll_fn(|cx| running.poll_run(cx, |cx| sending.as_mut().poll(cx), || None)).await
        };
        match reply {
            Ok(Ok(reply)) => self.reply(running, provider, reply).await,
            Ok(Err(error)) => {
                let fault = running.fault_of(C::inside(&error));
                let failed = running.fail(fault);
                self.last = Some(Err(error));
                self.recover(running, failed).await;
            }
            Err(interrupted) => self.recover(running, interrupted).await,
        }
    }

    async fn reply(&mut self, running: Running, at: Option<Provider>, reply: Response<C::Body>) {
        let (parts, body) = reply.into_parts();
        let body = TurnBody::untouched(body);
        running.observe_headers(&parts.headers);
        if parts.status.is_success() {
            self.answer(running, at, parts, body).await;
        } else if parts.status.is_client_error() || parts.status.is_server_error() {
            self.refusal(running, at, parts, body).await;
        } else {
            // A client that follows a redirect makes a new call.
            let bill = running.release();
            self.done(&bill, parts, body).await;
        }
    }

    /// A reply whose status is an error.
    async fn refusal(
        &mut self,
        mut running: Running,
        at: Option<Provider>,
        parts: Parts,
        mut body: TurnBody<C::Body>,
    ) {
        let mut read = 0;
        while read < FAILED_BODY && !body.is_read() {
            let piece = poll_fn(|cx| running.poll_run(cx, |cx| body.poll_rest(cx), || None));
            match piece.await {
                Ok(piece) => {
                    let data = piece.as_ref().and_then(|piece| piece.as_ref().ok()?.data_ref());
                    read += data.map_or(0, Bytes::len);
                    body.hold(piece);
                }
                Err(interrupted) => {
                    drop(body);
                    return self.recover(running, interrupted).await;
                }
            }
        }
        let text = joined(&body);
        let fault = self.fault(at, &parts, &text);
        let failed = running.fail(fault);
        self.last = Some(Ok(Response::from_parts(parts, body)));
        self.recover(running, failed).await;
    }

    /// A reply whose status is that of an answer.
    async fn answer(
        &mut self,
        mut running: Running,
        at: Option<Provider>,
        parts: Parts,
        mut body: TurnBody<C::Body>,
    ) {
        let provider = at.unwrap_or(self.ask.provider);
        let framing = Framing::of(&parts.headers);
        let came = self.session.utc_now().into();
        let mut meter = Meter::at(provider, &self.ask, framing, came, self.turns.rules());
        meter.head(&parts.headers);
        let mut broken = None;
        while broken.is_none() && !body.is_read() && !meter.has_begun() {
            let so_far = || meter.usage();
            let piece = poll_fn(|cx| running.poll_run(cx, |cx| body.poll_rest(cx), so_far));
            match piece.await {
                Ok(piece) => {
                    match &piece {
                        Some(Ok(frame)) => frame.data_ref().into_iter().for_each(|b| meter.push(b)),
                        Some(Err(error)) => broken = Some(running.fault_of(&**error)),
                        None => {}
                    }
                    body.hold(piece);
                }
                Err(interrupted) => {
                    drop(body);
                    return self.recover(running, interrupted).await;
                }
            }
        }
        if meter.tokens() != Some(0) {
            running.token();
        }
        if body.is_read() && broken.is_none() && meter.error().is_none() {
            meter.finish();
        }
        let read = body.is_read();
        let told = meter.error().cloned().map(|error| {
            if meter.is_error() {
                // The head of the reply, such as a wait in it, belongs to the error.
                let mut error = self.fault(at, &parts, &joined(&body));
                // Nothing was answered.
                error.fault.reach = Fault::of(error.fault.kind).reach;
                error
            } else {
                error
            }
        });
        if let Some(error) = broken.or(told) {
            running.observe(meter.usage());
            let failed = running.fail(error);
            self.last = Some(Ok(Response::from_parts(parts, body)));
            return self.recover(running, failed).await;
        }
        if read && !meter.has_answered() {
            let cut = FaultError::of(FaultKind::Network, "the answer ended early");
            running.observe(meter.usage());
            let failed = running.fail(cut);
            self.last = Some(Ok(Response::from_parts(parts, body)));
            return self.recover(running, failed).await;
        }
        if read || meter.has_ended() || (meter.is_over() && self.record.is_none()) {
            let bill = running.settle(meter.usage());
            return self.done(&bill, parts, body).await;
        }
        let tape = self
            .record
            .take()
            .map(|record| record.tape((parts.status, &parts.headers), body.shared()));
        let body = match tape {
            // What comes behind the answer is recorded as well.
            Some(tape) if meter.is_over() => {
                let bill = running.settle(meter.usage());
                body.taped(bill, meter, tape)
            }
            tape => body.watched(running, meter, tape),
        };
        self.stage = Stage::Done(Ok(Response::from_parts(parts, body)));
    }

    /// Hands on a reply whose turn has ended, once it is recorded.
    async fn done(&mut self, bill: &Answer<()>, parts: Parts, body: TurnBody<C::Body>) {
        let recorded = match self.record.take() {
            Some(record) => {
                let head = (parts.status, &parts.headers);
                let reply = record.reply(head, &body.shared(), false);
                record.answered(reply, bill).await
            }
            None => Ok(()),
        };
        let reply = recorded.map(|()| Response::from_parts(parts, body));
        self.stage = Stage::Done(reply.map_err(C::refused));
    }

    /// The error that a reply of a provider tells.
    fn fault(&self, at: Option<Provider>, parts: &Parts, text: &[u8]) -> FaultError {
        let (provider, status) = (at.unwrap_or(self.ask.provider), parts.status.as_u16());
        let (rules, now) = (self.turns.rules(), self.session.utc_now());
        rules.error_of_response(provider, status, &parts.headers, text, now)
    }

    async fn recover(&mut self, running: Running, failed: TurnError) {
        self.stage = match running.recover(failed).await {
            Ok(turn) => Stage::Between(turn),
            Err(ended) => Stage::Done(self.end(ended).await),
        };
    }

    /// The provider's own words, where there are any.
    async fn end(&mut self, error: TurnError) -> Outcome<C> {
        let last = self.last.take();
        let Some(record) = self.record.take() else {
            return last.unwrap_or_else(|| Err(C::refused(NoReplyError::new(error))));
        };
        // An error of the client cannot be recorded: each life gets the turn's.
        let last = last.and_then(Result::ok);
        let reply = last.as_ref().map(|last| {
            let (head, body) = ((last.status(), last.headers()), last.body());
            record.reply(head, &body.shared(), body.is_cut())
        });
        match (record.failed(error, reply).await, last) {
            (Ok(_), Some(last)) => Ok(last),
            (Ok(refused) | Err(refused), _) => Err(C::refused(refused)),
        }
    }
}

/// The held bytes in one piece, copied only if there are several.
fn joined<B>(body: &TurnBody<B>) -> Bytes {
    let mut pieces = body.held();
    let first = pieces.next().cloned().unwrap_or_default();
    let Some(second) = pieces.next() else { return first };
    let mut all = first.to_vec();
    all.extend_from_slice(second);
    pieces.for_each(|piece| all.extend_from_slice(piece));
    all.into()
}
