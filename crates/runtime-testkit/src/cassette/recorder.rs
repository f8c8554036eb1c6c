//! The side that records: each call, until it is written.

use std::error::Error;
use std::mem::take;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use runtime_events::{Clock as _, json_without_secrets};
use runtime_resilience::{BoxError, Classifier, RecordedFailure};
use serde::Serialize;
use serde_json::Value;

use super::clock::TapeClock;
use super::error::CassetteError;
use super::format::{End, Head, Opened, Port, Recording, micros};
use super::pieces::Pieces;
use super::writer::Writer;

/// What all calls of a recording share.
#[derive(Debug)]
pub(crate) struct Recorder {
    path: PathBuf,
    writer: Writer,
    clock: TapeClock,
    begun: Instant,
    classifier: Classifier,
}

impl Recorder {
    pub(crate) fn create(
        path: &Path,
        head: &Head,
        clock: TapeClock,
        classifier: Classifier,
    ) -> Result<Self, CassetteError> {
        let (writer, begun) = (Writer::create(path, head)?, clock.now());
        Ok(Self { path: path.to_owned(), writer, clock, begun, classifier })
    }

    /// A call begins. Its request has no secrets.
    pub(crate) fn begin(self: &Arc<Self>, port: Port, name: &str, request: Value) -> Call {
        let (call, begun) = (self.writer.begin(), self.clock.now());
        let at_us = micros(begun.saturating_duration_since(self.begun));
        let recording =
            Recording { call, at_us, ..Recording::of(port, name, request, End::Dropped) };
        let (recorder, panicking) = (Arc::clone(self), thread::panicking());
        let pieces = Pieces::default();
        Call { recorder, begun, recording: Some(recording), pieces, panicking }
    }

    /// The error that ended the recording, if one did.
    pub(crate) fn finish(&self) -> Result<(), CassetteError> {
        self.writer.finish(&self.path)
    }
}

/// A call that is being recorded. It is written when it ends, or when its caller leaves.
#[derive(Debug)]
pub struct Call {
    recorder: Arc<Recorder>,
    begun: Instant,
    /// `None` once it is written.
    recording: Option<Recording>,
    pieces: Pieces,
    /// Whether the thread was panicking already.
    panicking: bool,
}

impl Call {
    /// Its stream is open.
    pub fn open(&mut self, head: Value) {
        let at_us = self.taken_us();
        if let Some(recording) = &mut self.recording {
            recording.opened = Some(Opened::new(at_us, json_without_secrets(head)));
        }
    }

    /// A piece of a body came.
    pub fn piece(&mut self, piece: &[u8]) {
        let at_us = self.taken_us();
        self.pieces.push(at_us, piece);
    }

    /// A chunk of its stream came.
    pub fn chunk(&mut self, chunk: Value) {
        let at_us = self.taken_us();
        if let Some(recording) = &mut self.recording {
            recording.chunks.push((at_us, json_without_secrets(chunk)));
        }
    }

    /// It ended with a reply or an error.
    pub(crate) fn ends<T, E>(self, result: Result<T, E>) -> Result<T, BoxError>
    where
        T: Serialize,
        E: Into<BoxError>,
    {
        match result {
            Ok(reply) => self.replies(reply),
            Err(error) => {
                let error = error.into();
                self.fails(&*error);
                Err(error)
            }
        }
    }

    /// It ended with a reply.
    ///
    /// # Errors
    ///
    /// A reply that is not JSON. Then nothing but the call is recorded.
    pub fn replies<T: Serialize>(mut self, reply: T) -> Result<T, BoxError> {
        let value = serde_json::to_value(&reply)?;
        self.write(End::Reply(json_without_secrets(value)));
        Ok(reply)
    }

    /// Its stream has ended.
    pub fn done(mut self) {
        self.write(End::Done);
    }

    /// It ended with an error, which its caller gets.
    pub fn fails(mut self, error: &(dyn Error + 'static)) {
        let failure =
            RecordedFailure::read(error, &self.recorder.classifier, self.recorder.clock.utc_now());
        self.write(End::Error(Box::new(failure)));
    }

    fn taken_us(&self) -> u64 {
        micros(self.recorder.clock.now().saturating_duration_since(self.begun))
    }

    fn write(&mut self, end: End) {
        let took_us = self.taken_us();
        if let Some(recording) = self.recording.take() {
            let mut chunks = recording.chunks;
            chunks.extend(take(&mut self.pieces).into_chunks());
            self.recorder.writer.write(&Recording { took_us, chunks, end, ..recording });
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let panics = thread::panicking() && !self.panicking;
        self.write(if panics { End::Panicked } else { End::Dropped });
    }
}
