//! What the members of a fleet share.

use super::Word;

payload! {
    /// A member of a fleet cannot reach the backend, or can again; or the backend does not share one thing, or does again.
    pub struct FleetReach<'e> {
        /// The name of the fleet.
        fleet: Option<Word<'e>> = "fleet",
        /// The member.
        member: Option<Word<'e>> = "member",
        /// What the backend does not share, such as "breaker `openai`". Everything, if nothing is named.
        of: Option<Word<'e>> = "of",
        /// Why.
        why: Option<Word<'e>> = "why",
        /// For how long it did not, in seconds.
        away_s: Option<f64> = "away_s",
    }
}
