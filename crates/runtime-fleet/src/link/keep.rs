//! The connection of a [`Link`](super::Link): whether there is one, and who makes the next.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::{LinkError, Server};

/// The shortest and the longest wait between two attempts to connect.
const WAITS: [Duration; 2] = [Duration::from_millis(25), Duration::from_secs(2)];

const CONNECT: &str = "connect to the server";

pub(super) struct Keeper<S: Server> {
    pub(super) server: S,
    pub(super) timeout: Duration,
    state: watch::Sender<State<S>>,
    /// Somebody waits for a connection.
    demand: Notify,
}

enum State<S: Server> {
    Up(Arc<S::Connection>),
    /// With what the last attempt came to.
    Down(Option<Arc<S::Error>>),
}

/// Connects whenever somebody waits for it, for as long as the thread is there.
pub(super) async fn keep<S: Server>(keeper: Arc<Keeper<S>>) {
    let [shortest, longest] = WAITS;
    let mut wait = shortest;
    loop {
        keeper.demand.notified().await;
        if keeper.current().is_some() {
            continue;
        }
        match keeper.connect().await {
            Ok(()) => wait = shortest,
            Err(error) => {
                keeper.state.send_replace(State::Down(Some(Arc::new(error))));
                // Not all processes of a fleet at the same time.
                tokio::time::sleep(wait.mul_f64(0.5 + fastrand::f64())).await;
                wait = (2 * wait).min(longest);
            }
        }
    }
}

impl<S: Server> Keeper<S> {
    pub(super) fn new(server: S, timeout: Duration) -> Self {
        let state = watch::Sender::new(State::Down(None));
        Self { server, timeout, state, demand: Notify::new() }
    }

    /// The connection, if it is there.
    fn current(&self) -> Option<Arc<S::Connection>> {
        match &*self.state.borrow() {
            State::Up(it) if !self.server.is_closed(it) => Some(Arc::clone(it)),
            _ => None,
        }
    }

    /// The connection, once it is there.
    pub(super) async fn connection(&self) -> Arc<S::Connection> {
        let mut state = self.state.subscribe();
        loop {
            state.mark_unchanged();
            if let Some(connection) = self.current() {
                return connection;
            }
            self.demand.notify_one();
            // The sender is ours, so it is not gone.
            let _ = state.changed().await;
        }
    }

    /// Connects, and lets everybody use the connection.
    pub(super) async fn connect(&self) -> Result<(), S::Error> {
        let late = |_| S::Error::from(self.timed_out(CONNECT));
        let connected = tokio::time::timeout(self.timeout, self.server.connect()).await;
        let connection = connected.map_err(late)??;
        self.state.send_replace(State::Up(Arc::new(connection)));
        self.server.connected();
        Ok(())
    }

    pub(super) fn retire(&self, connection: &Arc<S::Connection>) {
        self.state.send_if_modified(|state| {
            let is_it = matches!(state, State::Up(now) if Arc::ptr_eq(now, connection));
            if is_it {
                *state = State::Down(None);
            }
            is_it
        });
    }

    /// Why there was no connection in time.
    pub(super) fn why_down(&self) -> Arc<S::Error> {
        match &*self.state.borrow() {
            State::Down(Some(why)) => Arc::clone(why),
            _ => self.late(CONNECT),
        }
    }

    pub(super) fn late(&self, attempted: &'static str) -> Arc<S::Error> {
        Arc::new(self.timed_out(attempted).into())
    }

    const fn timed_out(&self, attempted: &'static str) -> LinkError {
        LinkError::TimedOut { attempted, after: self.timeout }
    }
}
