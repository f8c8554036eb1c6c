//! What a sink says of its own log.

use super::{Any, Word};

payload! {
    /// A log was opened, repaired or continued in another file, or has lost events.
    pub struct LogRecord<'e> {
        /// How many bytes of a torn line were cut off.
        torn_bytes: Option<u64> = "torn_bytes",
        /// The beginning of what was cut off.
        torn: Option<Word<'e>> = "torn",
        /// The name of the file.
        file: Option<Word<'e>> = "file",
        /// The process that writes it.
        pid: Option<u32> = "pid",
        /// How many events were dropped.
        count: Option<u64> = "count",
        /// The sessions that lost events, as far as they are listed; [`losses`](Self::losses) reads them.
        sessions: Option<Any<'e>> = "sessions",
    }
}

impl<'e> LogRecord<'e> {
    /// What was lost, by session.
    pub fn losses(&self) -> impl Iterator<Item = Loss<'e>> {
        self.sessions.into_iter().flat_map(Any::objects).map(Loss::read_json)
    }
}

payload! {
    /// The events that one session lost.
    pub struct Loss<'e> {
        /// The session.
        session_id: Option<Word<'e>> = "session_id",
        /// The place of the first lost event in its session.
        first_seq: Option<u64> = "first_seq",
        /// The place of the last.
        last_seq: Option<u64> = "last_seq",
        /// How many were lost between the two.
        count: Option<u64> = "count",
    }
}
