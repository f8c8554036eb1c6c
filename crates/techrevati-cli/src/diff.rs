//! Where two runs part.

mod calls;
mod events;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;

use runtime_testkit::cassette::{Cassette, differences};
use serde_json::Value;

use crate::error::{Error, unless_closed};
use crate::source;

/// One step of a run: an event, or a call.
pub(crate) struct Step {
    /// The number of its session; all calls of a cassette have the same.
    session: usize,
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

fn show([a, b]: [&Path; 2], steps: [&[Step]; 2], found: &mut bool) -> io::Result<()> {
    let Some([was, is]) = first_difference(steps) else { return Ok(()) };
    *found = true;
    let mut out = io::stdout().lock();
    let [a, b] = [a, b].map(|path| path.display().to_string());
    let place = was.or(is).map_or("", |step| &*step.place);
    writeln!(out, "they part at {place}")?;
    if let (Some(was), Some(is)) = (was, is)
        && (&was.name, &was.place) == (&is.name, &is.place)
    {
        writeln!(out, "  {}", was.name)?;
    } else {
        let width = a.chars().count().max(b.chars().count());
        for (path, step) in [(&a, was), (&b, is)] {
            let name = step.map_or("(nothing more)", |step| &*step.name);
            let elsewhere = step.filter(|step| step.place != place);
            let elsewhere = elsewhere.map(|step| format!(", at {}", step.place));
            writeln!(out, "    {path:width$}  {name}{}", elsewhere.unwrap_or_default())?;
        }
    }
    if let (Some(was), Some(is)) = (was, is) {
        for difference in differences(&was.facts, &is.facts) {
            writeln!(out, "{}", difference.between([&a, &b]))?;
        }
    }
    Ok(())
}

/// The first two steps that differ. Sessions at the same time follow each other in another order each time, so
/// each is compared by itself; of their differences, the one that comes first in its file is shown.
fn first_difference([a, b]: [&[Step]; 2]) -> Option<[Option<&Step>; 2]> {
    let (first, second) = (by_session(a), by_session(b));
    let none = Vec::new();
    let numbers: BTreeSet<usize> = first.keys().chain(second.keys()).copied().collect();
    let parted = numbers.into_iter().filter_map(|number| {
        let [was, is] = [&first, &second].map(|steps| steps.get(&number).unwrap_or(&none));
        let (mut was, mut is) = (was.iter(), is.iter());
        loop {
            return match (was.next(), is.next()) {
                (Some((_, one)), Some((_, other))) if one.facts == other.facts => continue,
                (None, None) => None,
                (one, other) => {
                    let at = one.or(other).map(|(at, _)| *at);
                    Some((at, [one, other].map(|step| step.map(|(_, step)| *step))))
                }
            };
        }
    });
    parted.min_by_key(|(at, _)| *at).map(|(_, steps)| steps)
}

/// The steps of each session, each with its place in the file.
fn by_session(steps: &[Step]) -> BTreeMap<usize, Vec<(usize, &Step)>> {
    let mut sessions: BTreeMap<usize, Vec<_>> = BTreeMap::new();
    for (at, step) in steps.iter().enumerate() {
        sessions.entry(step.session).or_default().push((at, step));
    }
    sessions
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
