//! [`TapeStream`]: a stream that is recorded or played.

use std::fmt;
use std::future::Future as _;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use runtime_events::Sleep;
use runtime_resilience::{BoxError, Failure};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::format::End;
use super::recorder::Call;
use super::replay::Replay;

/// The chunks of a model's reply, from the model or from the tape.
///
/// A stream whose reader left ends in a replay where it was left: it stays pending there.
pub struct TapeStream<T>(Source<T>);

enum Source<T> {
    Live(Live<T>),
    Played(Played),
    Over,
}

type Items<T> = Pin<Box<dyn Stream<Item = Result<T, BoxError>> + Send>>;

struct Live<T> {
    items: Items<T>,
    call: Call,
}

/// The chunks of a recording, each at its time.
struct Played {
    replay: Replay,
    next: usize,
    sleep: Option<Sleep>,
}

/// An item of a played stream.
enum Item<'r> {
    Chunk(&'r Value),
    End(&'r End),
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
        Self(Source::Played(Played { replay, next: 0, sleep: None }))
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
            Source::Played(played) => match ready!(played.poll(cx)) {
                Item::Chunk(chunk) => {
                    return Poll::Ready(Some(T::deserialize(chunk).map_err(Into::into)));
                }
                Item::End(End::Error(error)) => Some(Err(Failure::from((**error).clone()).into())),
                Item::End(_) => None,
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
                    Some(Err(error)) => Some(Err(live.call.fails(error))),
                    item => {
                        live.call.done();
                        item
                    }
                }
            }
        }
    }
}

impl Played {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Item<'_>> {
        let Self { replay, next, sleep } = self;
        let recording = &replay.recording;
        let chunk = recording.chunks.get(*next);
        if chunk.is_none() && matches!(recording.end, End::Dropped) {
            return Poll::Pending;
        }
        if sleep.is_none() {
            *sleep = replay.wait(chunk.map_or(recording.took_us, |(at_us, _)| *at_us));
        }
        if let Some(wait) = sleep {
            ready!(Pin::new(wait).poll(cx));
            *sleep = None;
        }
        match (chunk, &recording.end) {
            (Some((_, chunk)), _) => {
                *next += 1;
                Poll::Ready(Item::Chunk(chunk))
            }
            (None, End::Panicked) => replay.panics(),
            (None, end) => Poll::Ready(Item::End(end)),
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
