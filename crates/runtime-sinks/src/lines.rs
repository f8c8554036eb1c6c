//! Whole lines into a writer that may fail half-way.

use std::io::{self, ErrorKind, Write};

use serde::Serialize;

/// Collects lines of JSON and writes them out, each byte exactly once and in order.
///
/// A write that fails may have taken any part of what it was given. The rest is kept, and the next
/// write goes on at that very byte, so that no line is torn and none is glued to another. While
/// the writer goes on failing, lines are kept up to a limit; beyond it they are refused whole.
#[derive(Debug)]
pub(crate) struct LineWriter<W: Write> {
    inner: W,
    /// What `inner` has not taken yet. Ends with a line break, unless it is empty.
    pending: Vec<u8>,
    /// Written out once this much is pending.
    threshold: usize,
}

/// How much may be pending while the writer fails, beyond the threshold.
const BACKLOG: usize = 1 << 20;

impl<W: Write> LineWriter<W> {
    pub(crate) const fn new(inner: W, threshold: usize) -> Self {
        Self { inner, pending: Vec::new(), threshold }
    }

    pub(crate) const fn set_threshold(&mut self, threshold: usize) {
        self.threshold = threshold;
    }

    /// Begins on a new line, whatever was written by others before.
    pub(crate) fn break_line(&mut self) {
        self.pending.push(b'\n');
    }

    /// Takes one line, and writes out if enough is pending.
    ///
    /// An error means that the line was refused, or that it is kept but could not be written yet.
    pub(crate) fn line(&mut self, value: &impl Serialize) -> io::Result<()> {
        if self.pending.len() > self.threshold.saturating_add(BACKLOG) {
            self.write_out()?;
        }
        let begin = self.pending.len();
        if let Err(error) = serde_json::to_writer(&mut self.pending, value) {
            self.pending.truncate(begin);
            return Err(error.into());
        }
        self.pending.push(b'\n');
        if self.pending.len() > self.threshold { self.write_out() } else { Ok(()) }
    }

    /// Writes out all that is pending.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.inner.flush()
    }

    fn write_out(&mut self) -> io::Result<()> {
        let mut taken = 0;
        let result = loop {
            if taken == self.pending.len() {
                break Ok(());
            }
            match self.inner.write(&self.pending[taken..]) {
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(more) => taken += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.pending.drain(..taken);
        result
    }
}

impl<W: Write> Drop for LineWriter<W> {
    fn drop(&mut self) {
        // Nobody is left to tell. Who wants to know flushes before.
        let _ = self.flush();
    }
}
