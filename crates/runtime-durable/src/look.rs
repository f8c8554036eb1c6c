//! Looks at a thread, whoever holds it.

use runtime_store::{Fold, Thread, ThreadId, snapshot};

use crate::durable::Durable;
use crate::error::RunError;
use crate::journal::take;

/// # A thread that may have no life now
impl Durable {
    /// Reads what a thread has come to: its open steps, its totals, its end.
    ///
    /// # Errors
    ///
    /// [`RunError`] if there is no such thread, or it cannot be read.
    pub async fn look_at(&self, thread: &ThreadId) -> Result<(Thread, Fold), RunError> {
        let (found, entries) = snapshot(&*self.store, thread).await?;
        let mut fold = Fold::from_base(found.base);
        take(&mut fold, entries, (&found, self.settings.seal.as_deref()))?;
        Ok((found, fold))
    }
}
