//! [`TapeStream`]: a stream that is recorded or played.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use runtime_resilience::BoxError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::recorder::Call;
use super::replay::Replay;

/// The chunks of a model's reply, from the model or from the tape.
///
/// A stream whose reader left ends in a replay where it was left: it stays pending there.
pub struct TapeStream<T>(Source<T>);

enum Source<T> {
    Live(Live<T>),
    Played(Replay),
    Over,
}

type Items<T> = Pin<Box<dyn Stream<Item = Result<T, BoxError>> + Send>>;

struct Live<T> {
    items: Items<T>,
    call: Call,
}

impl<T> TapeStream<T> {
    pub(crate) fn recorded<S, E>(stream: S, call: Call) -> Self
    where
        S: Stream<Item = Result<T, E>> + Send + 'static,
        E: Into<BoxError> + 'static,
    {
        Self(Source::Live(Live { items: Box::pin(Boxed(Box::pin(stream))), call }))
    }

    pub(crate) fn played(replay: Replay) -> Self {
        Self(Source::Played(replay))
    }
}

impl<T: Serialize + DeserializeOwned> Stream for TapeStream<T> {
    type Item = Result<T, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = match &mut self.0 {
            Source::Live(live) => {
                let item = ready!(live.items.as_mut().poll_next(cx));
                return Poll::Ready(self.record(item));
            }
            Source::Played(replay) => match ready!(replay.poll_chunk(cx)) {
                Some(Ok(chunk)) => {
                    return Poll::Ready(Some(T::deserialize(chunk).map_err(Into::into)));
                }
                Some(Err(error)) => Some(Err(error)),
                None => None,
            },
            Source::Over => None,
        };
        self.0 = Source::Over;
        Poll::Ready(item)
    }
}

impl<T: Serialize> TapeStream<T> {
    fn record(&mut self, item: Option<Result<T, BoxError>>) -> Option<Result<T, BoxError>> {
        match (item, &mut self.0) {
            (Some(Ok(chunk)), Source::Live(live)) => match serde_json::to_value(&chunk) {
                Ok(value) => {
                    live.call.chunk(value);
                    Some(Ok(chunk))
                }
                Err(error) => Some(Err(error.into())),
            },
            (item, source) => {
                let Source::Live(live) = std::mem::replace(source, Source::Over) else {
                    return item;
                };
                match item {
                    Some(Err(error)) => {
                        live.call.fails(&*error);
                        Some(Err(error))
                    }
                    item => {
                        live.call.done();
                        item
                    }
                }
            }
        }
    }
}

/// A stream whose errors are boxed.
struct Boxed<S>(Pin<Box<S>>);

impl<T, E: Into<BoxError>, S: Stream<Item = Result<T, E>>> Stream for Boxed<S> {
    type Item = Result<T, BoxError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.0.as_mut().poll_next(cx));
        Poll::Ready(item.map(|item| item.map_err(Into::into)))
    }
}

impl<T> fmt::Debug for TapeStream<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.0 {
            Source::Live(_) => "recorded",
            Source::Played(_) => "played",
            Source::Over => "over",
        };
        f.debug_tuple("TapeStream").field(&source).finish()
    }
}
