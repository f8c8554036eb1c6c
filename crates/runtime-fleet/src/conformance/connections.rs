//! Connections to a server: what it pushes, and what happens while it is away or silent.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt::Debug;
use std::future::{Future as _, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use super::many::one_dollar_while;
use super::{HOUR, booking, cents, enforced, member, path, report, sync, yield_now};
use crate::error::StateError;
use crate::probe::BreakerView;
use crate::state::{Accounts, Change, SharedState, Watcher};

/// Keeps the changes that a backend tells of.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<(VecDeque<Change>, Option<Waker>)>);

impl Watcher for Heard {
    fn changed(&self, change: Change) {
        let mut heard = self.0.lock().unwrap();
        heard.0.push_back(change);
        if let Some(waker) = heard.1.take() {
            waker.wake();
        }
    }
}

/// What a change says.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Breaker(BreakerView),
    Pause(Duration),
}

impl Heard {
    pub(super) fn of(state: &dyn SharedState) -> Arc<Self> {
        let heard = Arc::new(Self::default());
        let weak = Arc::downgrade(&heard);
        state.watch(weak);
        heard
    }

    /// What the next change is about that has a time, which is that of the backend, and of late.
    async fn next_of(&self, state: &dyn SharedState) -> (Arc<str>, Told) {
        let (name, told, at) = match self.next().await {
            Change::Breaker { name, view, at } => (name, Told::Breaker(view), at),
            Change::Pause { name, wait, at } => (name, Told::Pause(wait), at),
            other => panic!("{other:?}"),
        };
        let now = sync(state, report("clock", 1)).await.at;
        assert!(at <= now && now < at + HOUR, "told at {at:?}, and it is {now:?}");
        (name, told)
    }

