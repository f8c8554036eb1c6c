//! Why a cassette cannot be written or read, and why a call has no recording.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use runtime_resilience::{Classifier, Failure, Fault, FaultKind};
use thiserror::Error;

use super::difference::Difference;
use super::format::Port;

/// A cassette that cannot be written, or not be read, or that was not played to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CassetteError {
    /// The file cannot be opened, read or written.
    #[error("cannot use cassette `{}`", path.display())]
    #[non_exhaustive]
    File {
        /// The cassette.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A line is not one of a cassette.
    #[error("`{}`, line {line}: {problem}", path.display())]
    #[non_exhaustive]
    Line {
        /// The cassette.
        path: PathBuf,
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// A call had no recording.
    #[error(transparent)]
    Miss(MissError),
    /// Calls were recorded that nobody made.
    #[error(
        "calls of cassette `{}` that were not made: {left}, the first is call {call} of port {port}",
        path.display()
    )]
    #[non_exhaustive]
    Left {
        /// The cassette.
        path: PathBuf,
        /// How many.
        left: usize,
        /// The number of the first.
        call: u64,
        /// Its port.
        port: Port,
    },
}

impl CassetteError {
    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }

    pub(crate) fn line(path: &Path, line: usize, problem: impl fmt::Display) -> Self {
        Self::Line { path: path.to_owned(), line, problem: problem.to_string() }
    }
}

/// A call that has no recording, with the nearest one and what differs.
///
/// Recovery does not retry it.
#[derive(Clone, Debug, PartialEq, Error)]
#[non_exhaustive]
pub struct MissError {
    /// The cassette.
    pub path: PathBuf,
    /// The port of the call.
    pub port: Port,
    /// The tool, or the name of the value; else empty.
    pub name: String,
    /// The nearest recording; `None` if the port has none.
    pub nearest: Option<Nearest>,
}

impl MissError {
    /// As an error that no recovery retries.
    pub(crate) fn into_failure(self, now: DateTime<Utc>) -> Failure {
        let local = Classifier::default()
            .fault_rule(|error, _| error.is::<Self>().then(|| Fault::of(FaultKind::Local)));
        Failure::classified(self, &local, now)
    }
}

/// A recording that is like a call.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Nearest {
    /// The number of its call.
    pub call: u64,
    /// What differs. Empty if the recording is of this very request, and was played before.
    pub differences: Vec<Difference>,
    /// How many recordings of this very request there are.
    pub played: usize,
}

impl fmt::Display for MissError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The most fields that are shown.
        const MOST: usize = 8;
        let Self { path, port, name, nearest } = self;
        write!(f, "{} has no recording for ", path.display())?;
        match port {
            Port::Model => f.write_str("this call of the model")?,
            Port::Stream => f.write_str("this stream of the model")?,
            Port::Tool => write!(f, "this call of the tool `{name}`")?,
            Port::Value => write!(f, "the value `{name}`")?,
            Port::Http => f.write_str("this request over HTTP")?,
        }
        let Some(Nearest { call, differences, played }) = nearest else {
            return write!(f, ": it has none of its kind");
        };
        let Some(first) = differences.first() else {
            let times = if *played == 1 { "once".to_owned() } else { format!("{played} times") };
            return write!(
                f,
                ": it was recorded {times} (last as call {call}), and is asked for once more"
            );
        };
        let fields = match differences.len() {
            1 => "1 field".to_owned(),
            more => format!("{more} fields"),
        };
        write!(f, "\nthe nearest is call {call}, which differs in {fields}:")?;
        for difference in differences.iter().take(MOST) {
            write!(f, "\n{difference}")?;
        }
        if differences.len() > MOST {
            write!(f, "\n  and {} more", differences.len() - MOST)?;
        }
        write!(
            f,
            "\na field that differs in each run is declared: .volatile(\"{}\"); to record anew, delete the file",
            first.path
        )
    }
}
