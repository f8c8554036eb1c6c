//! [`Tape`]: what stands between a program and the world.

use std::fmt;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use futures_core::Stream;
use runtime_events::{Clock as _, json_without_secrets};
use runtime_resilience::BoxError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::chance::{self, TapeIds};
use super::clock::TapeClock;
use super::error::{CassetteError, MissError};
use super::format::Port;
use super::player::Player;
use super::recorder::{Call, Recorder};
use super::replay::Replay;
use super::stream::TapeStream;

/// A cassette that records or plays. Clones share it.
///
/// Each call of the program goes through the tape. While it records, the call is made, and what came of it is
/// written. While it plays, the call is not made: its result is the recorded one.
#[derive(Clone)]
pub struct Tape(Arc<Inside>);

struct Inside {
    path: PathBuf,
    seed: String,
    ids: TapeIds,
    clock: TapeClock,
    side: Side,
}

/// Whether it records or plays.
pub(crate) enum Side {
    Records(Arc<Recorder>),
    /// In its time, or at once.
    Plays(Arc<Player>, bool),
}

/// A call that began.
#[derive(Debug)]
#[expect(clippy::exhaustive_enums, reason = "a tape records or plays")]
pub enum Begun {
    /// It is made and recorded.
    Live(Call),
    /// It is played.
    Known(Replay),
}

impl Tape {
    pub(crate) fn new(path: PathBuf, seed: String, clock: TapeClock, side: Side) -> Self {
        let ids = TapeIds::new(&seed);
        Self(Arc::new(Inside { path, seed, ids, clock, side }))
    }

    /// Calls a model, or plays its reply.
    ///
    /// The request is what makes two calls the same: give it as the model gets it.
    ///
    /// # Errors
    ///
    /// The error of the call. A recorded one has the same texts and the same
    /// [`Fault`](runtime_resilience::Fault), as a [`Failure`](runtime_resilience::Failure). A call without a
    /// recording fails with a [`MissError`], as the source of one.
    pub fn model<Q, T, E, F, C>(
        &self,
        request: &Q,
        call: C,
    ) -> impl Future<Output = Result<T, BoxError>> + use<Q, T, E, F, C>
    where
        Q: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
        F: Future<Output = Result<T, E>>,
        C: FnOnce() -> F,
    {
        self.call(Port::Model, String::new(), json(request), call)
    }

    /// Runs a tool, or plays its result.
    ///
    /// # Errors
    ///
    /// As of [`model`](Self::model).
    pub fn tool<Q, T, E, F, C>(
        &self,
        name: &str,
        arguments: &Q,
        call: C,
    ) -> impl Future<Output = Result<T, BoxError>> + use<Q, T, E, F, C>
    where
        Q: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
        F: Future<Output = Result<T, E>>,
        C: FnOnce() -> F,
    {
        self.call(Port::Tool, name.to_owned(), json(arguments), call)
    }

    /// Calls a model that streams its reply, or plays the stream.
    ///
    /// # Errors
    ///
    /// The error of the call that opened the stream, as of [`model`](Self::model). Errors within the stream are
    /// items of it.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # let path = std::env::temp_dir().join(format!("stream-{}.jsonl", std::process::id()));
    /// use futures_util::{StreamExt, stream};
    /// use runtime_testkit::cassette::{Cassette, Tape};
    /// use serde_json::json;
    ///
    /// type Error = Box<dyn std::error::Error + Send + Sync>;
    ///
    /// async fn agent(tape: &Tape) -> Result<Vec<String>, Error> {
    ///     let request = json!({ "model": "m", "stream": true });
    ///     let words = ["Sun", "ny"].map(|word| Ok::<_, Error>(word.to_owned()));
    ///     let open = || async { Ok::<_, Error>(stream::iter(words)) };
    ///     let chunks = tape.stream(&request, open).await?;
    ///     Ok(chunks.map(|chunk| chunk.unwrap()).collect().await)
    /// }
    ///
    /// let recorded = runtime.block_on(agent(&Cassette::at(&path).record()?))?;
    /// assert_eq!(runtime.block_on(agent(&Cassette::at(&path).play()?))?, recorded);
    /// # std::fs::remove_file(path)?;
    /// # Ok::<_, Error>(())
    /// ```
    pub fn stream<Q, T, S, E, G, F, C>(
        &self,
        request: &Q,
        call: C,
    ) -> impl Future<Output = Result<TapeStream<T>, BoxError>> + use<Q, T, S, E, G, F, C>
    where
        Q: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        S: Stream<Item = Result<T, G>> + Send + 'static,
        E: Into<BoxError>,
        G: Into<BoxError> + 'static,
        F: Future<Output = Result<S, E>>,
        C: FnOnce() -> F,
    {
        let (tape, request) = (self.clone(), json(request));
        async move {
            match tape.begin(Port::Stream, "", request?)? {
                Begun::Live(mut live) => match call().await {
                    Ok(stream) => {
                        live.open(Value::Null);
                        Ok(TapeStream::recorded(stream, live))
                    }
                    Err(error) => {
                        let error = error.into();
                        live.fails(&*error);
                        Err(error)
                    }
                },
                Begun::Known(replay) => {
                    replay.opened().await?;
                    Ok(TapeStream::played(replay))
                }
            }
        }
    }

