//! What threads share of a log: who writes, and who syncs for all the others.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::AgentEvent;

use super::medium::{Medium, Segment};
use super::writer::{Saved, Writer};
use crate::sink::SinkError;
use crate::stats::SinkStats;

/// A writer, and the group commit around it.
///
/// One thread syncs, for all that was written until then; those who come meanwhile wait for the
/// lock, and the first of them syncs for the rest of them. The locks nest: `group`, then `writer`.
/// Nobody writes to the disk with `group` held but not `writer`, and nobody syncs without `group`.
#[derive(Debug)]
pub(crate) struct Log<M: Medium> {
    /// The path, as errors give it.
    name: String,
    writer: Mutex<Writer<M>>,
    group: Mutex<Group>,
}

#[derive(Debug, Default)]
struct Group {
    /// All lines up to here are on the disk, but for those in doubt.
    durable: u64,
    /// From where to where lines may be lost, though later ones are on the disk.
    doubts: Vec<(u64, u64)>,
    /// Whether something has come in doubt that no flush has reported.
    unreported: bool,
}

/// How many doubts are remembered. Nobody waits for as many syncs.
const DOUBTS: usize = 64;

impl<M: Medium> Log<M> {
    pub(crate) fn new(name: String, writer: Writer<M>) -> Self {
        Self { name, writer: Mutex::new(writer), group: Mutex::default() }
    }

    /// Takes events in, and returns once they are written, or synced if `synced` says so.
    pub(crate) fn emit(&self, events: &[Arc<AgentEvent>], synced: bool) -> Result<(), SinkError> {
        let mut failure = None;
        let mut lost = 0;
        let mut writer = self.writer();
        for event in events {
            if let Err(error) = writer.take(event) {
                lost += 1;
                failure.get_or_insert(error);
            }
        }
        let settled = writer.settle();
        let end = writer.end();
        drop(writer);
        if let Some(error) = failure.or_else(|| settled.err()) {
            return Err(self.pending(error).losing(lost));
        }
        if !synced {
            return Ok(());
        }
        self.sync(end).map_err(|error| {
            let lost = if error.lost() == 0 { 0 } else { events.len() as u64 };
            error.losing(lost)
        })
    }

    /// Writes out all there is, and syncs it if `synced` says so.
    pub(crate) fn flush(&self, synced: bool) -> Result<(), SinkError> {
        let mut writer = self.writer();
        let written = writer.flush();
        let end = writer.end();
        drop(writer);
        written.map_err(|error| self.pending(error))?;
        if !synced {
            return Ok(());
        }
        let mut group = self.group();
        let result = if group.durable < end { self.sync_for_all(&mut group) } else { Ok(()) };
        let result = result.and_then(|()| group.reached(end));
        // Said even if those who emitted were told, for not all of them wait for a sync.
        let doubted = std::mem::take(&mut group.unreported);
        drop(group);
        if doubted {
            return Err(self.in_doubt().losing(0));
        }
        result.map_err(|error| self.pending(error))
    }

    /// Syncs whatever was written and is not synced yet.
    pub(crate) fn sync_written(&self) {
        let mut group = self.group();
        // What fails is in the books, and the next flush says so.
        let _ = self.sync_for_all(&mut group);
    }

    pub(crate) fn stats(&self) -> SinkStats {
        self.writer().stats()
    }

    pub(crate) fn set_threshold(&self, threshold: usize) {
        self.writer().set_threshold(threshold);
    }

    /// Returns once all lines up to `end` are on the disk.
    fn sync(&self, end: u64) -> Result<(), SinkError> {
        let mut group = self.group();
        if group.durable < end {
            self.sync_for_all(&mut group).map_err(|error| self.pending(error))?;
        }
        if group.doubts(end) {
            return Err(self.in_doubt());
        }
        group.reached(end).map_err(|error| self.pending(error))
    }

    /// The error is one of writing: what was not synced is pending again.
    fn sync_for_all(&self, group: &mut Group) -> io::Result<()> {
        let due = self.writer().due();
        if due.whole == group.durable {
            return Ok(());
        }
        if due.segments.iter().all(|segment| segment.sync().is_ok()) {
            self.writer().synced(&due);
            group.durable = group.durable.max(due.whole);
            return Ok(());
        }
        match self.writer().save() {
            Saved::Synced(end) => group.durable = end,
            Saved::Doubted(end) => group.doubt(end),
            Saved::Pending(error) => return Err(error),
        }
        Ok(())
    }

    /// What could not be written, and will be tried again.
    fn pending(&self, error: io::Error) -> SinkError {
        SinkError::new(format!("write to `{}`", self.name), error).losing(0)
    }

    fn in_doubt(&self) -> SinkError {
        let text = "the system could not write it to the disk";
        SinkError::new(format!("sync `{}`", self.name), text)
    }

    // A panic while an event is serialised leaves nothing behind but what is in the scratch
    // buffer; nothing else in there calls out.
    fn writer(&self) -> MutexGuard<'_, Writer<M>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn group(&self) -> MutexGuard<'_, Group> {
        self.group.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Group {
    fn reached(&self, end: u64) -> io::Result<()> {
        if self.durable >= end {
            return Ok(());
        }
        Err(io::Error::other("what a failed sync left is not written again yet"))
    }

    /// Whether the line that ends at `end` may be lost.
    fn doubts(&self, end: u64) -> bool {
        self.doubts.iter().any(|(from, to)| (from + 1..=*to).contains(&end))
    }

    fn doubt(&mut self, end: u64) {
        self.unreported = true;
        match self.doubts.last_mut() {
            Some((_, to)) if *to == self.durable => *to = end,
            _ => self.doubts.push((self.durable, end)),
        }
        if self.doubts.len() > DOUBTS {
            self.doubts.remove(0);
        }
        self.durable = end;
    }
}
