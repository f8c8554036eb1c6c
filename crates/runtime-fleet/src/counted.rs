//! Sums that can be counted.

use runtime_usage::Usd;

use crate::error::StateError;
use crate::money::{AccountPath, Booking, LARGEST_SUM, Rules};

impl Rules {
    /// Checks that the amount can be counted. A backend does so first.
    ///
    /// # Errors
    ///
    /// [`StateError::TooLarge`].
    pub fn check(&self, account: &AccountPath) -> Result<(), StateError> {
        counted(account, "amount", self.amount)
    }
}

impl Booking {
    /// Checks that its sums can be counted. A backend does so first.
    ///
    /// # Errors
    ///
    /// [`StateError::TooLarge`].
    pub fn check(&self) -> Result<(), StateError> {
        let Self { account, granted, spent, estimated, returned, .. } = self;
        let sums = [
            ("granted", granted),
            ("spent", spent),
            ("estimated", estimated),
            ("returned", returned),
        ];
        sums.into_iter().try_for_each(|(sum, found)| counted(account, sum, *found))
    }

    /// `least` and `most`, of which the second is not less than the first. No account has more than can be counted.
    pub fn asks(&self) -> (Usd, Usd) {
        let countable = |sum: Usd| sum.min(LARGEST_SUM.saturating_sub(self.granted));
        (countable(self.least), countable(self.most.max(self.least)))
    }
}

/// Checks a sum before a backend has it.
fn counted(account: &AccountPath, sum: &'static str, found: Usd) -> Result<(), StateError> {
    let is_counted = found <= LARGEST_SUM;
    is_counted.then_some(()).ok_or_else(|| StateError::TooLarge {
        account: account.clone(),
        sum,
        found,
    })
}
