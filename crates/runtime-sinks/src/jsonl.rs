//! [`JsonlSink`]: events in a file, one line of JSON each.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::AgentEvent;

use crate::lines::LineWriter;
use crate::sink::{EventSink, SinkError};

/// Appends events to a file, each as one line of JSON.
///
/// Lines are collected and written together; [`flush`](EventSink::flush) writes what is pending,
/// and so does dropping the sink. (What is written is with the operating system; it is not
/// forced to the disk.) Lines of several threads never mix.
///
/// When writing fails, what is pending is kept and written later, from the very byte where it
/// stopped: there are no torn lines. Beyond a mebibyte of backlog, events are refused. A file
/// that ends in the middle of a line, because another process was killed, is continued on a
/// new line.
///
/// ```
/// use std::sync::Arc;
/// use runtime_events::AgentEvent;
/// use runtime_sinks::{EventSink, JsonlSink};
///
/// let path = std::env::temp_dir().join(format!("events-{}.jsonl", std::process::id()));
/// let log = JsonlSink::open(&path)?;
/// log.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;
/// log.flush()?;
///
/// let text = std::fs::read_to_string(&path)?;
/// assert!(text.starts_with(r#"{"event":"agent.started""#) && text.ends_with("}\n"));
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonlSink {
    path: PathBuf,
    lines: Mutex<LineWriter<File>>,
}

/// How much is collected before it is written, unless told otherwise.
const DEFAULT_BUFFER: usize = 64 * 1024;

impl JsonlSink {
    /// Opens a file to append to, and creates it where it does not exist.
    ///
    /// # Errors
    ///
    /// [`SinkError`], which names the path, if the file cannot be opened.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, SinkError> {
        let path = path.into();
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .open(&path)
            .map_err(|error| SinkError::new(format!("open `{}`", path.display()), error))?;
        let torn = ends_within_a_line(&path, &file);
        let mut lines = LineWriter::new(file, DEFAULT_BUFFER);
        if torn {
            lines.break_line();
        }
        Ok(Self { path, lines: Mutex::new(lines) })
    }

    /// Sets how many bytes are collected before they are written. Default: 64 KiB. With 0, each
    /// event is written at once, for others to follow.
    #[must_use]
    pub fn buffer_bytes(mut self, bytes: usize) -> Self {
        self.lines.get_mut().unwrap_or_else(PoisonError::into_inner).set_threshold(bytes);
        self
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    // A panic while an event is serialised may leave part of a line; events do not panic there.
    fn lines(&self) -> MutexGuard<'_, LineWriter<File>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, error: io::Error) -> SinkError {
        SinkError::new(format!("write to `{}`", self.path.display()), error)
    }
}

impl EventSink for JsonlSink {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        self.lines().line(&**event).map_err(|error| self.refuse(error))
    }

    fn flush(&self) -> Result<(), SinkError> {
        self.lines().flush().map_err(|error| self.refuse(error))
    }
}

/// Whether the next byte would go on with a line that somebody left half-written.
///
/// A file that may not be read is given the benefit of a line break.
fn ends_within_a_line(path: &Path, file: &File) -> bool {
    // Pipes and terminals have no length and no past.
    let length = file.metadata().map_or(0, |facts| if facts.is_file() { facts.len() } else { 0 });
    length > 0 && last_byte(path).map_or(true, |byte| byte != b'\n')
}

fn last_byte(path: &Path) -> io::Result<u8> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::End(-1))?;
    let mut byte = [0];
    file.read_exact(&mut byte)?;
    Ok(byte[0])
}
