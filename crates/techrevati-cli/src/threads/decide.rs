//! What people say: decisions, resolutions, answers.

use std::io::{self, Write as _};
use std::sync::Arc;

use futures_executor::block_on;
use runtime_report::show::line;
use runtime_store::{
    Approval, StepKey, Store, StoreError, ThreadId, ThreadState, Verdict, snapshot,
};
use serde_json::{Value, json};

use super::arguments::By;
use super::{Error, folded, list, object, say};

pub(super) fn decide(
    store: &dyn Store,
    id: &str,
    by: &By,
    verdict: impl FnOnce(&Approval, Arc<str>) -> Verdict,
) -> Result<(), Error> {
    let asked = block_on(store.approval(id))?;
    let asked = asked.ok_or_else(|| StoreError::NoApproval { id: id.into() })?;
    let mut verdict = verdict(&asked, by.who.as_str().into());
    if let Some(note) = &by.note {
        verdict = verdict.note(note.as_str());
    }
    let decided = block_on(store.decide(&verdict))?;
    if by.json {
        return Ok(writeln!(io::stdout(), "{}", object(&decided))?);
    }
    let Approval { id, thread, tool, state, shown, .. } = &decided;
    let (thread, tool) = (line(thread.as_str()), line(tool));
    let shown = line(&shown.to_string()).to_string();
    let with = if decided.amended.is_some() { " with other arguments" } else { "" };
    say(format_args!("{id}  {state}{with}: {tool} for {thread}: {shown}"))
}

/// Says whether a step in doubt has happened: `done` is the value that its call had.
pub(super) fn resolve(
    store: &dyn Store,
    thread: &ThreadId,
    step: StepKey,
    done: Option<&Value>,
    who: &str,
) -> Result<(), Error> {
    let (seen, entries) = block_on(snapshot(store, thread))?;
    // Of one whose entries are sealed or in an engine, it is not known here what is open.
    if let Ok(fold) = folded(&seen, &entries)
        && !fold.in_engine()
        && fold.open().iter().all(|open| open.key != step)
    {
        return Err(Error::Refused(format!("thread `{thread}` has no open step {step}")));
    }
    let (said, word) = match done {
        Some(value) => (json!({ "done": value, "who": who }), "done"),
        None => (json!({ "not_done": true, "who": who }), "not done"),
    };
    deliver(store, thread, &format!("resolve/{step}"), &said)?;
    say(format_args!("step {step} of {} is resolved as {word}", line(thread.as_str())))
}

/// Lets a thread go on that is stuck or has failed.
pub(super) fn resume(store: &dyn Store, thread: &ThreadId, as_json: bool) -> Result<(), Error> {
    let offered = block_on(store.offer(thread))?;
    if offered.state == ThreadState::Parked {
        let waits = format!("thread `{thread}` waits for something else: see `show {thread}`");
        return Err(Error::Refused(waits));
    }
    list::offered(&mut io::stdout().lock(), &offered, as_json)
}

pub(super) fn answer(
    store: &dyn Store,
    thread: &ThreadId,
    key: &str,
    message: &Value,
) -> Result<(), Error> {
    deliver(store, thread, key, message)?;
    say(format_args!("{} has its answer `{}`", line(thread.as_str()), line(key)))
}

fn deliver(store: &dyn Store, thread: &ThreadId, key: &str, said: &Value) -> Result<(), Error> {
    if block_on(store.deliver(thread, key, said))? {
        return Ok(());
    }
    let first = format!("thread `{thread}` has another message `{key}`: the first one counts");
    Err(Error::Refused(first))
}
