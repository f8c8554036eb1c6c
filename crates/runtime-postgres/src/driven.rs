//! A connection that a task drives, and that callers help along.
//!
//! ```text
//!   caller ──▶ the queue of calls ──▶ socket      by the caller, unless somebody else is at it
//!   caller ◀── the answer of a call ◀── socket    by the task
//! ```
//!
//! To wake the task's thread takes longer than to write a call to the socket.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{AsyncMessage, Connection};

/// Hears what the server says by itself.
pub(crate) trait Listener: Send + Sync {
    /// The connection is there, perhaps again.
    fn connected(&self);
    /// The server pushed this, on the channel that has the name of the schema.
    fn notified(&self, payload: &str);
}

/// What callers can do with a connection.
pub(crate) trait Drive: Send + Sync {
    /// Writes what callers have queued, if nobody is at it.
    fn send(&self);
}

/// A connection, which ends with its client.
pub(crate) struct Driven<S, T>(Mutex<State<S, T>>);

struct State<S, T> {
    /// Nothing, once it has ended.
    connection: Option<Connection<S, T>>,
    listener: Option<Arc<dyn Listener>>,
    /// That of the task: whoever polls the connection, the task is woken when there is more to do.
    task: Waker,
}

impl<S, T> Driven<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    /// Drives a connection by a task of the current runtime.
    pub(crate) fn start(
        connection: Connection<S, T>,
        listener: Option<Arc<dyn Listener>>,
    ) -> Arc<dyn Drive> {
        let (connection, task) = (Some(connection), Waker::noop().clone());
        let driven = Arc::new(Self(Mutex::new(State { connection, listener, task })));
        let own = Arc::clone(&driven);
        tokio::spawn(async move {
            poll_fn(|cx| {
                // A caller has it for some microseconds.
                let mut state = own.0.lock().unwrap_or_else(PoisonError::into_inner);
                state.task.clone_from(cx.waker());
                state.poll()
            })
            .await;
        });
        driven
    }
}

impl<S, T> State<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    /// Drives the connection as far as it goes. Ready at its end, of which the client knows.
    fn poll(&mut self) -> Poll<()> {
        let mut cx = Context::from_waker(&self.task);
        while let Some(connection) = &mut self.connection {
            match connection.poll_message(&mut cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Some(Ok(AsyncMessage::Notification(push)))) => {
                    if let Some(listener) = &self.listener {
                        listener.notified(push.payload());
                    }
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(Some(Err(_)) | None) => self.connection = None,
            }
        }
        Poll::Ready(())
    }
}

impl<S, T> Drive for Driven<S, T>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    fn send(&self) {
        let mut state = match self.0.try_lock() {
            Ok(state) => state,
            Err(TryLockError::Poisoned(state)) => state.into_inner(),
            // Who has it was woken by this call as well, or is before the queue.
            Err(TryLockError::WouldBlock) => return,
        };
        if state.poll().is_ready() {
            state.task.wake_by_ref();
        }
    }
}
