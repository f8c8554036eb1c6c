//! Where a session comes from: what it has of those who opened it.

use std::sync::Arc;

use runtime_events::SpanId;
use runtime_usage::{Account, Limit};

use crate::orchestrator::Setup;
use crate::session::roster::Roster;
use crate::wait::Until;

/// Where a session comes from.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    /// The span it is inside of.
    pub(crate) parent: Option<SpanId>,
    pub(crate) account: Option<Account>,
    /// Whether the account was opened for this session.
    pub(crate) owned: bool,
    /// When the session above has to be over.
    pub(crate) until: Option<Until>,
    /// The rosters that the session above is on, beside its orchestrator's own.
    pub(crate) rosters: Vec<Arc<Roster>>,
}

impl Origin {
    /// That of a session of its own.
    pub(crate) fn of(setup: &Setup) -> Self {
        let (account, owned) = Self::account(setup.account.as_ref(), setup.budget.clone());
        Self { account, owned, ..Self::default() }
    }

    /// A fresh account for the limit, below the shared one where there is one; and whether it is
    /// fresh.
    pub(crate) fn account(
        shared: Option<&Account>,
        limit: Option<Limit>,
    ) -> (Option<Account>, bool) {
        let owned = limit.is_some();
        let account = match (shared, limit) {
            (None, None) => None,
            (Some(shared), None) => Some(shared.clone()),
            (None, Some(limit)) => Some(Account::new(limit)),
            (Some(shared), Some(limit)) => Some(shared.child(limit)),
        };
        (account, owned)
    }
}
