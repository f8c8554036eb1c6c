//! A thread that a life holds.

use std::future::{Future, poll_fn};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{AbortHandle, BoxFuture, abortable};
use runtime_orchestrator::{BoxError, SessionHandle};
use runtime_resilience::chain_text;
use runtime_store::{JournalError, Lease, Leave, Store, StoreError, Stuck};

use crate::life::Life;
use crate::session::DurableSession;

/// A thread that is held. Dropping it gives the thread back for the next life.
pub(crate) struct Held<'a> {
    pub(crate) store: &'a dyn Store,
    pub(crate) lease: &'a Lease,
    /// What its earlier lives came to, if they could not go on.
    pub(crate) stuck: Option<Stuck>,
    pub(crate) given_back: bool,
}

impl Held<'_> {
    pub(crate) async fn give_back(&mut self, leave: Leave) -> Result<(), StoreError> {
        self.store.release(self.lease, leave).await?;
        self.given_back = true;
        Ok(())
    }

    /// Gives the thread back because of its journal: to be tried less and less often, if each life would come to the
    /// same. So it may with a store that fails: one that does not take an outcome would have the call made again and
    /// again. If that fails, its lease runs out.
    pub(crate) async fn give_back_after(&mut self, error: &JournalError, went_on: bool) {
        if went_on {
            self.stuck = None;
        }
        let failed = matches!(error, JournalError::Store(error) if !error.is_fenced());
        let leave = if failed || error.lasts() {
            let code = &self.lease.claim.code;
            Leave::Stuck(Stuck::again(self.stuck.as_ref(), code, &chain_text(error)))
        } else {
            Leave::Runnable
        };
        let _ = self.give_back(leave).await;
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if !self.given_back {
            self.store.abandon(self.lease);
        }
    }
}

/// How the lease is renewed while the code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeping {
    /// Beside the code, whenever it waits.
    Beside,
    /// On a thread of its own: the code may block this one.
    Apart,
}

/// Polls the body, and renews the lease meanwhile. A panic of the body is caught.
pub(crate) async fn held_by<T>(
    life: &Arc<Life>,
    session: &DurableSession,
    keeping: Keeping,
    body: impl AsyncFnOnce(&DurableSession) -> Result<T, BoxError>,
) -> thread::Result<Result<T, BoxError>> {
    let handle = session.handle();
    let body = session.session().scope(body(session));
    // Nothing of the body is looked at after a panic in it.
    let mut body = pin!(AssertUnwindSafe(body).catch_unwind());
    let renewing = renew(Arc::clone(life), session.session().handle());
    let (renewing, _keeper) = match keeping {
        Keeping::Beside => (Some(renewing.boxed()), None),
        Keeping::Apart => Keeper::apart(life, &session.session().handle(), renewing),
    };
    let mut renewing = renewing;
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

/// A thread that renews a lease, until this is dropped.
struct Keeper(AbortHandle);

impl Keeper {
    /// If there can be no other thread, the lease is renewed beside the code.
    fn apart(
        life: &Arc<Life>,
        session: &SessionHandle,
        renewing: impl Future<Output = ()> + Send + 'static,
    ) -> (Option<BoxFuture<'static, ()>>, Option<Self>) {
        let (renewing, keeper) = abortable(renewing);
        let name = format!("lease {}", life.thread);
        let here = session.clone();
        let spawned = thread::Builder::new().name(name).spawn(move || here.block_on(renewing));
        match spawned {
            Ok(_) => (None, Some(Self(keeper))),
            Err(_) => (Some(renew(Arc::clone(life), session.clone()).boxed()), None),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
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
