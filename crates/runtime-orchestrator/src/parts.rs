//! The parts of a session. Each has its own rules and depends neither on the others nor on the
//! session.
//!
//! | part | contents |
//! |---|---|
//! | [`life`] | whether the session is open, its running turns and tools, its end |
//! | [`stream`] | the events: one order, one number each |
//! | [`sinks`] | calls of sinks, for the stream and the money |
//! | [`names`] | names without secrets, for the stream and the money |
//! | [`money`] | the reservations and costs of turns |
//! | [`time`] | the clock, the deadline, the limits of a call |
//! | [`books`] | the record of recovery |

pub(crate) mod books;
pub(crate) mod life;
pub(crate) mod money;
pub(crate) mod names;
pub(crate) mod pace;
pub(crate) mod sinks;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod time;
pub(crate) mod watchers;
