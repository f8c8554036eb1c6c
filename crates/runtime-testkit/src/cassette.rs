//! Cassettes: a run that is recorded once, and played in tests without a network and without time.
//!
//! The same program records and plays. A [`Tape`] stands between it and the world: models, tools, time, ids and
//! random numbers.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # let folder = std::env::temp_dir().join(format!("cassette-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = folder.join("weather.jsonl");
//! use runtime_orchestrator::{BoxError, Orchestrator, Turn};
//! use runtime_testkit::cassette::{Cassette, Tape};
//! use serde_json::{Value, json};
//!
//! async fn agent(tape: &Tape) -> Result<String, BoxError> {
//!     let orchestrator = Orchestrator::new("guide", "answer").time(tape.clock()).ids(tape.ids());
//!     let session = orchestrator.session()?;
//!     let request = json!({ "model": "m", "messages": [{ "role": "user", "content": "Rome?" }] });
//!     let chat = || async { Ok::<_, BoxError>(json!({ "content": "Sunny." })) };
//!     let reply = session.run_turn(Turn::model("m"), || tape.model(&request, chat)).await?.value;
//!     Ok(Value::to_string(&reply["content"]))
//! }
//!
//! let recorded = runtime.block_on(agent(&Cassette::at(&path).record()?))?;
//! let tape = Cassette::at(&path).play()?;
//! assert_eq!(runtime.block_on(agent(&tape))?, recorded);
//! tape.finish()?;
//! # std::fs::remove_dir_all(folder)?;
//! # Ok::<_, BoxError>(())
//! ```
//!
//! # What is kept
//!
//! A cassette is a file of JSON lines: a head, then a line for each call with its request, its time, and how
//! it ended. Requests, replies and errors lose their [secrets](runtime_events::without_secrets), as events do.
//! The program that is recorded still gets them; the one that is played gets what is in the file.
//!
//! # Which recording answers
//!
//! The first one of the same request that was not played yet. Requests are the same if their [canonical
//! forms](runtime_store::canonical_json) are: the order of fields and white space do not matter, nor do the
//! fields that are declared as [volatile](Cassette::volatile). A call without a recording fails at once with a
//! [`MissError`], which has the nearest recording and each field that differs.
//!
//! # Time
//!
//! A [`TapeClock`] tells the recorded time while the tape plays, and takes none. A call takes as long on it as
//! it took when it was recorded, so timeouts and waits end as they did. A call whose caller left stays pending
//! until it is dropped again.

mod blocking;
mod chance;
mod clock;
mod difference;
mod error;
mod export;
mod format;
mod key;
mod pieces;
mod player;
mod reader;
mod recorder;
mod replay;
mod stream;
mod tape;
mod writer;

use std::path::{Path, PathBuf};

use runtime_events::{Clock, IdSource as _, RandomIds, Sleeper};
use runtime_resilience::Classifier;

pub use self::{
    blocking::BlockingTape,
    chance::TapeIds,
    clock::TapeClock,
    difference::{Difference, differences},
    error::{CassetteError, MissError, Nearest},
    export::Export,
    format::{End, Opened, Port, Recording},
    recorder::Call,
    replay::Replay,
    stream::TapeStream,
    tape::{Begun, Tape},
};
use self::{
    format::{Head, VERSION},
    key::Volatile,
    player::Player,
    recorder::Recorder,
    tape::Side,
};

/// A file for a recorded run, and how it is recorded and played.
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it records or plays"]
pub struct Cassette {
    path: PathBuf,
    volatile: Volatile,
    time: Option<TapeClock>,
    timed: bool,
    classifier: Classifier,
}

