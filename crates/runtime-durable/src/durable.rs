//! [`Durable`]: runs threads.

use std::sync::Arc;
use std::time::Duration;

use runtime_events::{IdSource, RandomIds};
use runtime_orchestrator::Orchestrator;
use runtime_store::{Seal, Store};

/// Runs threads: sessions of an orchestrator whose steps are recorded in a store.
///
/// Cloning is cheap. The defaults:
///
/// | setting | default |
/// |---|---|
/// | [`code_version`](Self::code_version) | empty |
/// | [`lease`](Self::lease) | 30 seconds |
/// | [`park_after`](Self::park_after) | 30 seconds |
/// | [`on_divergence`](Self::on_divergence) | refuse |
/// | [`seal`](Self::seal) | none |
#[derive(Clone, Debug)]
pub struct Durable {
    pub(crate) orchestrator: Orchestrator,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) settings: Settings,
}

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) code: Arc<str>,
    pub(crate) ttl: Duration,
    pub(crate) park_after: Duration,
    pub(crate) on_divergence: OnDivergence,
    pub(crate) seal: Option<Arc<dyn Seal>>,
}

/// What to do with a thread if a step of its code is not the recorded one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnDivergence {
    /// Its life ends with the name of both, and nothing is executed. The thread goes on with code that fits.
    #[default]
    Refuse,
    /// It goes on with the new step. The recorded ones from there on are left behind: they stay in the journal,
    /// marked, and what they cost stays in the books.
    ///
    /// It is refused all the same if one of them is a call that was announced (`Keyed`, `Irreversible`, or
    /// approved), a question to a person or a handoff: what they did cannot be left behind.
    Branch,
}

impl Durable {
    /// Creates a runner of threads.
    pub fn new(orchestrator: Orchestrator, store: impl Store + 'static) -> Self {
        Self::shared(orchestrator, Arc::new(store))
    }

    /// [`new`](Self::new) with a store that others use as well.
    pub fn shared(orchestrator: Orchestrator, store: Arc<dyn Store>) -> Self {
        let (ttl, park_after) = (Duration::from_secs(30), Duration::from_secs(30));
        let on_divergence = OnDivergence::default();
        let settings = Settings { code: "".into(), ttl, park_after, on_divergence, seal: None };
        Self { orchestrator, store, settings }
    }

    /// The store, with its threads, approvals and messages.
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }

    /// Sets the version of the code, such as `env!("CARGO_PKG_VERSION")`. It is recorded, and an error about
    /// a step that has changed names both versions. It has no other effect.
    #[must_use]
    pub fn code_version(mut self, version: impl Into<Arc<str>>) -> Self {
        self.settings.code = version.into();
        self
    }

    /// Sets how long the lease of a life lasts. If its process dies, another one may go on after this time. A life
    /// renews its lease after a third of it, and with each step. A lease that is shorter than a call of the store
    /// cannot be held: then no tool that needs an intent is called.
    #[must_use]
    pub const fn lease(mut self, time: Duration) -> Self {
        self.settings.ttl = time;
        self
    }

    /// Sets how long [`sleep`](crate::DurableSession::sleep) waits in this process. A longer sleep parks the
    /// thread.
    #[must_use]
    pub const fn park_after(mut self, time: Duration) -> Self {
        self.settings.park_after = time;
        self
    }

    /// Sets what to do with a thread if a step of its code is not the recorded one.
    #[must_use]
    pub const fn on_divergence(mut self, then: OnDivergence) -> Self {
        self.settings.on_divergence = then;
        self
    }

    /// Encrypts what the store keeps of steps. What was written without it is refused.
    #[must_use]
    pub fn seal(mut self, seal: impl Seal + 'static) -> Self {
        self.settings.seal = Some(Arc::new(seal));
        self
    }

    /// A name for the next life: unique, and with the process in it for people.
    pub(crate) fn holder() -> Arc<str> {
        let drawn = RandomIds.draw();
        let (process, drawn) = (std::process::id(), drawn >> 96);
        match std::env::var("HOSTNAME") {
            Ok(host) if !host.is_empty() => format!("{host}/{process}/{drawn:08x}").into(),
            _ => format!("{process}/{drawn:08x}").into(),
        }
    }
}
