//! What backends over a connection have in common: one [`Link`] to a server, made again when it is lost, and the
//! options of a [URL](url).
//!
//! A caller waits for its call on any thread, with or without a runtime. Sockets and timers belong to a thread of
//! the link's own.

mod driver;
mod keep;
pub mod url;

use std::fmt;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use thiserror::Error;

pub use self::driver::Driver;
use self::keep::Keeper;

/// A server that a [`Link`] connects to.
pub trait Server: Send + Sync + 'static {
    /// A connection. Many calls use it at once.
    type Connection: Send + Sync + 'static;
    /// Why the server cannot be used.
    type Error: From<LinkError> + Send + Sync + 'static;

    /// Connects, on the thread of the link. The link has an eye on the time.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Self::Error>> + Send;

    /// A connection is in use now, perhaps not the first one.
    fn connected(&self) {}

    /// Whether a connection is known to have ended.
    fn is_closed(&self, connection: &Self::Connection) -> bool;

    /// Whether a connection still answers.
    fn answers(&self, connection: &Self::Connection) -> impl Future<Output = bool> + Send;
}

/// What becomes of a link, or of a call over it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The server did not answer in time.
    #[error("cannot {attempted}: no answer within {} s", .after.as_secs_f64())]
    TimedOut {
        /// What was attempted.
        attempted: &'static str,
        /// The time it had.
        after: Duration,
    },
    /// The thread of the link is gone, or could not be started.
    #[error("cannot {attempted}")]
    Failed {
        /// What was attempted.
        attempted: &'static str,
        /// The error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Tells one text from another, such as what a server runs for one build from what it runs for another: FNV-1a.
///
/// ```
/// assert_eq!(runtime_fleet::link::print_of("a"), "af63dc4c8601ec8c");
/// ```
pub fn print_of(text: &str) -> String {
    let print = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |print, byte| {
        (print ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{print:016x}")
}

/// One connection to a server, which the next call makes again when it is lost.
pub struct Link<S: Server> {
    keeper: Arc<Keeper<S>>,
    driver: Driver,
}

impl<S: Server> Link<S> {
    /// Starts the thread. The first call connects. A call may take `timeout`, with the connection if it has to be
    /// made.
    ///
    /// # Errors
    ///
    /// [`LinkError`], if there is no thread.
    pub fn start(thread: &str, server: S, timeout: Duration) -> Result<Self, LinkError> {
        let driver = Driver::start(thread)?;
        let keeper = Arc::new(Keeper::new(server, timeout));
        driver.handle().spawn(keep::keep(Arc::clone(&keeper)));
        Ok(Self { keeper, driver })
    }

    /// The server.
    pub fn server(&self) -> &S {
        &self.keeper.server
    }

    /// The thread, for what nobody waits for.
    pub const fn driver(&self) -> &Driver {
        &self.driver
    }

    /// Connects once.
    ///
    /// # Errors
    ///
    /// Why it cannot.
    pub async fn connect(&self) -> Result<(), S::Error> {
        let keeper = Arc::clone(&self.keeper);
        self.driver.run(async move { keeper.connect().await }).await?
    }

    /// Makes a call. It waits for a connection if there is none. Returns the answer, and the connection it came by.
    ///
    /// # Errors
    ///
    /// If there was no answer in time: then nobody knows whether the call was made.
    pub async fn call<T, F: Future<Output = T>>(
        &self,
        call: impl FnOnce(Arc<S::Connection>) -> F,
    ) -> Result<(T, Arc<S::Connection>), Arc<S::Error>> {
        let doubt = Doubt { link: self, used: OnceLock::new() };
        let made = async {
            let connection = self.keeper.connection().await;
            let _ = doubt.used.set(Arc::clone(&connection));
            call(connection).await
        };
        // Timers are the thread's. The call may be waited for anywhere.
        let timed = {
            let _entered = self.driver.handle().enter();
            tokio::time::timeout(self.keeper.timeout, made)
        };
        let answer = {
            let mut timed = pin!(timed);
            poll_fn(|cx| {
                let _entered = self.driver.handle().enter();
                timed.as_mut().poll(cx)
            })
            .await
        };
        match (answer, doubt.over()) {
            (Ok(answer), Some(used)) => Ok((answer, used)),
            // Nobody knows what became of this connection, so nobody begins to use it any more.
            (_, Some(used)) => {
                self.retire(&used);
                Err(self.keeper.late("have the answer to a call"))
            }
            (_, None) => Err(self.keeper.why_down()),
        }
    }

    /// Gives a connection up, if it is the one in use. Calls that are under way on it may still be answered.
    pub fn retire(&self, connection: &Arc<S::Connection>) {
        self.keeper.retire(connection);
    }
}

/// A call without an answer. If its caller leaves before there is one, nobody knows whether the connection still
/// answers, so that is looked at.
struct Doubt<'l, S: Server> {
    link: &'l Link<S>,
    used: OnceLock<Arc<S::Connection>>,
}

impl<S: Server> Doubt<'_, S> {
    fn over(mut self) -> Option<Arc<S::Connection>> {
        self.used.take()
    }
}

impl<S: Server> Drop for Doubt<'_, S> {
    fn drop(&mut self) {
        let Some(connection) = self.used.take() else { return };
        let keeper = Arc::clone(&self.link.keeper);
        self.link.driver.handle().spawn(async move {
            let answers = keeper.server.answers(&connection);
            if !matches!(tokio::time::timeout(keeper.timeout, answers).await, Ok(true)) {
                keeper.retire(&connection);
            }
        });
    }
}

impl<S: Server> fmt::Debug for Link<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("driver", &self.driver).finish_non_exhaustive()
    }
}
