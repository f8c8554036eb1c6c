//! [`Lines`]: the lines of a file that may grow while it is read.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};
use std::mem;
use std::path::{Path, PathBuf};

use super::{LONGEST_LINE, too_long};

/// Reads line by line, and remembers where the last whole line ended.
pub(crate) struct Lines {
    name: PathBuf,
    input: Input,
    /// The number of lines read.
    number: u64,
    /// The start of the next line.
    begin: u64,
    /// The part of the next line that a stream has given, since a stream cannot go back.
    held: Vec<u8>,
    /// Whether the rest must not be read.
    over: bool,
}

enum Input {
    File(BufReader<File>),
    /// A stream, also one with a name in a file system: a pipe.
    Other(BufReader<Box<dyn Read + Send>>),
}

/// A line without its line break.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) text: Vec<u8>,
    /// Whether there was a line break.
    pub(crate) whole: bool,
    pub(crate) number: u64,
}

impl Lines {
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let (name, file) = (path.to_owned(), File::open(path)?);
        if !file.metadata()?.is_file() {
            return Ok(Self::new(name, Box::new(file)));
        }
        Ok(Self::at_the_beginning(name, Input::File(BufReader::new(file))))
    }

    pub(crate) fn new(name: PathBuf, from: Box<dyn Read + Send>) -> Self {
        Self::at_the_beginning(name, Input::Other(BufReader::new(from)))
    }

    const fn at_the_beginning(name: PathBuf, input: Input) -> Self {
        Self { name, input, number: 0, begin: 0, held: Vec::new(), over: false }
    }

    pub(crate) fn name(&self) -> &Path {
        &self.name
    }

    /// The file and the number of the last line read, or 0 before the first.
    pub(crate) fn place(&self) -> (&Path, u64) {
        (&self.name, self.number)
    }

    /// The number of the next line.
    pub(crate) const fn number(&self) -> u64 {
        self.number + 1
    }

    /// The next line, or `None` if there is none yet. An incomplete last line is returned only if the log
    /// `is_over`. Otherwise it is read again the next time.
    pub(crate) fn next(&mut self, is_over: bool) -> io::Result<Option<Line>> {
        if self.over {
            return Ok(None);
        }
        let mut text = mem::take(&mut self.held);
        let room = LONGEST_LINE - text.len() as u64;
        let read = match &mut self.input {
            Input::File(file) => file.take(room).read_until(b'\n', &mut text),
            Input::Other(other) => other.take(room).read_until(b'\n', &mut text),
        };
        read.inspect_err(|_| self.over = true)?;
        let read = text.len() as u64;
        let whole = text.pop_if(|byte| *byte == b'\n').is_some();
        if !whole && read == LONGEST_LINE {
            self.over = true;
            return Err(too_long());
        }
        if !whole && !is_over {
            self.rewind(text)?;
            return Ok(None);
        }
        if read == 0 {
            return Ok(None);
        }
        self.begin += read;
        self.number += 1;
        Ok(Some(Line { text, whole, number: self.number }))
    }

    /// Whether the name belongs to another file now: the log was moved away and begun anew.
    #[cfg(unix)]
    pub(crate) fn is_replaced(&self) -> bool {
        use std::os::unix::fs::MetadataExt as _;

        let Input::File(file) = &self.input else { return false };
        let (Ok(own), Ok(now)) = (file.get_ref().metadata(), self.name.metadata()) else {
            return false;
        };
        (own.dev(), own.ino()) != (now.dev(), now.ino())
    }

    /// Elsewhere a file that is open cannot be told from one of the same name.
    #[cfg(not(unix))]
    pub(crate) const fn is_replaced(&self) -> bool {
        false
    }

    /// Goes back to the start of the line. It may have been cut off and replaced meanwhile. Of a stream, the
    /// part is kept.
    fn rewind(&mut self, part: Vec<u8>) -> io::Result<()> {
        let Input::File(file) = &mut self.input else {
            self.held = part;
            return Ok(());
        };
        let length = file.get_ref().metadata()?.len();
        // A file that was emptied is read from the start.
        if length < self.begin {
            (self.begin, self.number) = (0, 0);
        }
        file.seek(SeekFrom::Start(self.begin))?;
        Ok(())
    }
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("name", &self.name)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}
