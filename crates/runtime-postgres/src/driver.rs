//! The thread that drives a connection.

use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinError;

use crate::error::PgError;

/// A thread with a runtime, for sockets and timers.
pub(crate) struct Driver {
    pub(crate) handle: Handle,
    /// The thread ends once this is dropped.
    _alive: oneshot::Sender<()>,
}

impl Driver {
    pub(crate) fn start() -> Result<Self, PgError> {
        let failed = |source: std::io::Error| PgError::Failed {
            attempted: "start the thread of a connection",
            source: source.into(),
        };
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let handle = runtime.handle().clone();
        let (alive, until) = oneshot::channel::<()>();
        let name = "techrevati-postgres".to_owned();
        let run = move || {
            let _ = runtime.block_on(until);
        };
        thread::Builder::new().name(name).spawn(run).map_err(failed)?;
        Ok(Self { handle, _alive: alive })
    }

    /// Runs a future on the thread.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = Result<T, PgError>> + Send + 'static,
    ) -> Result<T, PgError> {
        let attempted = "use the thread of a connection";
        let failed = |source: JoinError| PgError::Failed { attempted, source: source.into() };
        self.handle.spawn(future).await.map_err(failed)?
    }
}
