//! The body of a reply, as the client reads it: its bytes, unchanged.

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use runtime_orchestrator::{Answer, BoxError, TurnError};
use runtime_resilience::{FaultError, FaultKind};

use crate::error::NoReplyError;
use crate::exchange::Running;
use crate::meter::Meter;
use crate::record::{Saving, Tape};

/// The body of a reply. While a streamed answer passes, its turn is under way.
///
/// The turn ends with the answer, with its failure, or when the body is dropped.
pub struct TurnBody<B> {
    /// What was read before the head was handed on.
    held: VecDeque<Frame<Bytes>>,
    /// The error after what was read.
    broken: Option<BoxError>,
    rest: Option<Pin<Box<B>>>,
    watch: Option<Box<Watch>>,
    /// What is held waits until this is written.
    saving: Option<Saving>,
}

/// A turn that watches a body.
struct Watch {
    /// In a mutex that is never locked: bodies have to be `Sync`, and timers are not.
    running: Mutex<Option<Running>>,
    meter: Meter,
    /// Of a durable session.
    tape: Option<Tape>,
    /// The bill of a turn that has ended with its answer, while the tape runs on.
    bill: Option<Answer<()>>,
}

/// A frame of a body, or its error; `None` at its end.
pub(crate) type Piece = Option<Result<Frame<Bytes>, BoxError>>;

impl<B> TurnBody<B> {
    /// A body without a turn.
    pub(crate) fn untouched(body: B) -> Self {
        let (held, broken, rest) = (VecDeque::new(), None, Some(Box::pin(body)));
        Self { held, broken, rest, watch: None, saving: None }
    }

    /// A body that was recorded, and the error behind it.
    pub(crate) fn recorded(pieces: Vec<Bytes>, end: Option<NoReplyError>) -> Self {
        let held = pieces.into_iter().map(Frame::data).collect();
        let broken = end.map(Into::into);
        Self { held, broken, rest: None, watch: None, saving: None }
    }

    /// Keeps a piece that was read before the body is handed on.
    pub(crate) fn hold(&mut self, piece: Piece) {
        match piece {
            Some(Ok(frame)) => self.held.push_back(frame),
            Some(Err(error)) => {
                self.broken = Some(error);
                self.rest = None;
            }
            None => self.rest = None,
        }
    }

    /// Has the turn watch the rest.
    pub(crate) fn watched(mut self, running: Running, meter: Meter, tape: Option<Tape>) -> Self {
        let running = Mutex::new(Some(running));
        self.watch = Some(Box::new(Watch { running, meter, tape, bill: None }));
        self
    }

    /// Has the tape run on behind the answer, whose turn has ended.
    pub(crate) fn taped(mut self, bill: Answer<()>, meter: Meter, tape: Tape) -> Self {
        let (running, tape, bill) = (Mutex::new(None), Some(tape), Some(bill));
        self.watch = Some(Box::new(Watch { running, meter, tape, bill }));
        self
    }

    /// Whether it breaks off behind what is held, or was not read to its end.
    pub(crate) fn is_cut(&self) -> bool
    where
        B: Body,
    {
        self.broken.is_some() || self.rest.as_ref().is_some_and(|rest| !rest.is_end_stream())
    }

    /// The bytes that are held, which share their memory.
    pub(crate) fn shared(&self) -> Vec<Bytes> {
        self.held().cloned().collect()
    }

    /// The bytes that are held.
    pub(crate) fn held(&self) -> impl Iterator<Item = &Bytes> {
        self.held.iter().filter_map(Frame::data_ref)
    }
}

impl<B> TurnBody<B>
where
    B: Body,
    B::Data: Buf,
    B::Error: Into<BoxError>,
{
    /// Whether nothing is left to read.
    pub(crate) fn is_read(&self) -> bool {
        self.rest.as_ref().is_none_or(Body::is_end_stream)
    }

    /// Polls the provider's body.
    pub(crate) fn poll_rest(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        let Some(rest) = &mut self.rest else { return Poll::Ready(None) };
        let piece = ready!(rest.as_mut().poll_frame(cx));
        Poll::Ready(piece.map(|frame| match frame {
            // Of `Bytes`, the data are shared.
            Ok(frame) => Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))),
            Err(error) => Err(error.into()),
        }))
    }
}

