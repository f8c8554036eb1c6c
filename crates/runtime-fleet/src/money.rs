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
    pub marks: Vec<u8>,
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
/// `seq` begins with 1 and grows by one with each booking that says or asks something new. A booking whose
/// `seq` the backend has seen is answered as it was then and changes nothing but the time of the grant.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Booking {
    pub account: AccountPath,
    pub member: crate::state::MemberId,
    pub seq: u64,
    /// Spent since the booking before, estimates among it.
    pub spent: Usd,
    pub estimated: Usd,
    /// Given back since the booking before.
    pub returned: Usd,
    /// Asked for: the grant is as much as is left up to `most`, or nothing if less than `least` is left.
    pub least: Usd,
    pub most: Usd,
    pub ttl: Duration,
}

/// What the backend answers to a booking.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Booked {
    /// What was granted for `least` and `most`. Zero if that much is not left.
    pub granted: Usd,
    /// What the member holds now and has not spent: of all its grants.
    pub held: Usd,
    /// What the member held was taken for spent (or given back), since it was not heard of for longer than its
    /// time: as much as this. Its grant begins anew.
    pub lost: Usd,
    /// The account and those above, from the bottom to the top, as they are now, each with what was spent when
    /// marks were last told.
    pub path: Vec<Level>,
    /// Another member is short of money.
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
