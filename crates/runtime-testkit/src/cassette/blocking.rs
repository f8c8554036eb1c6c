//! [`BlockingTape`]: the calls of a tape for threads.

use runtime_resilience::BoxError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::format::Port;
use super::tape::{Begun, Tape};

/// The calls of a tape for threads, from [`Tape::blocking`].
///
/// A call is made or played on the calling thread. While it plays, its time is waited for on the clock of the
/// tape, which moves there at once.
///
/// ```
/// # let path = std::env::temp_dir().join(format!("blocking-{}.jsonl", std::process::id()));
/// use runtime_orchestrator::{BoxError, Orchestrator, Turn};
/// use runtime_testkit::cassette::{Cassette, Tape};
/// use serde_json::json;
///
/// fn agent(tape: &Tape) -> Result<String, BoxError> {
///     let orchestrator = Orchestrator::new("guide", "answer").time(tape.clock()).ids(tape.ids());
///     let session = orchestrator.session()?;
///     let request = json!({ "model": "m", "prompt": "Rome?" });
///     let chat = || Ok::<_, BoxError>("Sunny.".to_owned());
///     let answer =
///         session.blocking().run_turn(Turn::model("m"), || tape.blocking().model(&request, chat))?;
///     Ok(answer.value)
/// }
///
/// let recorded = agent(&Cassette::at(&path).record()?)?;
/// let tape = Cassette::at(&path).play()?;
/// assert_eq!(agent(&tape)?, recorded);
/// tape.finish()?;
/// # std::fs::remove_file(path)?;
/// # Ok::<_, BoxError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BlockingTape<'t>(&'t Tape);

impl Tape {
    /// The same calls for threads.
    pub const fn blocking(&self) -> BlockingTape<'_> {
        BlockingTape(self)
    }
}

impl BlockingTape<'_> {
    /// [`Tape::model`] on this thread.
    ///
    /// # Errors
    ///
    /// As of [`Tape::model`]. A recording whose caller left is an error: a thread cannot leave its call.
    pub fn model<Q, T, E>(
        self,
        request: &Q,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, BoxError>
    where
        Q: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
    {
        self.call(Port::Model, "", serde_json::to_value(request)?, call)
    }

    /// [`Tape::tool`] on this thread.
    ///
    /// # Errors
    ///
    /// As of [`model`](Self::model).
    pub fn tool<Q, T, E>(
        self,
        name: &str,
        arguments: &Q,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, BoxError>
    where
        Q: Serialize + ?Sized,
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
    {
        self.call(Port::Tool, name, serde_json::to_value(arguments)?, call)
    }

    fn call<T, E>(
        self,
        port: Port,
        name: &str,
        request: Value,
        call: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, BoxError>
    where
        T: Serialize + DeserializeOwned,
        E: Into<BoxError>,
    {
        match self.0.begin(port, name, request)? {
            Begun::Live(live) => live.ends(call()),
            Begun::Known(replay) => replay.reply_blocking(),
        }
    }
}
