//! Without feature `durable` nothing is recorded: there is no [`Recorder`], and so no [`Record`].
#![expect(clippy::unused_self, clippy::unused_async, reason = "they are as those that record")]

use std::future::{Ready, ready};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, StatusCode};
use runtime_orchestrator::{ActiveAttempt, Answer, Attempt, Turn, TurnError};

use crate::ask::Ask;
use crate::error::NoReplyError;
use crate::exchange::Running;

type Head<'h> = (StatusCode, &'h HeaderMap);

#[derive(Clone, Copy, Debug)]
pub(crate) enum Recorder {}

#[expect(dead_code, reason = "nothing is recorded")]
pub(crate) enum Opened {
    Active(Box<Running>, Option<Attempt>, Record),
    Known(Known),
}

pub(crate) enum Known {}

pub(crate) struct Record;

pub(crate) struct Reply;

pub(crate) struct Tape;

pub(crate) struct Saving;

impl Recorder {
    pub(crate) const fn current() -> Option<Self> {
        None
    }

    pub(crate) async fn open(&self, _: &Ask, _: Turn) -> Result<Opened, NoReplyError> {
        match *self {}
    }
}

impl Known {
    pub(crate) fn parts(self) -> (Parts, Vec<Bytes>, Option<NoReplyError>) {
        match self {}
    }
}

impl Record {
    pub(crate) fn again(&self, _: &mut ActiveAttempt<'_>) -> Ready<Result<(), NoReplyError>> {
        ready(Ok(()))
    }

    pub(crate) const fn reply(&self, _: Head<'_>, _: &[Bytes], _: bool) -> Reply {
        Reply
    }

    pub(crate) async fn answered(self, _: Reply, _: &Answer<()>) -> Result<(), NoReplyError> {
        Ok(())
    }

    pub(crate) async fn failed(
        self,
        error: TurnError,
        _: Option<Reply>,
    ) -> Result<NoReplyError, NoReplyError> {
        Ok(NoReplyError::new(error))
    }

    pub(crate) fn tape(self, _: Head<'_>, _: Vec<Bytes>) -> Tape {
        Tape
    }
}

impl Tape {
    pub(crate) const fn push(&mut self, _: &Bytes) {}

    pub(crate) const fn look(&mut self) {}

    pub(crate) fn answered(self, _: Answer<()>, _: bool) -> Saving {
        Saving
    }

    pub(crate) fn failed(self, _: TurnError, _: bool) -> Saving {
        Saving
    }

    pub(crate) fn left(self, _: Option<&Answer<()>>) {}
}

impl Saving {
    pub(crate) const fn poll(&mut self, _: &mut Context<'_>) -> Poll<Result<(), NoReplyError>> {
        Poll::Ready(Ok(()))
    }
}
