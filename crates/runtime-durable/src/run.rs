//! One life of a thread, from its lease to its end.
//!
//! ```text
//!            acquire          body                    release
//!   runnable ───────▶ held ─┬─ returns a value ─────▶ done
//!   parked                  ├─ waits for somebody ──▶ parked
//!   failed                  ├─ returns an error ────▶ failed
//!                           ├─ is cancelled ────────▶ cancelled
//!                           ├─ shutdown, crash ─────▶ runnable
//!                           └─ diverged, ───────────▶ runnable, after a wait
//!                              store lost
//! ```

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use runtime_events::payload::{self, Word};
use runtime_events::{AgentEventName, AgentEventStatus};
use runtime_lifecycle::AgentStatus;
use runtime_orchestrator::{BoxError, OrchestrationSession, Report, Restored, block_on, role_of};
use runtime_store::{
    Claim, EndRecord, Entry, EntryKind, FailureKind, FailureRecord, Fold, Journal, JournalError,
    Lease, Leave, LifeRecord, StoreError, Thread, ThreadId, ThreadState, Totals,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::durable::{Durable, OnDivergence};
use crate::error::{ParkedError, RunError, class_of, failed_step};
use crate::held::{Held, Keeping, held_by};
use crate::journal::{EngineJournal, StoreJournal, leave_behind, read};
use crate::json;
use crate::life::{Life, Over};
use crate::outcome::{Done, Parked, Run};
use crate::session::DurableSession;
use crate::writer::{Writer, Writing};

impl Durable {
    /// Runs a thread: begins it, goes on where it was, or returns the value that it has.
    ///
    /// `body` runs from its beginning in each life, and gets what earlier lives have recorded. So it has to
    /// ask for the same steps again: see [`DurableSession`].
    ///
    /// Dropping the future ends this life; the thread stays as it is and can be run again. A panic of `body`
    /// fails the thread, and goes on from here.
    ///
    /// # Errors
    ///
    /// [`RunError`]. Except after [`Cancelled`](RunError::Cancelled) and [`Ended`](RunError::Ended), the
    /// thread can be run again.
    pub async fn run<T>(
        &self,
        thread: impl AsRef<str>,
        body: impl AsyncFnOnce(&DurableSession) -> Result<T, BoxError>,
    ) -> Result<Run<T>, RunError>
    where
        T: Serialize + DeserializeOwned,
    {
        self.live(thread.as_ref(), Keeping::Beside, None, body).await
    }

    /// A life, with the steps in the journal of the store or of an engine.
    pub(crate) async fn live<T: Serialize + DeserializeOwned>(
        &self,
        thread: &str,
        keeping: Keeping,
        engine: Option<Arc<dyn Journal>>,
        body: impl AsyncFnOnce(&DurableSession) -> Result<T, BoxError>,
    ) -> Result<Run<T>, RunError> {
        let id = ThreadId::new(thread)?;
        let store = &*self.store;
        let code = Arc::clone(&self.settings.code);
        let role = Some(Arc::clone(role_of(&self.orchestrator)));
        let claim = Claim { holder: Self::holder(), code, role, ttl: self.settings.ttl };
        let (lease, thread) = match store.acquire(&id, &claim).await {
            Ok(acquired) => acquired,
            Err(StoreError::Ended { thread, state: ThreadState::Done }) => {
                return self.stored(&thread).await;
            }
            Err(StoreError::Ended { thread, state }) => {
                return Err(RunError::Ended { thread, state });
            }
            Err(held @ StoreError::Held { .. }) => return Err(RunError::Held(held)),
            Err(StoreError::OtherRole { thread, role }) => {
                return Err(RunError::OtherRole { thread, role });
            }
            Err(error) => return Err(error.into()),
        };
        let stuck = thread.stuck.clone();
        let mut held = Held { store, lease: &lease, stuck, given_back: false };
        let fold = match read(store, &thread, self.settings.seal.as_deref()).await {
            Ok(fold) => fold,
            Err(error) => {
                held.give_back_after(&error, false).await;
                return Err(error.into());
            }
        };
        if let Some(end) = fold.end() {
            // An earlier life wrote its end and could not give the thread back.
            let ended = if end.cancelled.is_none() { Leave::Done } else { Leave::Cancelled };
            held.give_back(ended).await?;
            return final_value(&id, &fold);
        }
        if fold.lives() > 0 && fold.in_engine() != engine.is_some() {
            // An engine wakes its own. One of the store would not wake any more: its time was cleared.
            let left = if fold.in_engine() { Leave::Parked(None) } else { Leave::Runnable };
            held.give_back(left).await?;
            return Err(RunError::Elsewhere { thread: id, in_engine: fold.in_engine() });
        }
        if let Some(role) = fold.role().filter(|role| *role != role_of(&self.orchestrator)) {
            let (thread, role) = (id, Arc::clone(role));
            held.give_back(Leave::Runnable).await?;
            return Err(RunError::OtherRole { thread, role });
        }
        let lives = fold.lives() + 1;
        let orchestrator = self.orchestrator.clone();
        let orchestrator =
            orchestrator.label("thread", id.as_str()).label("life", lives.to_string());
        let session = restored(&fold.totals()).open(&orchestrator)?;
        let (life, session) = self.begin(&thread, (lease.clone(), engine), fold, session);
        let _writing = Writing(Arc::clone(&life.writer));
        tell_resumed(&session, &id, lives);
        let began = LifeRecord {
            code: Arc::clone(&claim.code),
            holder: Arc::clone(&claim.holder),
            session: session.session().id().into(),
            engine: life.in_engine,
        };
        if let Err(error) = write(&life, EntryKind::LIFE, &began).await {
            let _ = session.session.finish(Err::<(), _>(error.clone()));
            return Err(error.into());
        }
        match held_by(&life, &session, keeping, body).await {
            Ok(result) => self.end(&mut held, (&life, session), result).await,
            Err(panic) => {
                let text = panic.downcast_ref::<&str>().copied();
                let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
                let panicked = format!("the code panicked: {}", text.unwrap_or("without a text"));
                // Whether it could be written or not: the panic is what the caller gets.
                let _ = self.end::<T>(&mut held, (&life, session), Err(panicked.into())).await;
                resume_unwind(panic)
            }
        }
    }

    /// [`run`](Self::run) for threads of the operating system. Meanwhile another one renews the lease, so that a
    /// call may block for as long as it takes.
    ///
    /// # Errors
    ///
    /// The same as [`run`](Self::run).
    pub fn run_blocking<T>(
        &self,
        thread: impl AsRef<str>,
        body: impl FnOnce(&DurableSession) -> Result<T, BoxError>,
    ) -> Result<Run<T>, RunError>
    where
        T: Serialize + DeserializeOwned,
    {
        let body = async |session: &DurableSession| body(session);
        block_on(&self.orchestrator, self.live(thread.as_ref(), Keeping::Apart, None, body))
    }

    /// Runs at most `limit` threads that can run now and that nobody holds, one after the other. `body` is
    /// told which thread it is by [`DurableSession::thread`]. Threads that were handed over to an agent of another
    /// role are left to it. One whose journal does not fit this version of the code is left alone for a second,
    /// after the next time for two, and so on to an hour.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be asked. The error of a thread is in its result.
    pub async fn resume_runnable<T>(
        &self,
        limit: usize,
        body: impl AsyncFn(&DurableSession) -> Result<T, BoxError>,
    ) -> Result<Vec<(ThreadId, Result<Run<T>, RunError>)>, StoreError>
    where
        T: Serialize + DeserializeOwned,
    {
        let mut runs = Vec::new();
        let (role, code) = (role_of(&self.orchestrator), &*self.settings.code);
        // Other processes may be faster with some.
        let some = limit.saturating_mul(4);
        for thread in self.store.runnable(Some(role), Some(code), some).await? {
            if runs.len() == limit {
                break;
            }
            match self.run(&thread, async |session| body(session).await).await {
                Err(RunError::Held(_) | RunError::OtherRole { .. }) => {}
                run => runs.push((thread, run)),
            }
        }
        Ok(runs)
    }

    fn begin(
        &self,
        thread: &Thread,
        (lease, engine): (Lease, Option<Arc<dyn Journal>>),
        fold: Fold,
        session: OrchestrationSession,
    ) -> (Arc<Life>, DurableSession) {
        let seal = self.settings.seal.clone();
        let handle = session.handle();
        let writer =
            Writer::new((Arc::clone(&self.store), lease, thread.touched), seal, handle, fold);
        let writer = Arc::new(writer);
        let code = Arc::clone(&self.settings.code);
        let on_divergence = self.settings.on_divergence;
        let own = StoreJournal { writer: Arc::clone(&writer), code, on_divergence };
        let journal: (Arc<dyn Journal>, bool) = match engine {
            Some(engine) => (Arc::new(EngineJournal::new(engine, own)), true),
            None => (Arc::new(own), false),
        };
        let stores = (Arc::clone(&self.store), writer);
        let life = Life::new(thread.id.clone(), journal, stores, self.settings.clone());
        let life = Arc::new(life);
        (Arc::clone(&life), DurableSession::top(life, session))
    }

    /// The value of a thread that is done.
    async fn stored<T: DeserializeOwned>(&self, id: &ThreadId) -> Result<Run<T>, RunError> {
        let gone = || RunError::Ended { thread: id.clone(), state: ThreadState::Forgotten };
        let thread = self.store.thread(id).await?.ok_or_else(gone)?;
        let fold = read(&*self.store, &thread, self.settings.seal.as_deref()).await?;
        final_value(id, &fold)
    }

    async fn end<T: Serialize>(
        &self,
        held: &mut Held<'_>,
        (life, session): (&Arc<Life>, DurableSession),
        result: Result<T, BoxError>,
    ) -> Result<Run<T>, RunError> {
        let thread = life.thread.clone();
        let over = life.over().take();
        let cancelled = session.session().status() == AgentStatus::Cancelled
            && !session.session().handle().was_shut_down();
        match over {
            Some(Over::Parked { parked, leave, .. }) if !cancelled => {
                held.give_back(leave).await?;
                let ParkedError { waits_for, wake_at } = parked;
                let _ = session.session().handle().park(waits_for.clone());
                let summary = Box::new(session.session().summary());
                return Ok(Run::Parked(Parked { thread, waits_for, wake_at, summary }));
            }
            Some(Over::Journal(error)) => {
                if error.is_fenced() {
                    tell_fenced(&session);
                }
                // Nothing more is written.
                held.give_back_after(&error, life.writer.went_on()).await;
                let _ = session.session.finish(Err::<(), _>(error.clone()));
                return Err(error.into());
            }
            // What a person ends for good waits for nothing.
            Some(Over::Parked { .. }) | None => {}
        }
        if cancelled {
            let cancelled = Some("cancelled".into());
            let end = EndRecord::<()> { ok: None, error: None, step: None, cancelled };
            over_with(held, life, &end, Leave::Cancelled).await?;
            let summary = Box::new(session.session().summary());
            return Err(RunError::Cancelled { thread, summary });
        }
        match result {
            Ok(value) => {
                if let Err(error) = self.complete(life).await {
                    held.give_back_after(&error, life.writer.went_on()).await;
                    let _ = session.session.finish(Err::<(), _>(error.clone()));
                    return Err(error.into());
                }
                let written = match json::raw(&value) {
                    Ok(written) => written,
                    // Each life would come to the same.
                    Err(source) => {
                        held.give_back(life.left(Leave::Failed)).await?;
                        let _ = session.session.finish(Err::<(), _>(source.to_string()));
                        return Err(RunError::Unwritten { thread, source });
                    }
                };
                let end = EndRecord { ok: Some(written), error: None, step: None, cancelled: None };
                over_with(held, life, &end, Leave::Done).await?;
                let totals = life.writer.fold().totals();
                let Report { summary, .. } = session.session.finish(Ok::<_, BoxError>(()));
                Ok(Run::Done(Done { value, totals, summary: Some(Box::new(summary)) }))
            }
            Err(error) => {
                let handle = session.session().handle();
                if handle.was_shut_down() {
                    held.give_back(Leave::Runnable).await?;
                    // Its drop ends the session as shut down, whatever the code made of the refusal.
                    drop(session);
                    let summary = Box::new(handle.summary());
                    return Err(RunError::ShutDown { thread, summary });
                }
                let Report { result, summary, .. } = session.session.finish(Err::<(), _>(error));
                let error = result.err().unwrap_or_else(|| "the session failed".into());
                let summary = Box::new(summary);
                let failure = Some(FailureRecord {
                    kind: FailureKind::Failed,
                    class: class_of(&*error),
                    scenario: None,
                    text: runtime_resilience::chain_text(&*error),
                });
                let step = failed_step(&*error).map(|step| step.key);
                let end = EndRecord::<()> { ok: None, error: failure, step, cancelled: None };
                over_with(held, life, &end, Leave::Failed).await?;
                Err(RunError::Failed { thread, error, summary })
            }
        }
    }
}

/// Writes the end of a thread, unless an engine has it.
async fn over_with<T: Serialize>(
    held: &mut Held<'_>,
    life: &Life,
    end: &EndRecord<T>,
    leave: Leave,
) -> Result<(), RunError> {
    if !life.in_engine {
        write(life, EntryKind::END, end).await?;
    }
    Ok(held.give_back(life.left(leave)).await?)
}

impl Durable {
    /// Checks that the code has asked for all recorded steps, or leaves the others behind.
    async fn complete(&self, life: &Life) -> Result<(), JournalError> {
        let complete = life.writer.fold().check_end(&self.settings.code).map_err(Box::new);
        match complete {
            Err(diverged) if self.settings.on_divergence == OnDivergence::Branch => {
                leave_behind(&life.writer, diverged).await
            }
            complete => Ok(complete?),
        }
    }
}

/// The value of a thread that has ended.
fn final_value<T: DeserializeOwned>(id: &ThreadId, fold: &Fold) -> Result<Run<T>, RunError> {
    let thread = id.clone();
    let Some(end) = fold.end().filter(|end| end.cancelled.is_none()) else {
        return Err(RunError::Ended { thread, state: ThreadState::Cancelled });
    };
    // A value such as `()` is written as nothing.
    let value = end.ok.as_ref().map_or("null", |value| value.get());
    let value = serde_json::from_str(value).map_err(|source| RunError::Value { thread, source })?;
    Ok(Run::Done(Done { value, totals: fold.totals(), summary: None }))
}

fn tell_resumed(session: &DurableSession, thread: &ThreadId, number: u32) {
    if number > 1 {
        let resumed = payload::DurableStep {
            thread: Some(Word::Read(thread.as_str())),
            life: Some(number),
            ..Default::default()
        };
        let (name, status) = (AgentEventName::ThreadResumed, AgentEventStatus::Running);
        session.session().handle().emit(name, status, resumed.data());
    }
}

fn tell_fenced(session: &DurableSession) {
    let thread = Some(Word::Read(session.thread().as_str()));
    let fenced = payload::DurableStep { thread, ..Default::default() };
    let (name, status) = (AgentEventName::JournalFenced, AgentEventStatus::Failed);
    session.session().handle().emit(name, status, fenced.data());
}

/// Writes an entry that belongs to no step.
pub(crate) async fn write(
    life: &Life,
    kind: EntryKind,
    record: &impl Serialize,
) -> Result<(), JournalError> {
    life.writer.append(entry(kind, record)?, None, false).await
}

/// An entry that is of no step.
pub(crate) fn entry(kind: EntryKind, record: &impl Serialize) -> Result<Entry, JournalError> {
    let body = serde_json::to_vec(record)
        .map_err(|error| JournalError::Corrupt { seq: 0, what: error.to_string() })?;
    Ok(Entry { kind, version: Entry::VERSION, step: None, print: None, body })
}

fn restored(totals: &Totals) -> Restored {
    let before = Restored::new()
        .iterations(totals.iterations)
        .elapsed(Duration::from_micros(totals.elapsed_us));
    totals.models.iter().fold(before, |before, (model, total)| {
        before.usage(Arc::clone(model), (total.turns, total.usage), total.cost)
    })
}
