//! [`Driver`]: the thread that drives a connection.

use std::error::Error;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use super::LinkError;

/// A thread with a runtime, for sockets and timers. It ends once this is dropped.
#[derive(Debug)]
pub struct Driver {
    handle: Handle,
    _alive: oneshot::Sender<()>,
}

impl Driver {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// [`LinkError`], if the operating system has none.
    pub fn start(name: &str) -> Result<Self, LinkError> {
        let failed = failed("start the thread of a connection");
        let runtime = Builder::new_current_thread().enable_all().build().map_err(&failed)?;
        let handle = runtime.handle().clone();
        let (alive, until) = oneshot::channel::<()>();
        let run = move || {
            let _ = runtime.block_on(until);
        };
        thread::Builder::new().name(name.to_owned()).spawn(run).map_err(failed)?;
        Ok(Self { handle, _alive: alive })
    }

    /// Its runtime.
    pub const fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Runs a future on the thread.
    ///
    /// # Errors
    ///
    /// [`LinkError`], if the future panics.
    pub async fn run<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, LinkError> {
        self.handle.spawn(future).await.map_err(failed("use the thread of a connection"))
    }
}

fn failed<E: Error + Send + Sync + 'static>(attempted: &'static str) -> impl Fn(E) -> LinkError {
    move |error| LinkError::Failed { attempted, source: error.into() }
}
