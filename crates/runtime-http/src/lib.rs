//! A layer below the HTTP client of a model: each call that passes is a turn of a session.
//!
//! ```
//! # #[cfg(feature = "reqwest-middleware")] {
//! # use reqwest_0_13 as reqwest;
//! use reqwest_middleware::ClientBuilder;
//! use runtime_http::Turns;
//! use runtime_orchestrator::{BoxError, Orchestrator};
//!
//! # fn run() -> Result<(), BoxError> {
//! let session = Orchestrator::new("writer", "draft").session()?;
//! let client = ClientBuilder::new(reqwest::Client::new()).with(Turns::of(&session)).build();
//! // Each model call that `client` sends is now a turn of this session.
//! # drop(client);
//! # Ok(()) } }
//! ```
//!
//! A call is admitted before it is sent (breaker, budget, rate), recovered by recipe over routes,
//! and settled when its answer ends, breaks or is dropped. Its usage, its limits and its failures are
//! read from the bytes that pass; no byte is changed. A client sees what it would have seen from the
//! provider.
//!
//! [`Turns`] is the layer's configuration. Each feature adds a door:
//!
//! | feature | [`Turns`] is | below |
//! |---|---|---|
//! | `tower` | a `tower` `Layer` over requests and replies of the crate `http` | `hyper`, any service |
//! | `reqwest-middleware` | a `Middleware` | `reqwest` 0.13, `rig` |
//! | `async-openai` | a `Layer` over its request factories | `async-openai` 0.43 |
//!
//! Feature `bedrock` reads Amazon's binary event stream, in which Bedrock streams answers. Without it
//! such a stream is billed by its reservation.
//!
//! Feature `durable` records the calls of a `DurableSession`: see [`Turns::of`].
//!
//! Feature `cassette` adds `HttpTape`, by the same doors: it records the requests of a client in a file, and plays
//! them in tests.
//!
//! Which calls are recognised, and by which part of their URL, says [`Kind`]. Other requests pass
//! untouched.
//!
//! # What is handed on is final
//!
//! The head of a whole answer is handed on once the answer is complete, and the head of a streamed
//! one with its first event that does more than open it. Until then a failure is recovered from,
//! whether it is a status, an error inside a 200 or a broken connection. A stream that breaks later
//! ends with its error, and is billed by what was received, as an estimate.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(
    not(any(feature = "async-openai", feature = "reqwest-middleware", feature = "tower")),
    expect(dead_code, reason = "the doors use it")
)]

mod ask;
mod body;
mod call;
#[cfg(feature = "cassette")]
mod cassette;
mod error;
mod exchange;
mod meter;
mod place;
#[cfg(feature = "durable")]
mod record;
#[cfg(not(feature = "durable"))]
#[path = "unrecorded.rs"]
mod record;
mod turns;

#[cfg(feature = "async-openai")]
mod async_openai;
#[cfg(feature = "reqwest")]
mod reqwest;
#[cfg(feature = "reqwest-middleware")]
mod reqwest_middleware;
#[cfg(any(feature = "async-openai", feature = "tower"))]
mod service;
#[cfg(feature = "tower")]
mod tower;

#[cfg(feature = "cassette")]
pub use self::cassette::{HttpTape, TapeBody};
#[cfg(feature = "durable")]
pub use self::error::step_failure;
#[cfg(all(feature = "cassette", any(feature = "async-openai", feature = "tower")))]
pub use self::service::TapeService;
#[cfg(any(feature = "async-openai", feature = "tower"))]
pub use self::service::{LayerService, TurnService};
pub use self::{
    ask::{Ask, Kind},
    body::TurnBody,
    error::{NoReplyError, NoSessionError, turn_error},
    meter::{Framing, Meter},
    place::{InvalidPlaceError, Place},
    turns::{NoSession, Turns, Whose},
};
