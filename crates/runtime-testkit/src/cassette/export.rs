//! Cassettes from what production keeps: an event log, or the journal of a durable thread.

mod journal;
mod log;

use std::path::Path;

use chrono::{DateTime, Utc};
use runtime_events::{AgentEvent, IdSource as _, RandomIds, json_without_secrets};
use runtime_store::Stored;

use super::error::CassetteError;
use super::format::{End, Head, Recording, VERSION, micros};
use super::writer::{self, Writer};

/// The calls of a run that was not recorded by a [`Tape`](super::Tape), as far as they are known.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("export-{}.jsonl", std::process::id()));
/// use runtime_testkit::cassette::{Cassette, Export};
/// # let events = Vec::new();
///
/// let export = Export::of_events(&events);
/// for missing in export.missing() {
///     eprintln!("{missing}");
/// }
/// export.write(&path, "run.jsonl")?;
/// let tape = Cassette::at(&path).play()?;
/// # drop(tape);
/// # std::fs::remove_file(path)?;
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
///
/// # What a log cannot give
///
/// A log has what was said only if it was [captured], and never the whole request of a model: no history, no
/// settings, no tools. A journal has the replies, and of the requests a digest. So a recorded model call from
/// either [answers any](Recording::any) request, in the order of the run, as does a tool whose arguments are not
/// known. A call whose reply is not known is left out. Streams are whole replies, and have no chunks.
///
/// [captured]: https://docs.rs/runtime-orchestrator/latest/runtime_orchestrator/struct.Capture.html
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Export {
    begun: DateTime<Utc>,
    recordings: Vec<Recording>,
    missing: Vec<String>,
}

impl Export {
    /// The calls of turns, attempts and tools in a log.
    pub fn of_events(events: &[AgentEvent]) -> Self {
        let begun = events.iter().map(|event| event.emitted_at).min();
        let mut export = Self { begun: begun.unwrap_or_default(), ..Self::default() };
        log::read(events, &mut export);
        export
    }

    /// The steps of a thread, from the entries of its journal, which are not sealed.
    pub fn of_journal(entries: &[Stored]) -> Self {
        let begun = entries.first().map(|entry| entry.at);
        let mut export = Self { begun: begun.unwrap_or_default(), ..Self::default() };
        journal::read(entries, &mut export);
        export
    }

    /// The calls, by their beginning.
    pub fn recordings(&self) -> &[Recording] {
        &self.recordings
    }

    /// What could not be known, each as a sentence.
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// Writes a cassette. `from` is what it was made from, for people.
    ///
    /// # Errors
    ///
    /// [`CassetteError::File`] if the file cannot be written.
    pub fn write(&self, path: &Path, from: &str) -> Result<(), CassetteError> {
        let file = Writer::create(path, &self.head(from))?;
        self.recordings.iter().for_each(|recording| file.write(recording));
        file.finish(path)
    }

    /// The text of the cassette.
    pub fn to_text(&self, from: &str) -> String {
        let lines = self.recordings.iter().map(writer::line);
        std::iter::once(writer::line(&self.head(from))).chain(lines).collect()
    }

    fn head(&self, from: &str) -> Head {
        Head {
            cassette: VERSION,
            recorded: self.begun,
            seed: format!("{:032x}", RandomIds.draw()),
            volatile: Vec::new(),
            from: Some(from.to_owned()),
        }
    }

    /// Adds a call that took place between these times.
    fn add(&mut self, (from, to): (DateTime<Utc>, DateTime<Utc>), recording: Recording) {
        let since =
            |a: DateTime<Utc>, b: DateTime<Utc>| micros((b - a).to_std().unwrap_or_default());
        let request = json_without_secrets(recording.request);
        let end = match recording.end {
            End::Reply(reply) => End::Reply(json_without_secrets(reply)),
            end => end,
        };
        let call = self.recordings.len() as u64 + 1;
        let (at_us, took_us) = (since(self.begun, from), since(from, to));
        self.recordings.push(Recording { call, at_us, took_us, request, end, ..recording });
    }

    fn miss(&mut self, count: usize, what: &str) {
        match count {
            0 => {}
            1 => self.missing.push(format!("1 call is left out: {what}")),
            more => self.missing.push(format!("{more} calls are left out: {what}")),
        }
    }
}
