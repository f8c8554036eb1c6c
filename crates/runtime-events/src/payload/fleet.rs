//! What the members of a fleet share.

use super::Word;

payload! {
    /// A member of a fleet cannot reach the backend, or can again.
    pub struct Fleet<'e> {
        /// The name of the fleet.
        fleet: Option<Word<'e>> = "fleet",
        /// The member.
        member: Option<Word<'e>> = "member",
        /// Why the backend cannot be reached.
        why: Option<Word<'e>> = "why",
        /// For how long it could not, in seconds.
        away_s: Option<f64> = "away_s",
    }
}
