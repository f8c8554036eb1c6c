//! Money that a fleet shares: accounts, and what members hold of them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use runtime_usage::{Limit, Usd};
use thiserror::Error;

use crate::member::MemberId;
use crate::name::LONGEST;

/// The path of an account in its tree: names with `/` between them, such as `company/search/tenant-17`. The
/// first name is the tree's: a backend keeps a tree in one place.
///
/// A path has up to 200 bytes. A name is not empty, and has no braces and no control characters.
///
/// ```
/// use runtime_fleet::AccountPath;
///
/// let account: AccountPath = "company/search".parse()?;
/// assert_eq!((account.root(), account.name()), ("company", "search"));
/// assert_eq!(account.above(), Some("company".parse()?));
/// assert!("company//search".parse::<AccountPath>().is_err());
/// # Ok::<_, runtime_fleet::AccountPathError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountPath(Arc<str>);

/// A text that is no path of an account.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "account path must be 1 to 200 bytes of names with `/` between them, without braces and control characters; \
     found {found:?}"
)]
#[non_exhaustive]
pub struct AccountPathError {
    /// The text, cut to 200 characters.
    pub found: String,
}

impl AccountPath {
    /// Creates a path.
    ///
    /// # Errors
    ///
    /// If the text is empty or too long, or if a name is empty, has a brace or a control character.
    pub fn new(path: impl Into<Arc<str>>) -> Result<Self, AccountPathError> {
        let path = path.into();
        let bad = |char: char| char.is_control() || matches!(char, '{' | '}');
        if path.len() > LONGEST || path.split('/').any(str::is_empty) || path.contains(bad) {
            return Err(AccountPathError { found: path.chars().take(LONGEST).collect() });
        }
        Ok(Self(path))
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first name: the tree.
    pub fn root(&self) -> &str {
        self.0.split_once('/').map_or(&*self.0, |(root, _)| root)
    }

    /// The last name: the account's own.
    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(&*self.0, |(_, name)| name)
    }

    /// The account above, if this is not the tree's first.
    pub fn above(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(above, _)| Self(above.into()))
    }

    /// This account, the one above it, and so on to the tree's first.
    pub fn path(&self) -> impl Iterator<Item = Self> {
        std::iter::successors(Some(self.clone()), Self::above)
    }

    /// Whether it is `other`, or somewhere below it.
    pub fn is_within(&self, other: &Self) -> bool {
        let rest = self.0.strip_prefix(&*other.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

impl FromStr for AccountPath {
    type Err = AccountPathError;

    fn from_str(path: &str) -> Result<Self, AccountPathError> {
        Self::new(path)
    }
}

impl fmt::Display for AccountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for AccountPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What becomes of the money that a lost member holds: one that the backend hears nothing of any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "a backend handles every one")]
pub enum OnLoss {
    /// It counts as spent, marked as an estimate, since the calls may have been made.
    #[default]
    Spend,
    /// It is given back. What the member has spent since it was last heard, the fleet may spend a second time.
    Return,
}

/// The largest sum of an account, and of what one member books of it: $9,223,372,036.85. A larger one is a mistake, and
/// is [refused](crate::StateError::TooLarge).
pub const LARGEST_SUM: Usd = Usd::from_nanos(i64::MAX.cast_unsigned());

/// The rules of an account, as the backend keeps them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a backend reads and makes all of it")]
pub struct Rules {
    /// The amount that the fleet may spend.
    pub amount: Usd,
    /// Whether a call that would spend more is refused.
    pub enforced: bool,
    /// Whether each call takes its exact sum from the backend.
    pub strict: bool,
    /// The percentages of the amount that are reported once in the fleet, when they are reached.
    pub marks: Vec<u16>,
    /// What becomes of the money of a lost member.
    pub on_loss: OnLoss,
}

impl Rules {
    /// The rules of a limit, with [`OnLoss::Spend`].
    pub fn of(limit: &Limit) -> Self {
        Self {
            amount: limit.amount,
            enforced: limit.is_enforced(),
            strict: limit.is_strict(),
            marks: limit.percents().to_vec(),
            on_loss: OnLoss::Spend,
        }
    }

    /// Sets what becomes of the money of a lost member.
    #[must_use]
    pub const fn on_loss(mut self, on_loss: OnLoss) -> Self {
        self.on_loss = on_loss;
        self
    }
}

