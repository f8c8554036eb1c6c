//! [`Log`]: a writer that threads share, with group commit.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::AgentEvent;

use super::medium::{Medium, Segment};
use super::writer::{Saved, Writer};
use crate::sink::{SinkError, SinkStats};

/// A writer with group commit.
///
/// One thread syncs everything that is written so far. Threads that come meanwhile wait for the lock, and
/// the first of them syncs for all of them. The locks nest: `group`, then `writer`. No thread writes
/// without `writer`, and none syncs without `group`.
#[derive(Debug)]
pub(crate) struct Log<M: Medium> {
    /// The path, for errors.
    name: String,
    writer: Mutex<Writer<M>>,
    group: Mutex<Group>,
}

#[derive(Debug, Default)]
struct Group {
    /// All lines up to this position are on the disk, except for those in doubt.
    durable: u64,
    /// The ranges of lines that may be lost although later ones are on the disk.
    doubts: Vec<(u64, u64)>,
    /// Whether there are doubts that no flush has reported.
    unreported: bool,
}

/// How many doubts are remembered. No caller waits for so many syncs.
const DOUBTS: usize = 64;

impl<M: Medium> Log<M> {
    pub(crate) fn new(name: String, writer: Writer<M>) -> Self {
        Self { name, writer: Mutex::new(writer), group: Mutex::default() }
    }

    /// Takes events, and returns once they are written, or synced if `synced` is set.
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

    /// Writes everything that is pending, and syncs it if `synced` is set.
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
        // Reported even if emitters were told, because not all of them wait for a sync.
        let doubted = std::mem::take(&mut group.unreported);
        drop(group);
        if doubted {
            return Err(self.in_doubt().losing(0));
        }
        result.map_err(|error| self.pending(error))
    }

    /// Syncs everything that is written and not synced yet.
    pub(crate) fn sync_written(&self) {
        let mut group = self.group();
        // A failure is counted, and the next flush returns it.
        let _ = self.sync_for_all(&mut group);
    }

    pub(crate) fn stats(&self) -> SinkStats {
        self.writer().stats()
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

    /// Returns an error of writing. The unsynced lines are pending again then.
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

    /// The error for lines that could not be written and are tried again.
    fn pending(&self, error: io::Error) -> SinkError {
        SinkError::new(format!("write to `{}`", self.name), error).losing(0)
    }

    fn in_doubt(&self) -> SinkError {
        let text = "the system could not write to the disk";
        SinkError::new(format!("sync `{}`", self.name), text)
    }

    // A panic while an event is serialised changes nothing but the scratch buffer, and nothing else calls
    // out.
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
        Err(io::Error::other("lines of a failed sync are not written again yet"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_a_failed_sync_are_in_doubt_and_their_neighbours_are_not() {
        let mut group = Group { durable: 10, ..Group::default() };
        group.doubt(20);
        group.durable = 30;
        let in_doubt = |end: &u64| group.doubts(*end);
        assert!((1..=30).filter(in_doubt).eq(11..=20));
    }
}
