//! The threads of durable sessions in a store: who waits for what, and what people say.

mod arguments;
mod decide;
mod list;
mod open;
mod show;

use std::io::{self, Write as _};

use chrono::{DateTime, SecondsFormat, Utc};
use futures_executor::block_on;
use runtime_events::without_secrets;
use runtime_report::show::line;
use runtime_store::{
    Approval, Fold, JournalError, Retention, Stored, Thread, ThreadId, snapshot, sweep,
};
use serde_json::{Value, json};

pub(crate) use self::arguments::Threads;
use self::arguments::ThreadsCommand;
use crate::Error;
use crate::check::many;

/// How many rows are read at a time.
const PAGE: usize = 512;

pub(crate) fn run(options: &Threads) -> Result<(), Error> {
    let store = open::open_store(&options.store, options.schema())?;
    let store = &*store;
    match &options.command {
        None => list::threads(store, options.all, options.json),
        Some(ThreadsCommand::Show { thread, json }) => show::run(store, thread, *json),
        Some(ThreadsCommand::Approvals { json }) => list::approvals(store, *json),
        Some(ThreadsCommand::Approve { approval, by }) => {
            decide::decide(store, approval, by, Approval::approve)
        }
        Some(ThreadsCommand::Deny { approval, by }) => {
            decide::decide(store, approval, by, Approval::deny)
        }
        Some(ThreadsCommand::Amend { approval, args, by }) => {
            decide::decide(store, approval, by, |asked, who| asked.amend(args.clone(), who))
        }
        Some(ThreadsCommand::Resolve { thread, step, done, who, .. }) => {
            decide::resolve(store, thread, *step, done.as_ref(), who)
        }
        Some(ThreadsCommand::Answer { thread, key, message }) => {
            decide::answer(store, thread, key, message)
        }
        Some(ThreadsCommand::Resume { thread: Some(thread), json, .. }) => {
            decide::resume(store, thread, *json)
        }
        Some(ThreadsCommand::Resume { thread: None, limit, json }) => {
            list::runnable(store, *limit, *json)
        }
        Some(ThreadsCommand::Cancel { thread }) => {
            block_on(store.cancel(thread))?;
            say(format_args!("{} is cancelled", line(thread.as_str())))
        }
        Some(ThreadsCommand::Forget { thread }) => {
            block_on(store.forget(thread))?;
            say(format_args!("{} is forgotten", line(thread.as_str())))
        }
        Some(ThreadsCommand::Sweep { older_than, parked }) => {
            let time = std::time::Duration::from_secs(older_than.saturating_mul(24 * 3600));
            let retention = Retention::default()
                .ended_after(Some(time))
                .parked_after(Some(time).filter(|_| *parked));
            let mut forgotten = 0;
            loop {
                let some = block_on(sweep(store, retention, PAGE))?;
                forgotten += some;
                if some < PAGE {
                    return say(format_args!("{} forgotten", many(forgotten as u64, "thread")));
                }
            }
        }
    }
}

/// The entries of a thread in a store, from its last checkpoint on.
pub(crate) fn journal(
    store: &str,
    schema: Option<&str>,
    thread: &ThreadId,
) -> Result<Vec<Stored>, Error> {
    let store = open::open_store(store, schema)?;
    Ok(block_on(snapshot(&*store, thread))?.1)
}

fn say(text: std::fmt::Arguments<'_>) -> Result<(), Error> {
    Ok(writeln!(io::stdout(), "{text}")?)
}

/// What the entries of a thread come to, from its checkpoint on, or why that cannot be known.
fn folded(thread: &Thread, entries: &[Stored]) -> Result<Fold, JournalError> {
    let mut fold = Fold::from_base(thread.base);
    entries.iter().cloned().try_for_each(|stored| fold.apply(stored))?;
    Ok(fold)
}

/// A time to the second.
fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// JSON without secrets. What a person has put into a store is kept there as it is.
fn clean(value: &Value) -> Value {
    let text = value.to_string();
    let clean = without_secrets(&text);
    serde_json::from_str(&clean).unwrap_or_else(|_| clean.as_ref().into())
}

/// An approval as one JSON object.
fn object(approval: &Approval) -> Value {
    let amended = approval.amended.as_ref().map(clean);
    json!({
        "id": approval.id,
        "thread": approval.thread,
        "step": approval.step,
        "tool": approval.tool,
        "digest": approval.digest,
        "shown": approval.shown,
        "policy": approval.policy,
        "asked": approval.asked,
        "expires": approval.expires,
        "state": approval.state,
        "amended": amended,
        "who": approval.who,
        "note": approval.note,
        "decided": approval.decided,
        "used": approval.used,
    })
}