/// An account, as the backend has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends outside of this crate make it")]
pub struct AccountState {
    /// Which account.
    pub account: AccountPath,
    /// Its rules.
    pub rules: Rules,
    /// The amount spent, in this account and those below it. A larger sum than [`Usd::MAX`] is given as that, as all
    /// sums of members are.
    pub spent: Usd,
    /// The part of the spent amount that is an estimate.
    pub estimated: Usd,
    /// The amount that members hold and have not spent yet, in this account and those below it.
    pub granted: Usd,
    /// The number of members that hold money of this account or of those below it.
    pub members: u32,
}

impl AccountState {
    /// The amount that nobody has spent and nobody holds.
    pub const fn left(&self) -> Usd {
        self.rules.amount.saturating_sub(self.spent).saturating_sub(self.granted)
    }
}

impl Rules {
    /// The marks that a spent amount reaches when it grows from `before` to `after`, in per cent. Spending
    /// nothing reaches none.
    pub fn marks_between(&self, before: Usd, after: Usd) -> impl Iterator<Item = u16> {
        let amount = u128::from(self.amount.nanos());
        let reached = move |spent: Usd, percent: u16| {
            !spent.is_zero() && u128::from(spent.nanos()) * 100 >= amount * u128::from(percent)
        };
        let marks = self.marks.iter().copied();
        marks.filter(move |percent| reached(after, *percent) && !reached(before, *percent))
    }
}

/// What a member has of one account, as the backend has it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends outside of this crate make it")]
pub struct Holder {
    /// The member.
    pub member: MemberId,
    /// The amount that it has spent of this account.
    pub spent: Usd,
    /// The part of the spent amount that is an estimate: the most that [`correct`](crate::Accounts::correct) gives
    /// back.
    pub estimated: Usd,
    /// The amount that it holds and has not spent yet.
    pub held: Usd,
    /// Its time is over, and nothing was heard of it since.
    pub away: bool,
}

/// What a member reports about an account, and asks for.
///
/// All sums are totals since the member began. So a booking that is lost, repeated or late does no harm, and a backend
/// that forgot some, such as a replica that was behind, learns them from the next.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a backend reads all of it")]
pub struct Booking {
    /// Which account.
    pub account: AccountPath,
    /// The member that reports.
    pub member: MemberId,
    /// Grows with each booking. An older one than the last changes nothing but the time of the grant.
    pub seq: u64,
    /// The last booking whose answer was heard. The marks of later answers are given again.
    pub heard: u64,
    /// All that the member was granted, as far as it has heard.
    pub granted: Usd,
    /// All that it spent, estimates among it. A correction lowers it.
    pub spent: Usd,
    /// The part of the spent amount that is an estimate. A correction lowers it.
    pub estimated: Usd,
    /// All that it gave back.
    pub returned: Usd,
    /// What it needs beyond `granted`: it gets nothing if less is left.
    pub least: Usd,
    /// What it would take beyond `granted`: it gets what is left, up to this. What the backend has granted
    /// beyond `granted` already, in an answer that was not heard, counts as given.
    pub most: Usd,
    /// How long the member keeps what it holds, from this call on. Zero: it loses it at once.
    pub ttl: Duration,
}

/// What the backend answers to a booking.
///
/// The member holds `granted - spent - returned - lost`, or nothing if that is less than zero.
///
/// Once its time is over, what it holds counts as spent ([`OnLoss::Spend`]) or is given back ([`OnLoss::Return`]), as
/// soon as anybody reads or changes an account of the tree. If the member reports again after that, its own sums
/// replace what counted as spent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends outside of this crate make it")]
pub struct Booked {
    /// All that the member was granted, with what this booking asked for.
    pub granted: Usd,
    /// All that the member has lost for good: what it held when its time was over ([`OnLoss::Return`]), and what
    /// [`correct`](crate::Accounts::correct) gave back.
    pub lost: Usd,
    /// The account and those above, from the bottom to the top, as they are now.
    pub path: Vec<AccountLevel>,
    /// Another member was refused money, less than [`SHORT`](crate::SHORT) ago, because an account of the path
    /// had too little. A member that does not need what it holds gives it back.
    pub short: bool,
}

/// An account of a path, after a booking.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "backends outside of this crate make it")]
pub struct AccountLevel {
    /// The account.
    pub state: AccountState,
    /// The marks that this member has to report, in per cent: those that the spent amount has reached for the first
    /// time with its bookings after [`heard`](Booking::heard), and those of lost members that did not confirm them.
    /// Each mark is given to one member at a time.
    pub marks: Vec<u16>,
}
