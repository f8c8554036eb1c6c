//! Lists of threads and of approvals.

use std::collections::BTreeMap;
use std::io::{self, Write as _};

use futures_executor::block_on;
use runtime_report::show::line;
use runtime_store::{
    Approval, OpenStep, StepKind, Store, StoreError, Stuck, Thread, ThreadId, ThreadState, snapshot,
};
use serde_json::json;

use super::{Error, PAGE, folded, object, stamp};
use crate::check::many;
use crate::table::table;

/// The states of threads that are not over.
const OPEN: &[ThreadState] = &[ThreadState::Runnable, ThreadState::Parked, ThreadState::Failed];

pub(super) fn threads(store: &dyn Store, all: bool, as_json: bool) -> Result<(), Error> {
    let mut asked: BTreeMap<ThreadId, Vec<Approval>> = BTreeMap::new();
    for approval in pending(store, None)? {
        asked.entry(approval.thread.clone()).or_default().push(approval);
    }
    let heads = ["thread", "state", "since", "held by", "until", "wakes", "waits for"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    let mut out = io::stdout().lock();
    let mut after: Option<ThreadId> = None;
    loop {
        let states = if all { &[][..] } else { OPEN };
        let page = block_on(store.threads(states, after.as_ref(), PAGE))?;
        let Some(last) = page.last() else { break };
        after = Some(last.id.clone());
        for thread in &page {
            let pending = asked.get(&thread.id).map_or(&[][..], Vec::as_slice);
            let waits_for = waits_for(store, thread, pending)?;
            if as_json {
                let mut row = json!(thread);
                row["waits_for"] = waits_for.into();
                writeln!(out, "{row}")?;
                continue;
            }
            let at = |at: Option<_>| at.map(stamp).unwrap_or_default();
            rows.push(vec![
                line(thread.id.as_str()).to_string(),
                thread.state.to_string(),
                stamp(thread.touched),
                thread.holder.as_deref().map(|holder| line(holder).to_string()).unwrap_or_default(),
                at(thread.held_until),
                at(thread.wake_at),
                waits_for.join("; "),
            ]);
        }
    }
    if as_json {
        return Ok(());
    }
    if rows.len() == 1 {
        let none = if all {
            "no threads"
        } else {
            "no thread is under way; `--all` lists those that are over, too"
        };
        return Ok(writeln!(out, "{none}")?);
    }
    Ok(table(&mut out, &rows)?)
}

/// What a thread waits for, in words. Empty if it runs, or is over.
pub(super) fn waits_for(
    store: &dyn Store,
    thread: &Thread,
    pending: &[Approval],
) -> Result<Vec<String>, Error> {
    if thread.holder.is_some() || thread.state.is_final() {
        return Ok(Vec::new());
    }
    let mut waits: Vec<String> = pending.iter().map(person).collect();
    if thread.state != ThreadState::Parked {
        // Nothing but a process can go on with it, whatever its entries say.
        let failed = thread.state == ThreadState::Failed;
        let who = if failed { "somebody to run it again" } else { "a process to go on with it" };
        waits.push(thread.stuck.as_ref().map_or_else(|| who.to_owned(), other_code));
        return Ok(waits);
    }
    let (now, entries) = match block_on(snapshot(store, &thread.id)) {
        // Somebody has forgotten it since it was listed.
        Err(StoreError::Ended { .. }) => return Ok(Vec::new()),
        read => read?,
    };
    let open = match folded(&now, &entries) {
        Ok(fold) => fold.open(),
        Err(error) => {
            waits.push(line(&format!("what cannot be read ({error})")).to_string());
            return Ok(waits);
        }
    };
    // A question to a person is told by its approval.
    waits.extend(open.iter().filter(|step| step.name.kind != StepKind::Approval).map(step));
    if waits.is_empty() {
        let woken = thread.wake_at.is_some();
        waits.push(
            if woken { "a process to go on with it" } else { "somebody to wake it" }.to_owned(),
        );
    }
    Ok(waits)
}

fn other_code(stuck: &Stuck) -> String {
    let Stuck { times, why, codes } = stuck;
    let mut versions: Vec<_> = codes.iter().map(|code| format!("`{code}`")).collect();
    if let Some(unknown) = versions.iter_mut().find(|version| *version == "``") {
        "that says nothing".clone_into(unknown);
    }
    let (times, versions) = (many((*times).into(), "time"), versions.join(", "));
    line(&format!("code that goes on with it (tried {times} by version {versions}: {why})"))
        .to_string()
}

fn person(approval: &Approval) -> String {
    line(&format!("a person to approve `{}` ({})", approval.tool, approval.id)).to_string()
}

fn step(step: &OpenStep) -> String {
    let name = &step.name.name;
    let waits = match step.name.kind {
        StepKind::Wait => format!("an answer under the key `{name}`"),
        StepKind::Sleep => "its time".to_owned(),
        StepKind::Turn => format!("a process to make {} again", step.name),
        _ => format!("somebody to say whether {} was done (step {})", step.name, step.key),
    };
    line(&waits).to_string()
}

/// The threads that a process can go on with now.
pub(super) fn runnable(store: &dyn Store, limit: usize, as_json: bool) -> Result<(), Error> {
    let threads = block_on(store.runnable(None, None, limit))?;
    if threads.is_empty() {
        return Err(Error::Refused("no thread can go on now".to_owned()));
    }
    let mut out = io::stdout().lock();
    for thread in threads {
        if as_json {
            let found = block_on(store.thread(&thread))?;
            writeln!(out, "{}", json!(found))?;
        } else {
            writeln!(out, "{}", line(thread.as_str()))?;
        }
    }
    Ok(())
}

/// A thread that can go on, as such a program takes it.
pub(super) fn offered(
    out: &mut impl io::Write,
    thread: &Thread,
    as_json: bool,
) -> Result<(), Error> {
    if as_json {
        return Ok(writeln!(out, "{}", json!(thread))?);
    }
    Ok(writeln!(out, "{}", line(thread.id.as_str()))?)
}

/// The approvals that wait for a person.
pub(super) fn pending(
    store: &dyn Store,
    thread: Option<&ThreadId>,
) -> Result<Vec<Approval>, Error> {
    Ok(block_on(store.pending(thread, 10_000))?)
}

pub(super) fn approvals(store: &dyn Store, as_json: bool) -> Result<(), Error> {
    let pending = pending(store, None)?;
    let mut out = io::stdout().lock();
    if as_json {
        return Ok(pending.iter().try_for_each(|asked| writeln!(out, "{}", object(asked)))?);
    }
    if pending.is_empty() {
        return Ok(writeln!(out, "no approvals are pending")?);
    }
    for asked in &pending {
        self::asked(&mut out, asked)?;
    }
    Ok(())
}

/// An approval that waits, for a person to read.
pub(super) fn asked(out: &mut impl io::Write, asked: &Approval) -> Result<(), Error> {
    let Approval { id, thread, tool, policy, shown, .. } = asked;
    let (tool, thread, policy) = (line(tool), line(thread.as_str()), line(policy));
    writeln!(out, "{id}  {tool} for {thread}")?;
    writeln!(out, "    arguments  {}", line(&shown.to_string()))?;
    writeln!(out, "    rule       {policy}")?;
    let (since, until) = (stamp(asked.asked), stamp(asked.expires));
    writeln!(out, "    asked      {since}, too late at {until}")?;
    Ok(())
}