    /// The next change, which is waited for.
    pub(super) async fn next(&self) -> Change {
        poll_fn(|cx| {
            let mut heard = self.0.lock().unwrap();
            heard.1 = Some(cx.waker().clone());
            heard.0.pop_front().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// Waits for a connection, and then for a change of a breaker. On a busy machine a connection may be made more than
    /// once, and each time it is told.
    async fn connection_and_breaker(&self) {
        while self.next().await != Change::Connected {}
        self.breaker().await;
    }

    async fn breaker(&self) {
        while !matches!(self.next().await, Change::Breaker { .. }) {}
    }

    fn is_empty(&self) -> bool {
        self.0.lock().unwrap().0.is_empty()
    }

    fn forget(&self) {
        self.0.lock().unwrap().0.clear();
    }

    fn has(&self, change: &Change) -> bool {
        self.0.lock().unwrap().0.contains(change)
    }
}

/// A change by the first connection is pushed to the second one.
///
/// # Panics
///
/// If another one is.
pub async fn pushes<S: Accounts>(states: &[S]) {
    let heard = Heard::of(&states[1]);
    let view = states[0].open("api \"x\"\n", 0, HOUR).await.unwrap();
    let told = heard.next_of(&states[0]).await;
    assert_eq!(told, ("api \"x\"\n".into(), Told::Breaker(view)));

    // On all nodes of a cluster.
    for name in ["a", "b", "c", "d", "e", "f"] {
        states[0].pause(name, HOUR).await.unwrap();
        assert_eq!(heard.next_of(&states[0]).await, (name.into(), Told::Pause(HOUR)));
    }

    for cents in [2, 1, 1] {
        states[0].set(&path("c"), &enforced(cents)).await.unwrap();
    }
    assert_eq!(heard.next().await, Change::Rules { account: path("c") }, "once");
    let mut asking = booking("c", "one");
    (asking.seq, asking.least, asking.most) = (1, cents(2), cents(2));
    states[0].book(&asking).await.unwrap();
    assert_eq!(heard.next().await, Change::Short { account: path("c"), member: member("one") });
}

/// A connection without pushes hears nothing of what another one changes.
///
/// # Panics
///
/// If it does.
pub async fn no_pushes<S: SharedState>(other: &S, deaf: &S) {
    let heard = Heard::of(deaf);
    other.open("api", 0, HOUR).await.unwrap();
    // A push comes before the answer to a later call of the same connection.
    deaf.open("api", 0, HOUR).await.unwrap();
    assert!(heard.is_empty());
}

/// A server that was away when the connection was made, and one that is killed, are there again after `begin`; each
/// time the connection hears of it, and of changes.
///
/// # Panics
///
/// If it does not.
pub async fn away_at_the_start<S: SharedState>(state: &S, kill: impl Fn(), begin: impl Fn()) {
    let heard = Heard::of(state);
    let away = refusal(async || state.open("0", 0, HOUR).await, "Connection refused").await;
    assert!(away.is_unavailable(), "{away:?}");
    assert!(heard.is_empty());
    for name in ["1", "2"] {
        begin();
        while state.open(name, 0, HOUR).await.is_err() {}
        heard.connection_and_breaker().await;
        kill();
        heard.forget();
    }
}

/// A connection on which nothing comes through after `silence` is noticed within 0.4 s, which is the time of a
/// call, and replaced by one that hears of changes.
///
/// # Panics
///
/// If it is not.
pub async fn silent<S: SharedState>(state: &S, silence: impl FnOnce()) {
    let heard = Heard::of(state);
    // A busy machine may need more than one attempt, here and below.
    while state.open("api", 0, HOUR).await.is_err() {}
    heard.breaker().await;
    silence();
    heard.forget();
    let late = state.open("api", 0, HOUR * 2).await.unwrap_err();
    assert!(
        matches!(late, StateError::Unavailable { attempted: "open a breaker", .. }),
        "{late:?}"
    );
    assert!(told(&late).contains("no answer within 0.4 s"), "{}", told(&late));
    while state.open("api", 0, HOUR * 3).await.is_err() {}
    heard.connection_and_breaker().await;
}

/// The error of a call that is refused, once it says `why`: on a busy machine, the time of the first calls may be over
/// before the server has said so.
///
/// # Panics
///
/// If the call is made, or if no error says it.
pub async fn refusal<T: Debug, E: Error + 'static>(
    call: impl AsyncFn() -> Result<T, E>,
    why: &str,
) -> E {
    let mut error = call().await.unwrap_err();
    for _ in 0..100 {
        if told(&error).contains(why) {
            return error;
        }
        error = call().await.unwrap_err();
    }
    panic!("it does not say {why:?}: {}", told(&error))
}

/// A connection on which nothing comes through after `silence` is noticed by callers that never wait for longer than
/// `patience`, and replaced. Whether a call over the new one is answered in that time is the server's affair.
///
/// # Panics
///
/// If it is not.
pub async fn impatient<S: SharedState>(
    state: &S,
    silence: impl FnOnce(),
    patience: impl AsyncFn(),
) {
    while state.pause("api", HOUR).await.is_err() {}
    let heard = Heard::of(state);
    silence();
    for _ in 0..1_000 {
        let (mut call, mut over) = (state.pause("api", HOUR), pin!(patience()));
        poll_fn(|cx| match call.as_mut().poll(cx) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => over.as_mut().poll(cx),
        })
        .await;
        if heard.has(&Change::Connected) {
            return;
        }
    }
    panic!("the connection is still in use");
}

/// [`one_dollar`](super::one_dollar), while the server is killed and started again three times.
///
/// # Panics
///
/// If the books do not agree.
pub async fn one_dollar_and_kills<S: Accounts>(states: &[S], kill: impl Fn() + Sync) {
    let answers = AtomicU64::new(0);
    let told = || {
        // Relaxed: nothing but the number itself is told.
        answers.fetch_add(1, Ordering::Relaxed);
    };
    let killed = async {
        for kills in 1..=3 {
            while answers.load(Ordering::Relaxed) < 100 * kills {
                yield_now().await;
            }
            kill();
        }
    };
    one_dollar_while(states, &told, killed).await;
}

/// An error with its causes, and as a debugger shows it.
pub fn told(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (*error).source());
    let causes: Vec<_> = causes.map(|cause| format!("{cause} ({cause:?})")).collect();
    causes.join(": ")
}
