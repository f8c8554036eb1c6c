//! [`Effect`]: what a tool does to the world.

use runtime_events::wire_names;

wire_names! {
    /// What a tool does to the world, and so whether its call may be repeated when nobody knows how the
    /// first one ended.
    #[derive(Default)]
    #[expect(clippy::exhaustive_enums, reason = "a call may be repeated, repeated with its key, or not")]
    pub enum Effect: "effect" {
        /// It changes nothing: a search, a look-up. May be repeated.
        Read = "read",
        /// Twice is the same as once: setting a value, writing a file. May be repeated.
        Idempotent = "idempotent",
        /// Twice with one idempotency key is the same as once: a payment with a key. May be repeated with
        /// its key.
        Keyed = "keyed",
        /// It cannot be taken back: a mail. Must not be repeated.
        #[default]
        Irreversible = "irreversible",
    }
}
