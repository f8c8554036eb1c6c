//! The backend of a fleet of agent processes in Redis.
//!
//! ```no_run
//! use runtime_redis::RedisFleet;
//!
//! # async fn run() -> Result<(), runtime_redis::RedisFleetError> {
//! let backend = RedisFleet::connect("rediss://agents:secret@cache.example.org/0").await?;
//! let cluster = RedisFleet::connect("redis://one.example.org,two.example.org?cluster=yes").await?;
//! # Ok(()) }
//! ```
//!
//! It needs Redis 7, or Valkey, with functions. What a server keeps is only as durable as its persistence is: read
//! the guide of fleets before you trust it with money.
//!
//! | to | use |
//! |---|---|
//! | connect | [`RedisFleet`], [`RedisConfig`] |
//! | know why it cannot | [`RedisFleetError`] |
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `cluster` | yes | Redis Cluster |
//! | `tls` | yes | encrypted connections (`rediss://`), through rustls |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod accounts;
mod config;
mod connection;
mod error;
mod fleet;
mod functions;
mod link;
mod push;
mod reply;

#[doc(inline)]
pub use self::{config::RedisConfig, error::RedisFleetError, fleet::RedisFleet};
