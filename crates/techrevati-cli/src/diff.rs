//! Where two runs part.

mod calls;
mod events;

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

use runtime_testkit::cassette::{Cassette, differences};
use serde_json::Value;

use crate::error::{Error, unless_closed};
use crate::source;

/// One step of a run: an event, or a call.
pub(crate) struct Step {
    /// Where it is: its session and turn, or the number of the call.
    place: String,
    /// What it is, in few words.
    name: String,
    /// What is compared: neither ids nor times.
    facts: Value,
}

/// Shows the first difference. Returns whether there is one.
pub(crate) fn run(a: &Path, b: &Path) -> Result<bool, Error> {
    let (first, second) = (steps(a)?, steps(b)?);
    let (Content { is_cassette, steps: first }, Content { is_cassette: also, steps: second }) =
        (first, second);
    if is_cassette != also {
        let kind = if is_cassette { "a cassette" } else { "a log" };
        return Err(Error::input(b, format!("`{}` is {kind}, and this is none", a.display())));
    }
    let mut is_different = false;
    // Whoever has read enough is still to know it.
    unless_closed(show([a, b], [&first, &second], &mut is_different))?;
    Ok(is_different)
}

fn show([a, b]: [&Path; 2], [first, second]: [&[Step]; 2], found: &mut bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let [a, b] = [a, b].map(|path| path.display().to_string());
    for (was, is) in first.iter().zip(second) {
        if was.facts != is.facts {
            *found = true;
            writeln!(out, "they part at {}", was.place)?;
            if was.name != is.name || was.place != is.place {
                let width = a.chars().count().max(b.chars().count());
                writeln!(out, "    {a:width$}  {}", was.name)?;
                let place = if was.place == is.place {
                    String::new()
                } else {
                    format!(", at {}", is.place)
                };
                writeln!(out, "    {b:width$}  {}{place}", is.name)?;
            } else {
                writeln!(out, "  {}", was.name)?;
            }
            for difference in differences(&was.facts, &is.facts) {
                writeln!(out, "{}", difference.between([&a, &b]))?;
            }
            return Ok(());
        }
    }
    let (shorter, longer, next) = match (first.get(second.len()), second.get(first.len())) {
        (Some(next), _) => (&b, &a, next),
        (_, Some(next)) => (&a, &b, next),
        (None, None) => return Ok(()),
    };
    *found = true;
    writeln!(out, "`{shorter}` ends there; `{longer}` goes on at {}: {}", next.place, next.name)
}

struct Content {
    is_cassette: bool,
    steps: Vec<Step>,
}

fn steps(path: &Path) -> Result<Content, Error> {
    let is_cassette = is_cassette(path);
    let steps = if is_cassette {
        let read = Cassette::at(path).requests().map_err(|error| Error::input(path, error))?;
        calls::steps(read)
    } else {
        events::steps(&source::read(path)?.events)
    };
    Ok(Content { is_cassette, steps })
}

/// Whether a file begins as a cassette does.
fn is_cassette(path: &Path) -> bool {
    const LONGEST: u64 = 65_536;
    let Ok(file) = File::open(path) else { return false };
    let mut first = Vec::new();
    let read = BufReader::new(file.take(LONGEST)).read_until(b'\n', &mut first);
    let head: Option<Value> = serde_json::from_slice(&first).ok();
    read.is_ok() && head.is_some_and(|head| head.get("cassette").is_some())
}
