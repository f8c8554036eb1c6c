//! Cassettes below an HTTP client: each request is recorded, or played.

mod body;
mod exchange;

use runtime_testkit::cassette::Tape;

pub use self::body::TapeBody;

/// Records each request of an HTTP client on a tape, or plays its reply. With feature `cassette`.
///
/// As [`Turns`](crate::Turns), it is a layer or a middleware of a client, with the features of this crate. Put it
/// below them: then a replay has the same turns.
///
/// ```
/// # #[cfg(feature = "reqwest-middleware")]
/// # fn client() -> Result<(), Box<dyn std::error::Error>> {
/// use runtime_http::HttpTape;
/// use runtime_testkit::cassette::Cassette;
///
/// let tape = Cassette::at("tests/cases/chat.jsonl").auto()?;
/// let client = reqwest_middleware::ClientBuilder::new(reqwest_0_13::Client::new())
///     .with(HttpTape::of(&tape))
///     .build();
/// # drop(client);
/// # Ok(()) }
/// ```
///
/// # What is kept
///
/// Of a request its method, its URL and its body, which make two requests the same; of a reply its status, its
/// headers but cookies, and its body in the pieces in which it came. All lose their secrets. A replay has the same
/// bytes in the same pieces at the same times, unless a secret was removed from them: then it has a piece for each
/// line. Between bytes that are no text, secrets are removed as well: a client that checks a sum over such bytes, as
/// of AWS event streams, does not take the rest. A body that is compressed keeps its secrets.
#[derive(Clone, Debug)]
#[must_use]
pub struct HttpTape {
    tape: Tape,
}

impl HttpTape {
    /// The requests of a client on this tape.
    pub fn of(tape: &Tape) -> Self {
        Self { tape: tape.clone() }
    }
}
