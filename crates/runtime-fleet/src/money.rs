//! Money that a fleet shares: accounts, and what members hold of them.

use std::sync::Arc;
use std::time::Duration;

use runtime_usage::Usd;

/// The place of an account in the tree: names with `/` between them, such as `company/search/tenant-17`.
/// The first name is the tree's: a backend keeps a tree in one place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountPath(Arc<str>);

/// What becomes of the money that a member holds, once it is not heard of any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// It counts as spent, as an estimate: the calls may have been made.
    #[default]
    Spend,
    /// It is given back: the fleet may spend it twice.
    Return,
}

/// The rules of an account, as the backend keeps them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rules {
    pub amount: Usd,
    pub enforced: bool,
    /// Each call takes its exact sum from the backend.
    pub strict: bool,
    /// The percentages of the amount that are told when they are crossed, once in the fleet.
    pub marks: Vec<u16>,
    pub on_loss: OnLoss,
}

/// An account, as the backend has it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AccountState {
    pub account: AccountPath,
    pub rules: Rules,
    pub spent: Usd,
    /// Of the spent amount, what is estimated.
    pub estimated: Usd,
    /// What members hold and have not spent yet.
    pub granted: Usd,
    pub members: u32,
}

/// What a member tells of an account, and asks.
///
/// All sums are totals since the member began. So a booking that is lost, comes twice or comes late does no
/// harm, and a backend that forgot some (a replica that was behind, a disk that was) learns them from the next.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Booking {
    pub account: AccountPath,
    pub member: crate::state::MemberId,
    /// Grows with each booking. An older one than the last changes nothing but the time of the grant.
    pub seq: u64,
    /// The last booking whose answer was heard. What later answers said of marks is said again.
    pub heard: u64,
    /// All that it was granted, as far as it has heard.
    pub granted: Usd,
    /// All that it spent, estimates among it. A correction lowers it.
    pub spent: Usd,
    pub estimated: Usd,
    /// All that it gave back.
    pub returned: Usd,
    /// Asked for beyond `granted`: as much as is left up to `most`, or nothing if less than `least` is left. What
    /// the backend has granted beyond `granted` already, in an answer that was not heard, counts as given.
    pub least: Usd,
    pub most: Usd,
    pub ttl: Duration,
}

/// What the backend answers to a booking.
///
/// The member holds `granted - spent - returned - lost`, or nothing if that is less. A member that was not heard
/// of for longer than its time holds again what it held, when it is heard of ([`OnLoss::Spend`]): what was
/// counted as spent for it is replaced by what it tells.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Booked {
    /// All that the member was granted, with what this booking asked for.
    pub granted: Usd,
    /// All that was taken from the member for good: what it held when its time was over ([`OnLoss::Return`]),
    /// and what [`correct`](crate::Accounts::correct) gave back.
    pub lost: Usd,
    /// The account and those above, from the bottom to the top, as they are now, each with what was spent when
    /// marks were last told.
    pub path: Vec<Level>,
    /// Another member is short of money on an account of the path.
    pub short: bool,
}

/// An account of a path, after a booking.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Level {
    pub state: AccountState,
    /// The spent amount up to which marks have been told. This booking tells those from here to `state.spent`.
    pub told: Usd,
}
