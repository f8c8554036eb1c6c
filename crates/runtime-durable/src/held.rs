//! A thread that a life holds.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use runtime_orchestrator::{BoxError, SessionHandle};
use runtime_store::{Lease, Leave, Store, StoreError};

use crate::life::Life;
use crate::session::DurableSession;

/// A thread that is held. Dropping it gives the thread back for the next life.
pub(crate) struct Held<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) lease: &'a Lease,
    pub(crate) given_back: bool,
}

impl Held<'_> {
    pub(crate) async fn give_back(&mut self, leave: Leave) -> Result<(), StoreError> {
        self.store.release(self.lease, leave).await?;
        self.given_back = true;
        Ok(())
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.given_back {
            self.store.abandon(self.lease);
        }
    }
}

/// Polls the body, and renews the lease beside it.
pub(crate) async fn held_by<T>(
    life: &Arc<Life>,
    session: &DurableSession,
    body: impl AsyncFnOnce(&DurableSession) -> Result<T, BoxError>,
) -> Result<T, BoxError> {
    let handle = session.handle();
    let mut body = pin!(session.session().scope(body(session)));
    let mut renewing: Option<Pin<Box<dyn Future<Output = ()> + Send>>> =
        Some(Box::pin(renew(Arc::clone(life), session.session().handle())));
    poll_fn(|cx| {
        if let Some(keeper) = &mut renewing
            && keeper.as_mut().poll(cx).is_ready()
        {
            renewing = None;
        }
        handle.within(|| body.as_mut().poll(cx))
    })
    .await
}

/// Renews the lease until it is lost.
async fn renew(life: Arc<Life>, session: SessionHandle) {
    let every = (life.settings.ttl / 3).max(Duration::from_millis(1));
    // Without a sleeper, each step renews it.
    while let Some(sleep) = session.sleep(every) {
        sleep.await;
        match life.writer.renew().await {
            Err(error) if error.is_fenced() => {
                life.store_failed(error);
                return;
            }
            // The store is away: the next step or the next time tells.
            Ok(()) | Err(_) => {}
        }
    }
}
