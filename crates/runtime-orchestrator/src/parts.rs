//! What a session is made of. Each part has its own rules and knows neither the others nor the whole.
//!
//! | part | its business |
//! |---|---|
//! | [`life`] | whether the session is open, who is inside, how it ended |
//! | [`stream`] | the events: one order, one number each |
//! | [`money`] | what turns reserve and cost |
//! | [`time`] | the clock, the deadline, the limits of a call |
//! | [`books`] | what recovery did |

pub(crate) mod books;
pub(crate) mod life;
pub(crate) mod money;
pub(crate) mod pace;
pub(crate) mod stream;
#[cfg(test)]
mod tests;
pub(crate) mod time;
