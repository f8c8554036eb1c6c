//! What a session passes on when it hands over, and what the next one takes.

use std::sync::Arc;

use runtime_events::{Clock, Labels};
use runtime_lifecycle::{AgentRegistry, Handoff};
use runtime_usage::Account;

use crate::core::Core;
use crate::limits::Until;

/// The acceptance of a handoff, with the parts that the session has of its own instead of continuing
/// those of the session that handed over.
///
/// By default there are none. The number of [handoffs](runtime_lifecycle::RegistryConfig::max_handoffs)
/// counts in any case.
///
/// ```
/// use runtime_orchestrator::{Acceptance, BoxError, Orchestrator};
/// use runtime_usage::{Limit, Usd};
///
/// let budget = Limit::enforced(Usd::from_cents(10));
/// let writer = Orchestrator::new("writer", "draft").budget(budget.clone());
/// let editor = Orchestrator::new("editor", "draft").budget(budget);
/// let editor = editor.registry(writer.shared_registry().clone());
///
/// let session = writer.session()?;
/// session.account().unwrap().charge(Usd::from_cents(9));
/// let handoff = session.handoff_to("editor", "polish", serde_json::Value::Null)?;
///
/// // A budget of its own, but the labels and the rest of the writer's session.
/// let session = editor.accept(Acceptance::of(&handoff).own_account())?;
/// assert_eq!(session.account().unwrap().available(), Usd::from_cents(10));
/// # Ok::<_, BoxError>(())
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Acceptance<'h> {
    pub(crate) handoff: &'h Handoff,
    pub(crate) account: Source,
    pub(crate) deadline: Source,
    pub(crate) iterations: Source,
    pub(crate) labels: Source,
}

/// The session that a part comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Earlier,
    Own,
}

impl<'h> Acceptance<'h> {
    /// A session that continues every part of the earlier one.
    pub const fn of(handoff: &'h Handoff) -> Self {
        let earlier = Source::Earlier;
        let (account, deadline, iterations, labels) = (earlier, earlier, earlier, earlier);
        Self { handoff, account, deadline, iterations, labels }
    }

    /// A session that begins anew.
    pub const fn anew(handoff: &'h Handoff) -> Self {
        Self::of(handoff).own_account().own_deadline().own_iterations().own_labels()
    }

    /// Pays by the [account](crate::Orchestrator::account) and the
    /// [budget](crate::Orchestrator::budget) of the session's own orchestrator only.
    pub const fn own_account(mut self) -> Self {
        self.account = Source::Own;
        self
    }

    /// Drops the deadline of the earlier session.
    pub const fn own_deadline(mut self) -> Self {
        self.deadline = Source::Own;
        self
    }

    /// Counts turns from zero for [`max_iterations`](crate::Orchestrator::max_iterations).
    pub const fn own_iterations(mut self) -> Self {
        self.iterations = Source::Own;
        self
    }

    /// Drops the labels of the earlier session.
    pub const fn own_labels(mut self) -> Self {
        self.labels = Source::Own;
        self
    }
}

impl<'h> From<&'h Handoff> for Acceptance<'h> {
    fn from(handoff: &'h Handoff) -> Self {
        Self::of(handoff)
    }
}

impl Source {
    /// The value of the earlier session, if it counts.
    pub(crate) fn of_earlier<T>(self, value: Option<T>) -> Option<T> {
        value.filter(|_| self == Self::Earlier)
    }
}

/// What a session leaves to the one that takes over. It waits with the offered worker.
pub(crate) struct Estate {
    /// The account of the session, and whether it was opened for the session.
    pub(crate) account: (Option<Account>, bool),
    pub(crate) until: Option<Until>,
    /// The clock of the deadline.
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) iterations: u32,
    pub(crate) labels: Option<Arc<Labels>>,
    /// The roles of the sessions so far, from the first one.
    pub(crate) roles: Arc<[Arc<str>]>,
}

impl Estate {
    pub(crate) fn of(core: &Core, iterations: u32) -> Self {
        Self {
            account: (core.money.account().cloned(), core.money.owns_account()),
            until: core.time.deadline().cloned(),
            clock: Arc::clone(core.time.clock()),
            iterations,
            labels: core.stream.labels(),
            roles: core.roles().cloned().collect(),
        }
    }

    /// The estate that waits for the session of this handoff.
    pub(crate) fn waiting(registry: &AgentRegistry, handoff: &Handoff) -> Option<Arc<Self>> {
        registry.attachment(&handoff.target_worker_id)?.downcast().ok()
    }
}
