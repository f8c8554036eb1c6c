//! [`Terms`]: what a tool says for durable sessions.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use runtime_durable::Reconciled;
use runtime_orchestrator::BoxError;
use serde_json::Value;

/// What a tool says for durable sessions.
#[derive(Clone, Default)]
pub(crate) struct Terms {
    /// The policy by which people approve, and the time that they have.
    pub(crate) approval: Option<(Arc<str>, Duration)>,
    pub(crate) reconcile: Option<Arc<Reconcile>>,
}

type Reconcile = dyn Fn(String) -> Reconciling + Send + Sync;
pub(crate) type Reconciling =
    Pin<Box<dyn Future<Output = Result<Reconciled<Value>, BoxError>> + Send>>;

impl fmt::Debug for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terms").field("approval", &self.approval).finish_non_exhaustive()
    }
}
