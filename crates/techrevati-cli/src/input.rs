//! Where a log comes from: a file, a folder, a compressed file, a database, or standard input.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use runtime_sinks::LogReader;

use crate::Error;

/// The name of standard input on the command line.
const STANDARD_INPUT: &str = "-";

/// The log at this path.
pub(crate) fn open(path: &Path) -> Result<LogReader, Error> {
    if path.as_os_str() == STANDARD_INPUT {
        return of_stream(Path::new("standard input"), io::stdin());
    }
    let file = || File::open(path).map_err(|error| Error::input(path, error));
    if path.is_dir() || !path.is_file() {
        // A folder, or what is not there; a pipe cannot be looked into.
        return Ok(LogReader::open(path)?);
    }
    match kind(&beginning(&mut file()?).map_err(|error| Error::input(path, error))?) {
        Kind::Text => Ok(LogReader::open(path)?),
        Kind::Gzip => Ok(LogReader::read(path, MultiGzDecoder::new(BufReader::new(file()?)))),
        Kind::Sqlite => database(path),
        Kind::Other(what) => Err(Error::input(path, what)),
    }
}

/// Whether more may be written to the log. A pipe is over once nobody writes to it.
pub(crate) fn grows(path: &Path) -> bool {
    let begins = || beginning(&mut File::open(path).ok()?).ok();
    let is_text = || begins().is_none_or(|bytes| matches!(kind(&bytes), Kind::Text));
    let is_growing = || if path.is_file() { is_text() } else { path.is_dir() || !path.exists() };
    path.as_os_str() != STANDARD_INPUT && is_growing()
}

fn of_stream(name: &Path, stream: impl Read + Send + 'static) -> Result<LogReader, Error> {
    let mut stream = BufReader::new(stream);
    let begins = stream.fill_buf().map_err(|error| Error::input(name, error))?;
    match kind(begins) {
        Kind::Text => Ok(LogReader::read(name, stream)),
        Kind::Gzip => Ok(LogReader::read(name, MultiGzDecoder::new(stream))),
        Kind::Sqlite => Err(Error::input(name, "a database cannot be read from a stream")),
        Kind::Other(what) => Err(Error::input(name, what)),
    }
}

#[cfg(feature = "sqlite")]
fn database(path: &Path) -> Result<LogReader, Error> {
    use runtime_sqlite::SqliteReader;

    let database = SqliteReader::open(path).map_err(|error| Error::input(path, error))?;
    let (log, to) = io::pipe().map_err(|error| Error::input(path, error))?;
    // It ends when all is written, or when nobody reads on.
    let export = std::thread::spawn(move || database.export(to));
    Ok(LogReader::read(path, Exported { log, export: Some(export) }))
}

/// A log that a thread writes. At its end it tells if it is not all.
#[cfg(feature = "sqlite")]
struct Exported {
    log: io::PipeReader,
    export: Option<std::thread::JoinHandle<Result<u64, runtime_sinks::SinkError>>>,
}

#[cfg(feature = "sqlite")]
impl Read for Exported {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.log.read(into)?;
        if read > 0 || into.is_empty() {
            return Ok(read);
        }
        match self.export.take().map(std::thread::JoinHandle::join) {
            None | Some(Ok(Ok(_))) => Ok(0),
            Some(Ok(Err(error))) => Err(io::Error::other(error)),
            Some(Err(_)) => Err(io::Error::other("the export panicked")),
        }
    }
}

#[cfg(not(feature = "sqlite"))]
fn database(path: &Path) -> Result<LogReader, Error> {
    Err(Error::input(
        path,
        "it is a SQLite database, and this command was built without feature `sqlite`",
    ))
}

/// Whether a file is a SQLite database.
#[cfg(feature = "sqlite")]
pub(crate) fn is_database(path: &Path) -> io::Result<bool> {
    let begins = beginning(&mut File::open(path)?)?;
    Ok(matches!(kind(&begins), Kind::Sqlite))
}

/// Refuses to write over the file that is read.
pub(crate) fn check_output(read: &Path, out: &Path) -> Result<(), Error> {
    match (read.canonicalize(), out.canonicalize()) {
        (Ok(read), Ok(written)) if read == written => {
            let cause = io::Error::other("it is the file that is read");
            Err(Error::WriteFile { path: out.to_owned(), cause })
        }
        _ => Ok(()),
    }
}

/// What a file is by its first bytes.
enum Kind {
    Text,
    Gzip,
    Sqlite,
    /// No log.
    Other(&'static str),
}

/// How much of a file tells what it is.
const BEGINNING: u64 = 512;

fn beginning(file: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(BEGINNING).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn kind(bytes: &[u8]) -> Kind {
    const OTHERS: [(&[u8], &str); 11] = [
        (b"\x89PNG", "it is a PNG image, not an event log"),
        (b"\xff\xd8\xff", "it is a JPEG image, not an event log"),
        (b"%PDF", "it is a PDF document, not an event log"),
        (b"\x7fELF", "it is a program, not an event log"),
        (b"MZ", "it is a program, not an event log"),
        (b"PK\x03\x04", "it is a ZIP archive: unpack it first"),
        (b"\x28\xb5\x2f\xfd", "it is compressed by zstd: unpack it first, or use gzip"),
        (b"\xfd7zXZ", "it is compressed by xz: unpack it first, or use gzip"),
        (b"BZh", "it is compressed by bzip2: unpack it first, or use gzip"),
        (b"\xff\xfe", "it is UTF-16 text: save it as UTF-8"),
        (b"\xfe\xff", "it is UTF-16 text: save it as UTF-8"),
    ];
    if bytes.starts_with(b"\x1f\x8b") {
        return Kind::Gzip;
    }
    if bytes.starts_with(b"SQLite format 3\0") {
        return Kind::Sqlite;
    }
    if let Some((_, what)) = OTHERS.iter().find(|(magic, _)| bytes.starts_with(magic)) {
        return Kind::Other(what);
    }
    let start = bytes.trim_ascii_start();
    let is_page =
        |tag: &[u8]| start.get(..tag.len()).is_some_and(|it| it.eq_ignore_ascii_case(tag));
    if is_page(b"<!doctype html") || is_page(b"<html") {
        return Kind::Other("it is an HTML page, not an event log");
    }
    if bytes.contains(&0) {
        return Kind::Other("it is not text, so not an event log");
    }
    Kind::Text
}