impl Cassette {
    /// The cassette at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        let (volatile, classifier) = (Volatile::default(), Classifier::default());
        Self { path: path.into(), volatile, time: None, timed: true, classifier }
    }

    /// Declares a field of requests that differs in each run: it is recorded, and not compared.
    ///
    /// `pointer` is a JSON pointer, as a [`MissError`] shows it. A `*` in it stands for any index or key, as in
    /// `/messages/*/id`.
    pub fn volatile(mut self, pointer: impl Into<String>) -> Self {
        self.volatile.add(pointer);
        self
    }

    /// Sets the clock. By default it is the system's while the tape records, and one that moves by itself while
    /// it plays.
    ///
    /// With a [`ManualClock`](crate::ManualClock), a replay waits until the test moves it.
    pub fn time(mut self, time: impl Clock + Sleeper + 'static) -> Self {
        self.time = Some(TapeClock::of(time));
        self
    }

    /// Plays without the times of calls and chunks: each is there at once.
    pub const fn untimed(mut self) -> Self {
        self.timed = false;
        self
    }

    /// Sets how errors are read when they are recorded, if you have rules of your own: the classifier of the
    /// [recovery](https://docs.rs/runtime-orchestrator).
    pub fn classifier(mut self, classifier: Classifier) -> Self {
        self.classifier = classifier;
        self
    }

    /// Begins to record, in place of what the file had.
    ///
    /// # Errors
    ///
    /// [`CassetteError::File`] if the file cannot be written.
    pub fn record(self) -> Result<Tape, CassetteError> {
        let clock = self.time.unwrap_or_else(TapeClock::system);
        let head = Head {
            cassette: VERSION,
            recorded: clock.utc_now(),
            seed: format!("{:032x}", RandomIds.draw()),
            volatile: self.volatile.pointers(),
            from: None,
        };
        let recorder = Recorder::create(&self.path, &head, clock.clone(), self.classifier)?;
        Ok(Tape::new(self.path, head.seed, clock, Side::Records(recorder.into())))
    }

    /// Begins to play.
    ///
    /// # Errors
    ///
    /// [`CassetteError::File`] if the file cannot be read, and [`CassetteError::Line`] if it is no cassette.
    pub fn play(mut self) -> Result<Tape, CassetteError> {
        let content = reader::read(&self.path)?;
        self.volatile.extend(content.head.volatile);
        let clock = self.time.unwrap_or_else(|| TapeClock::playing(content.head.recorded));
        let player = Player::new(self.path.clone(), self.volatile, content.recordings);
        Ok(Tape::new(self.path, content.head.seed, clock, Side::Plays(player.into(), self.timed)))
    }

    /// Plays if there is a file, and records if there is none.
    ///
    /// Of a recording that was cut short there is a file, too: delete it.
    ///
    /// # Errors
    ///
    /// As [`play`](Self::play) and [`record`](Self::record).
    pub fn auto(self) -> Result<Tape, CassetteError> {
        if self.path.exists() { self.play() } else { self.record() }
    }

    /// Reads the calls of a cassette, by their beginning.
    ///
    /// # Errors
    ///
    /// As [`play`](Self::play).
    pub fn recordings(&self) -> Result<Vec<Recording>, CassetteError> {
        Ok(sorted(reader::read(&self.path)?.recordings))
    }

    /// As [`recordings`](Self::recordings), of a text in place of the file.
    ///
    /// # Errors
    ///
    /// [`CassetteError::Line`] if it is no cassette.
    pub fn recordings_of(&self, text: &str) -> Result<Vec<Recording>, CassetteError> {
        Ok(sorted(reader::parse(&self.path, text)?.recordings))
    }

    /// As [`recordings`](Self::recordings), with requests as they are compared: without volatile fields.
    ///
    /// # Errors
    ///
    /// As [`play`](Self::play).
    pub fn requests(&self) -> Result<Vec<Recording>, CassetteError> {
        let mut volatile = self.volatile.clone();
        volatile.extend(reader::read(&self.path)?.head.volatile);
        let mut recordings = self.recordings()?;
        for recording in &mut recordings {
            recording.request = volatile.strip(std::mem::take(&mut recording.request));
        }
        Ok(recordings)
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn sorted(mut recordings: Vec<Recording>) -> Vec<Recording> {
    recordings.sort_by_key(|recording| recording.call);
    recordings
}
