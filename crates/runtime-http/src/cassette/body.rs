//! The body of a reply, while it is recorded or played.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use runtime_orchestrator::BoxError;
use runtime_testkit::cassette::{Call, Replay};

/// The body of a reply that is recorded or played.
///
/// It is recorded until its end, its error, or until it is dropped.
pub struct TapeBody<B>(Source<B>);

enum Source<B> {
    Live {
        body: Pin<Box<B>>,
        /// `None` once its end is recorded.
        call: Option<Call>,
    },
    Played(Replay),
    Over,
}

impl<B: Body> TapeBody<B> {
    pub(super) fn recorded(body: B, call: Call) -> Self {
        let mut call = Some(call);
        end(&body, &mut call);
        Self(Source::Live { body: Box::pin(body), call })
    }

    pub(super) fn played(replay: Replay) -> Self {
        Self(if replay.is_over() { Source::Over } else { Source::Played(replay) })
    }
}

/// Who knows the length of a body does not ask for its end.
fn end<B: Body>(body: &B, call: &mut Option<Call>) {
    if body.is_end_stream()
        && let Some(call) = call.take()
    {
        call.done();
    }
}

impl<B> Body for TapeBody<B>
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
        match &mut self.0 {
            Source::Live { body, call } => {
                let frame = ready!(body.as_mut().poll_frame(cx));
                Poll::Ready(match frame {
                    Some(Ok(frame)) => {
                        let frame = frame.map_data(|mut data| data.copy_to_bytes(data.remaining()));
                        if let (Some(call), Some(piece)) = (&mut *call, frame.data_ref()) {
                            call.piece(piece);
                        }
                        end(&**body, call);
                        Some(Ok(frame))
                    }
                    Some(Err(error)) => {
                        let error = error.into();
                        if let Some(call) = call.take() {
                            call.fails(&*error);
                        }
                        Some(Err(error))
                    }
                    None => {
                        if let Some(call) = call.take() {
                            call.done();
                        }
                        None
                    }
                })
            }
            Source::Played(replay) => {
                let piece = ready!(replay.poll_piece(cx));
                if replay.is_over() || !matches!(piece, Some(Ok(_))) {
                    self.0 = Source::Over;
                }
                Poll::Ready(piece.map(|piece| Ok(Frame::data(piece?.into()))))
            }
            Source::Over => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Live { body, .. } => body.is_end_stream(),
            Source::Played(_) => false,
            Source::Over => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Live { body, .. } => body.size_hint(),
            Source::Played(_) => SizeHint::default(),
            Source::Over => SizeHint::with_exact(0),
        }
    }
}

impl<B> fmt::Debug for TapeBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.0 {
            Source::Live { .. } => "recorded",
            Source::Played(_) => "played",
            Source::Over => "over",
        };
        f.debug_tuple("TapeBody").field(&source).finish()
    }
}
