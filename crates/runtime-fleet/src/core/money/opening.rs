//! Whether the backend has an account, and what is known of it then.

use runtime_usage::Usd;

use super::path::Path;
use super::{Opening, Till};
use crate::money::Rules;

impl Till {
    /// The backend has the account, with these rules.
    pub(crate) fn opened(&mut self, rules: Rules, left: Usd) {
        self.opening = Opening::Done;
        self.path = Path::new(&self.account, &rules, left);
        self.rules = rules;
    }

    /// The account above may be there by now.
    pub(crate) fn try_again(&mut self) {
        if self.given && self.opening == Opening::Refused {
            self.opening = Opening::Needed;
        }
    }

    /// Whether it is known if calls are refused: the account above one that refuses nothing may refuse.
    pub(crate) fn is_known(&self) -> bool {
        self.rules.enforced || self.heard > 0 || self.account.above().is_none()
    }
}
