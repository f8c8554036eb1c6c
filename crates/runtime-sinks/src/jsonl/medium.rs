//! [`Medium`] and [`Segment`]: the files of a log, which tests replace by failing ones.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// An open file of a log. Different threads write and sync it concurrently.
pub(crate) trait Segment: Debug + Send + Sync + 'static {
    /// Appends some of the bytes and returns how many.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Returns once everything that was written is on the disk.
    fn sync(&self) -> io::Result<()>;
}

impl Segment for File {
    fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        Write::write(&mut &*self, bytes)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// The source of the files of a log.
pub(crate) trait Medium: Debug + Send + 'static {
    /// The type of its files.
    type Segment: Segment;

    /// The file after `number`, or `None` if the log is a single file.
    fn next(&mut self, number: u64) -> io::Result<Option<Opened<Self::Segment>>>;
}

/// A file that is ready to be appended to.
#[derive(Debug)]
pub(crate) struct Opened<S> {
    pub(crate) segment: Arc<S>,
    /// The number in the folder. It never changes for a single file.
    pub(crate) number: u64,
    /// The name, for events.
    pub(crate) name: String,
    /// The current length.
    pub(crate) bytes: u64,
    /// The age.
    pub(crate) age: Duration,
    /// The state of its end.
    pub(crate) tail: Tail,
}

/// The state of the end of a file when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// The file ends with a whole line or is empty.
    Whole,
    /// It ended within a line, which was cut off.
    Cut(Torn),
    /// It ends within a line that another sink may still be writing, so the line stays.
    Left,
}

/// A line that was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    pub(crate) bytes: u64,
    /// The start of the line.
    pub(crate) text: String,
}
