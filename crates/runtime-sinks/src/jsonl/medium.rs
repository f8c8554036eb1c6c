//! What a log is written on: the seam at which tests put disks that fail.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

/// One open file of a log. It is written and synced by different threads at once.
pub(crate) trait Segment: Debug + Send + Sync + 'static {
    /// Appends some of `bytes`, and says how many.
    fn write(&self, bytes: &[u8]) -> io::Result<usize>;

    /// Returns once all that was written before is on the disk.
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

/// Where the files of a log come from.
pub(crate) trait Medium: Debug + Send + 'static {
    /// Its files.
    type Segment: Segment;

    /// The file that comes after `number`, or `None` if this log is one file for ever.
    fn next(&mut self, number: u64) -> io::Result<Option<Opened<Self::Segment>>>;
}

/// A file that is ready to be appended to.
#[derive(Debug)]
pub(crate) struct Opened<S> {
    pub(crate) segment: Arc<S>,
    /// Its number in the folder; the same for ever where there is none.
    pub(crate) number: u64,
    /// Its name, as records give it.
    pub(crate) name: String,
    /// How long it is already.
    pub(crate) bytes: u64,
    /// How long ago it was begun.
    pub(crate) age: Duration,
    /// What another process left half-written at its end.
    pub(crate) tail: Tail,
}

/// How a file ended when it was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Tail {
    /// With a whole line, or it is empty.
    Whole,
    /// Within a line, which has been cut off.
    Cut(Torn),
    /// Within a line that may be somebody's who still writes it: it has to be left there.
    Left,
}

/// What was cut off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Torn {
    pub(crate) bytes: u64,
    /// How it began.
    pub(crate) text: String,
}
