//! The lines of a cassette, as they are read.

use std::path::Path;

use super::error::CassetteError;
use super::format::{Head, Recording, VERSION};

/// A cassette that was read.
#[derive(Debug)]
pub(crate) struct Content {
    pub(crate) head: Head,
    pub(crate) recordings: Vec<Recording>,
}

/// Reads a cassette.
pub(crate) fn read(path: &Path) -> Result<Content, CassetteError> {
    let text = std::fs::read_to_string(path).map_err(|error| CassetteError::file(path, error))?;
    parse(path, &text)
}

/// Reads the text of a cassette. `path` is for errors.
pub(crate) fn parse(path: &Path, text: &str) -> Result<Content, CassetteError> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let Some((_, first)) = lines.next() else {
        return Err(CassetteError::line(path, 1, "it is empty, not a cassette"));
    };
    let head: Head = serde_json::from_str(first).map_err(|error| {
        CassetteError::line(path, 1, format!("it is no head of a cassette: {}", said(&error)))
    })?;
    if head.cassette != VERSION {
        let (found, known) = (head.cassette, VERSION);
        let problem =
            format!("the format is version {found}, and this library reads version {known}");
        return Err(CassetteError::line(path, 1, problem));
    }
    let read = lines.map(|(index, line)| {
        let unread = |error| CassetteError::line(path, index + 1, said(&error));
        serde_json::from_str(line).map_err(unread)
    });
    Ok(Content { head, recordings: read.collect::<Result<_, _>>()? })
}

/// What is wrong with a line. The error counts lines within it alone, and there is one.
fn said(error: &serde_json::Error) -> String {
    error.to_string().replace(" at line 1 column ", " at column ")
}
