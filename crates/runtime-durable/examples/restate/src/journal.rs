//! The journal of a Restate invocation.
//!
//! ```text
//!   enter ──ask──▶ ctx.run(name, closure) ─┬─ is recorded ─────────▶ Recorded
//!                                          └─ calls the closure ───▶ Vacant ──fill──▶ the closure returns
//! ```
//!
//! The closure is a doorbell: that it is called says that nothing is recorded, and then it waits for what is to be.
//! So the code around a step borrows freely, and nothing of it must be `'ctx`.

use std::collections::HashMap;
use std::future::pending;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use restate_sdk::prelude::*;
use runtime_store::{Body, Entered, Journal, JournalError, Part, Slot, Step, StepKey};
use tokio::sync::{mpsc, oneshot};

/// The journal, for the session.
pub struct RestateJournal {
    asks: mpsc::UnboundedSender<Ask>,
    /// The places that were entered and are not filled.
    doors: Mutex<HashMap<(StepKey, Part), Door>>,
}

/// The other end of the journal, for [`Asked::beside`].
pub struct Asked(mpsc::UnboundedReceiver<Ask>);

/// A question for the engine: what is recorded under this name?
struct Ask {
    name: String,
    answer: oneshot::Sender<Answer>,
}

enum Answer {
    Recorded(Result<Vec<u8>, TerminalError>),
    Vacant(Door),
}

/// A closure that waits.
struct Door {
    give: oneshot::Sender<Vec<u8>>,
    filled: oneshot::Receiver<Result<(), TerminalError>>,
}

/// Makes a journal for one attempt of an invocation.
pub fn journal() -> (Arc<RestateJournal>, Asked) {
    let (asks, asked) = mpsc::unbounded_channel();
    (Arc::new(RestateJournal { asks, doors: Mutex::default() }), Asked(asked))
}

impl Asked {
    /// Runs the session, and beside it the steps that it enters, in the order in which it enters them.
    pub async fn beside<T>(self, ctx: &Context<'_>, session: impl Future<Output = T>) -> T {
        let Self(mut asked) = self;
        let mut session = pin!(session);
        let mut runs = FuturesUnordered::new();
        loop {
            tokio::select! {
                // In this order: a step is entered before the engine looks at others.
                biased;
                ended = &mut session => return ended,
                Some(ask) = asked.recv() => runs.push(run(ctx, ask)),
                Some(()) = runs.next() => {}
            }
        }
    }
}

/// Asks the engine, and answers once it says that a part is recorded, or calls the closure.
async fn run(ctx: &Context<'_>, Ask { name, answer }: Ask) {
    let answer = Arc::new(Mutex::new(Some(answer)));
    let (done, filled) = oneshot::channel();
    let (give, take) = oneshot::channel();
    let ring = Arc::clone(&answer);
    let closure = move || async move {
        reply(&ring, Answer::Vacant(Door { give, filled }));
        match take.await {
            Ok(body) => Ok(Json::from(body)),
            // The session has ended and has filled nothing, so nothing is recorded.
            Err(_) => pending().await,
        }
    };
    let recorded = ctx.run(closure).name(name).await.map(Json::into_inner);
    if let Some(recorded) = reply(&answer, Answer::Recorded(recorded))
        && let Answer::Recorded(recorded) = recorded
    {
        let _ = done.send(recorded.map(drop));
    }
}

/// Answers, unless that was done before.
fn reply(to: &Mutex<Option<oneshot::Sender<Answer>>>, answer: Answer) -> Option<Answer> {
    let to = to.lock().unwrap_or_else(PoisonError::into_inner).take();
    match to {
        Some(to) => to.send(answer).err(),
        None => Some(answer),
    }
}

impl Journal for RestateJournal {
    fn enter<'a>(
        &'a self,
        step: &'a Step,
        part: Part,
    ) -> BoxFuture<'a, Result<Entered<'a>, JournalError>> {
        async move {
            let of = (step.key, part);
            let open = self.doors().remove(&of);
            let door = match open {
                Some(door) => door,
                None => match self.ask(step, part).await? {
                    Answer::Vacant(door) => door,
                    Answer::Recorded(body) => {
                        return Ok(Entered::Recorded(body.map_err(|error| failed(&error))?));
                    }
                },
            };
            Ok(Entered::Vacant(Box::new(Place { journal: self, of, door: Some(door) })))
        }
        .boxed()
    }
}

impl RestateJournal {
    async fn ask(&self, step: &Step, part: Part) -> Result<Answer, JournalError> {
        // The engine refuses an invocation whose steps have other names than before. So the name has what the
        // step does, and is the same in each life.
        let part = match part {
            Part::Intent(number) => format!("intent {number}"),
            Part::Outcome => "outcome".to_owned(),
        };
        let name = format!("{} {part} {} {}", step.name, step.key, step.print);
        let (answer, answered) = oneshot::channel();
        let gone = || failed(&TerminalError::new("the invocation has ended"));
        self.asks.send(Ask { name, answer }).map_err(|_| gone())?;
        answered.await.map_err(|_| gone())
    }

    fn doors(&self) -> std::sync::MutexGuard<'_, HashMap<(StepKey, Part), Door>> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the journal. Dropped without being filled, it can be entered again.
struct Place<'a> {
    journal: &'a RestateJournal,
    of: (StepKey, Part),
    door: Option<Door>,
}

impl<'a> Slot<'a> for Place<'a> {
    fn fill(mut self: Box<Self>, body: Body) -> BoxFuture<'a, Result<(), JournalError>> {
        let door = self.door.take();
        async move {
            let Some(Door { give, filled }) = door else { return Ok(()) };
            let gone = || TerminalError::new("the invocation has ended");
            give.send(body).map_err(|_| failed(&gone()))?;
            filled.await.unwrap_or_else(|_| Err(gone())).map_err(|error| failed(&error))
        }
        .boxed()
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(door) = self.door.take() {
            self.journal.doors().insert(self.of, door);
        }
    }
}

fn failed(error: &TerminalError) -> JournalError {
    JournalError::Engine(Arc::new(std::io::Error::other(error.to_string())))
}