impl<B> Body for TurnBody<B>
where
    B: Body,
    B::Data: Buf,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Some(saving) = &mut self.saving {
            let saved = ready!(saving.poll(cx));
            self.saving = None;
            if let Err(refused) = saved {
                self.broken = Some(refused.into());
            }
        }
        if let Some(frame) = self.held.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if let Some(error) = self.broken.take() {
            self.rest = None;
            return Poll::Ready(Some(Err(error)));
        }
        let Some(mut watch) = self.watch.take() else { return self.poll_rest(cx) };
        watch.look();
        match watch.poll_run(cx, |cx| self.poll_rest(cx)) {
            Poll::Pending => {
                self.watch = Some(watch);
                Poll::Pending
            }
            Poll::Ready(Ok(piece)) => {
                if let Some(Err(_)) | None = &piece {
                    self.rest = None;
                }
                match watch.saw(piece.as_ref(), self.is_read()) {
                    ControlFlow::Continue(()) => self.watch = Some(watch),
                    ControlFlow::Break(None) => {}
                    ControlFlow::Break(saving) => {
                        self.hold(piece);
                        self.saving = saving;
                        return self.poll_frame(cx);
                    }
                }
                Poll::Ready(piece)
            }
            Poll::Ready(Err(interrupted)) => {
                self.rest = None;
                match watch.interrupted(interrupted) {
                    Ok(refused) => Poll::Ready(Some(Err(refused.into()))),
                    Err(saving) => {
                        self.saving = Some(saving);
                        self.poll_frame(cx)
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.held.is_empty()
            && self.broken.is_none()
            && self.watch.is_none()
            && self.saving.is_none()
            && self.is_read()
    }

    fn size_hint(&self) -> SizeHint {
        let held = self.held().map(|bytes| bytes.len() as u64).sum::<u64>();
        let rest = self.rest.as_ref().map(Body::size_hint);
        let rest = rest.unwrap_or_else(|| SizeHint::with_exact(0));
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(held));
        if let Some(upper) = rest.upper().filter(|_| self.broken.is_none()) {
            hint.set_upper(upper.saturating_add(held));
        }
        hint
    }
}

impl Watch {
    /// Polls a step inside the turn.
    fn poll_run<T>(
        &mut self,
        cx: &mut Context<'_>,
        step: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, TurnError>> {
        let Self { running, meter, .. } = self;
        match running.get_mut().unwrap_or_else(PoisonError::into_inner) {
            Some(running) => running.poll_run(cx, step, || meter.usage()),
            None => step(cx).map(Ok),
        }
    }

    fn running(&mut self) -> Option<&mut Running> {
        self.running.get_mut().unwrap_or_else(PoisonError::into_inner).as_mut()
    }

    fn take(&mut self) -> Option<Running> {
        self.running.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn look(&mut self) {
        if let Some(tape) = &mut self.tape {
            tape.look();
        }
    }

    /// Reads a piece that passes. Breaks off at the end of the turn and of its tape, with what is to be written.
    fn saw(
        &mut self,
        piece: Option<&Result<Frame<Bytes>, BoxError>>,
        is_read: bool,
    ) -> ControlFlow<Option<Saving>> {
        let frame = match piece {
            Some(Ok(frame)) => frame,
            // The answer was whole before it.
            Some(Err(_)) if self.bill.is_some() => return ControlFlow::Break(self.answered(true)),
            Some(Err(error)) => {
                let fault = self.running().map(|running| running.fault_of(&**error));
                return ControlFlow::Break(fault.and_then(|fault| self.failed(fault, true)));
            }
            None => return ControlFlow::Break(self.ended()),
        };
        if let Some(bytes) = frame.data_ref() {
            let before = self.meter.tokens();
            self.meter.push(bytes);
            if let Some(tape) = &mut self.tape {
                tape.push(bytes);
            }
            // Comments and pings are signs of life, and no tokens.
            let is_token = before.is_none() || self.meter.tokens() > before;
            if let Some(running) = self.running().filter(|_| is_token) {
                running.token();
            }
        }
        // Who knows the length, or has read the last event, does not ask for the end.
        if self.meter.error().is_some() || self.meter.has_ended() || is_read {
            return ControlFlow::Break(self.ended());
        }
        if self.meter.is_over() {
            self.settle();
            if self.tape.is_none() {
                return ControlFlow::Break(None);
            }
        }
        ControlFlow::Continue(())
    }

    /// The body has ended, or said its last word.
    fn ended(&mut self) -> Option<Saving> {
        if !self.meter.is_over() {
            self.meter.finish();
        }
        if self.bill.is_none() {
            if let Some(error) = self.meter.error() {
                let error = error.clone();
                return self.failed(error, false);
            }
            if !self.meter.has_answered() {
                let early = FaultError::of(FaultKind::Network, "the stream ended early");
                return self.failed(early, false);
            }
        }
        self.answered(false)
    }

    fn answered(&mut self, cut: bool) -> Option<Saving> {
        self.settle();
        let bill = self.bill.take()?;
        self.tape.take().map(|tape| tape.answered(bill, cut))
    }

    fn settle(&mut self) {
        if let Some(running) = self.take() {
            self.bill = Some(running.settle(self.meter.usage()));
        }
    }

    fn failed(&mut self, error: FaultError, cut: bool) -> Option<Saving> {
        let usage = self.meter.usage();
        let mut running = self.take()?;
        running.observe(usage);
        let failed = running.fail(error);
        let failed = running.give_up(failed);
        self.tape.take().map(|tape| tape.failed(failed, cut))
    }

    /// What the client gets, or what is to be written first.
    fn interrupted(mut self: Box<Self>, interrupted: TurnError) -> Result<NoReplyError, Saving> {
        let ended = match self.take() {
            Some(running) => running.give_up(interrupted),
            None => interrupted,
        };
        match self.tape.take() {
            Some(tape) => Err(tape.failed(ended, true)),
            None => Ok(NoReplyError::new(ended)),
        }
    }
}

/// The client has left, or has read as much as it wants.
impl Drop for Watch {
    fn drop(&mut self) {
        self.look();
        if self.meter.has_answered() {
            self.settle();
        } else if let Some(mut running) = self.take() {
            running.observe(self.meter.usage());
        }
        if let Some(tape) = self.tape.take() {
            tape.left(self.bill.as_ref());
        }
    }
}

impl<B> fmt::Debug for TurnBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TurnBody").field("watched", &self.watch.is_some()).finish_non_exhaustive()
    }
}
