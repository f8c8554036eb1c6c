//! [`Offer`]: what an offered worker has beside the parts of every worker.

use std::any::Any;
use std::sync::Arc;

/// A value that goes from the one who offers a worker to the one who claims it, inside the process.
///
/// The registry does not look at it.
pub type Attachment = Arc<dyn Any + Send + Sync>;

/// The offer of a worker: the first line of its log, and perhaps a value for the claimer.
///
/// ```
/// use std::sync::Arc;
/// use runtime_lifecycle::{AgentRegistry, Offer};
///
/// let registry = AgentRegistry::new();
/// let offer = Offer::new("handoff from writer: polish").attach(Arc::new(7_u32));
/// let offered = registry.offer("editor", "draft", None, offer)?;
/// assert_eq!(registry.attachment(offered.id()).unwrap().downcast_ref(), Some(&7_u32));
///
/// registry.claim(offered.id())?;
/// assert!(registry.attachment(offered.id()).is_none(), "it is the claimer's");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Offer<'o> {
    pub(super) detail: &'o str,
    pub(super) attachment: Option<Attachment>,
}

impl<'o> Offer<'o> {
    /// Creates an offer with the first line of the worker's log.
    pub const fn new(detail: &'o str) -> Self {
        Self { detail, attachment: None }
    }

    /// Sets the value for the claimer.
    pub fn attach(mut self, attachment: Attachment) -> Self {
        self.attachment = Some(attachment);
        self
    }
}

impl<'o> From<&'o str> for Offer<'o> {
    fn from(detail: &'o str) -> Self {
        Self::new(detail)
    }
}

impl<'o> From<&'o String> for Offer<'o> {
    fn from(detail: &'o String) -> Self {
        Self::new(detail)
    }
}