    /// A value that another run would find different, or the recorded one: the time of day in a prompt, a
    /// random number, a setting of the machine.
    ///
    /// # Errors
    ///
    /// A value that is not JSON, or that has no recording, as of [`model`](Self::model).
    pub fn value<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        find: impl FnOnce() -> T,
    ) -> Result<T, BoxError> {
        match self.begin(Port::Value, name, Value::Null)? {
            Begun::Live(live) => live.replies(find()),
            Begun::Known(replay) => replay.value(),
        }
    }

    /// The clock of the tape, for [`Orchestrator::time`] and for your own waits.
    ///
    /// [`Orchestrator::time`]: https://docs.rs/runtime-orchestrator/latest/runtime_orchestrator/struct.Orchestrator.html#method.time
    pub fn clock(&self) -> TapeClock {
        self.0.clock.clone()
    }

    /// The ids of the tape, for [`Orchestrator::ids`].
    ///
    /// [`Orchestrator::ids`]: https://docs.rs/runtime-orchestrator/latest/runtime_orchestrator/struct.Orchestrator.html#method.ids
    pub fn ids(&self) -> TapeIds {
        self.0.ids.clone()
    }

    /// A generator of random numbers, the same in each replay. Each name has one of its own.
    pub fn rng(&self, name: &str) -> fastrand::Rng {
        chance::rng(&self.0.seed, name)
    }

    /// Seeds the generator of this thread, from which sessions draw the delays before their retries.
    ///
    /// Call it before the session is opened, in the thread that runs it, while the tape records and while it
    /// plays: then the delays are equal.
    pub fn seed_thread(&self) {
        fastrand::seed(self.rng("thread").u64(..));
    }

    /// Whether it plays.
    pub fn plays(&self) -> bool {
        matches!(self.0.side, Side::Plays(..))
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Says whether all went well: while it records, whether all was written; while it plays, whether every
    /// call had a recording and every recording was called for.
    ///
    /// # Errors
    ///
    /// [`CassetteError`] with the first thing that did not.
    pub fn finish(&self) -> Result<(), CassetteError> {
        match &self.0.side {
            Side::Records(recorder) => recorder.finish(),
            Side::Plays(player, _) => player.finish(),
        }
    }

    fn call<T, E, F, C>(
        &self,
        port: Port,
        name: String,
        request: Result<Value, serde_json::Error>,
        call: C,
    ) -> impl Future<Output = Result<T, BoxError>> + use<T, E, F, C>
    where
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
        F: Future<Output = Result<T, E>>,
        C: FnOnce() -> F,
    {
        let tape = self.clone();
        async move {
            match tape.begin(port, &name, request?)? {
                Begun::Live(live) => live.ends(call().await),
                Begun::Known(replay) => replay.reply().await,
            }
        }
    }

    /// Begins a call, for a layer of your own around a client.
    ///
    /// # Errors
    ///
    /// A call without a recording, as of [`model`](Self::model).
    pub fn begin(&self, port: Port, name: &str, request: Value) -> Result<Begun, BoxError> {
        let request = json_without_secrets(request);
        match &self.0.side {
            Side::Records(recorder) => Ok(Begun::Live(recorder.begin(port, name, request))),
            Side::Plays(player, timed) => {
                let clock = self.clock();
                let failure = |miss: MissError| miss.into_failure(clock.utc_now());
                let recording = player.take(port, name, &request).map_err(failure)?;
                Ok(Begun::Known(Replay::new(recording, clock, *timed)))
            }
        }
    }
}

impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tape")
            .field("path", &self.0.path)
            .field("plays", &self.plays())
            .finish_non_exhaustive()
    }
}

fn json<Q: Serialize + ?Sized>(request: &Q) -> Result<Value, serde_json::Error> {
    serde_json::to_value(request)
}
