//! One thread: its lives, its steps and their outcomes, what it cost, and what is open.

use std::collections::HashMap;
use std::io::{self, Write as _};
use std::time::Duration;

use futures_executor::block_on;
use runtime_report::show::{count, duration, line, usd};
use runtime_store::{
    Approval, ApprovalState, AttemptRecord, BranchRecord, EndRecord, EntryKind, Fold, IntentRecord,
    JournalError, LifeRecord, OutcomeRecord, StepKey, StepName, Store, Stored, Thread, ThreadId,
    snapshot,
};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::list::{asked, waits_for};
use super::{Error, clean, folded, object, stamp};
use crate::table::table;

/// The most characters of a value in a line.
const CUT: usize = 100;

pub(super) fn run(store: &dyn Store, id: &ThreadId, as_json: bool) -> Result<(), Error> {
    let (thread, stored) = block_on(snapshot(store, id))?;
    let fold = folded(&thread, &stored);
    let all = block_on(store.approvals_of(id, 10_000))?;
    let (pending, decided): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|asked| asked.state == ApprovalState::Pending);
    let mut names = HashMap::new();
    let lines: Vec<Line<'_>> = stored.iter().map(|stored| Line::of(stored, &mut names)).collect();
    let mut out = io::stdout().lock();
    if as_json {
        let mut shown = json!({
            "thread": thread,
            "waits_for": waits_for(store, &thread, &pending)?,
            "entries": lines.iter().map(Line::object).collect::<Vec<_>>(),
            "pending": pending.iter().map(object).collect::<Vec<_>>(),
            "decided": decided.iter().map(object).collect::<Vec<_>>(),
        });
        match &fold {
            Ok(fold) => {
                shown["totals"] = json!(fold.totals());
                let open = fold.open();
                let open = open.iter().map(
                    |step| json!({ "step": step.key, "name": step.name, "since": step.since }),
                );
                shown["open"] = open.collect();
            }
            Err(error) => shown["unreadable"] = error.to_string().into(),
        }
        return Ok(writeln!(out, "{shown}")?);
    }
    for (name, value) in facts(store, &thread, &pending, &fold)? {
        writeln!(out, "{name:<12}{value}")?;
    }
    if !lines.is_empty() {
        writeln!(out)?;
        table(&mut out, &lines.iter().map(Line::cells).collect::<Vec<_>>())?;
    }
    if let Ok(fold) = &fold {
        models(&mut out, fold)?;
        let open = fold.open();
        if !open.is_empty() {
            writeln!(out, "\nopen steps")?;
        }
        for step in open {
            let name = step.name.to_string();
            writeln!(out, "{}  {}, since {}", step.key, line(&name), stamp(step.since))?;
        }
    }
    if !pending.is_empty() {
        writeln!(out, "\npending approvals")?;
    }
    pending.iter().try_for_each(|approval| asked(&mut out, approval))?;
    if !decided.is_empty() {
        writeln!(out, "\ndecided approvals")?;
        let decided: Vec<_> = decided.iter().map(said_of).collect();
        table(&mut out, &decided)?;
    }
    Ok(())
}

/// A decision: by whom, about what, and what they said.
fn said_of(approval: &Approval) -> Vec<String> {
    let Approval { id, tool, state, who, note, decided, shown, .. } = approval;
    let with = if approval.amended.is_some() { " with other arguments" } else { "" };
    let by = who.as_deref().map(|who| format!("by {who}")).unwrap_or_default();
    let note = note.as_deref().map(|note| format!(": {note}")).unwrap_or_default();
    vec![
        id.to_string(),
        decided.map(stamp).unwrap_or_default(),
        format!("{state}{with}"),
        line(&format!("{by}{note}")).to_string(),
        line(&format!("{tool} {shown}")).to_string(),
    ]
}

/// What is said of a thread as a whole.
fn facts(
    store: &dyn Store,
    thread: &Thread,
    pending: &[Approval],
    fold: &Result<Fold, JournalError>,
) -> Result<Vec<(&'static str, String)>, Error> {
    let mut facts = vec![
        ("thread", line(thread.id.as_str()).to_string()),
        ("state", thread.state.to_string()),
        ("since", stamp(thread.touched)),
        ("begun", stamp(thread.created)),
        ("code", line(&thread.code).to_string()),
        ("lives", count(thread.fence).to_string()),
    ];
    if let (Some(holder), Some(until)) = (&thread.holder, thread.held_until) {
        facts.push(("held by", format!("{} until {}", line(holder), stamp(until))));
    }
    if let Some(wake_at) = thread.wake_at {
        facts.push(("wakes", stamp(wake_at)));
    }
    for waits in waits_for(store, thread, pending)? {
        facts.push(("waits for", waits));
    }
    match fold {
        Ok(fold) => {
            let totals = fold.totals();
            facts.push(("turns", count(totals.iterations.into()).to_string()));
            let elapsed = Duration::from_micros(totals.elapsed_us);
            facts.push(("time", duration(elapsed).to_string()));
            let lost: u64 = totals.models.values().map(|model| model.lost.nanos()).sum();
            let lost = match lost {
                0 => String::new(),
                lost => format!(", of which {} estimated for calls that were lost", usd(lost)),
            };
            facts.push(("cost", format!("{}{lost}", usd(totals.cost().nanos()))));
        }
        Err(error) => facts.push(("unreadable", line(&error.to_string()).to_string())),
    }
    if thread.base > 0 {
        facts.push(("shown", format!("from the checkpoint, entry {}", count(thread.base))));
    }
    Ok(facts)
}

fn models(out: &mut impl io::Write, fold: &Fold) -> io::Result<()> {
    let totals = fold.totals();
    if totals.models.is_empty() {
        return Ok(());
    }
    let heads = ["model", "turns", "tokens in", "tokens out", "cost"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(totals.models.iter().map(|(model, total)| {
        vec![
            line(model).to_string(),
            count(total.turns).to_string(),
            count(total.usage.total_input_tokens()).to_string(),
            count(total.usage.total_output_tokens()).to_string(),
            usd(total.cost.nanos()).to_string(),
        ]
    }));
    writeln!(out)?;
    table(out, &rows)
}

/// What is shown of an entry.
struct Line<'a> {
    stored: &'a Stored,
    kind: String,
    name: Option<StepName>,
    cost: u64,
    /// The value or the failure, without secrets.
    said: Value,
}

impl<'a> Line<'a> {
    fn of(stored: &'a Stored, names: &mut HashMap<StepKey, StepName>) -> Self {
        let entry = &stored.entry;
        let (mut cost, mut name, mut said) = (0, None, Value::Null);
        let kind = match entry.kind {
            EntryKind::LIFE => {
                if let Some(life) = read::<LifeRecord>(stored) {
                    said = json!({ "code": life.code, "holder": life.holder, "session": life.session });
                }
                format!("life {}", stored.fence)
            }
            EntryKind::INTENT => {
                name = read::<IntentRecord>(stored).map(|intent| intent.step);
                "intent".to_owned()
            }
            EntryKind::ATTEMPT => {
                // What it cost is in the outcome's bill, too, if there is one.
                said = read(stored).map_or(Value::Null, |attempt| again(&attempt));
                "attempt".to_owned()
            }
            EntryKind::OUTCOME => {
                if let Some(outcome) = read::<OutcomeRecord<Value>>(stored) {
                    cost = outcome.bill.map_or(0, |bill| bill.cost.nanos());
                    said = ended(outcome.ok, outcome.error.map(|error| json!(error)));
                    name = outcome.step;
                }
                "outcome".to_owned()
            }
            EntryKind::CHECKPOINT => "checkpoint".to_owned(),
            EntryKind::BRANCH => {
                if let Some(branch) = read::<BranchRecord>(stored) {
                    let left = format!("{}, and what was recorded behind it", branch.recorded);
                    said = json!({ "left_behind": left, "from": branch.from });
                }
                "branch".to_owned()
            }
            EntryKind::END => {
                if let Some(end) = read::<EndRecord<Value>>(stored) {
                    let cancelled = end.cancelled.map(|why| json!({ "cancelled": why }));
                    said = ended(end.ok, end.error.map(|error| json!(error)).or(cancelled));
                }
                "end".to_owned()
            }
            kind => format!("kind {}", kind.code()),
        };
        if let Some(step) = entry.step {
            match name.clone() {
                Some(name) => drop(names.insert(step, name)),
                None => name = names.get(&step).cloned(),
            }
        }
        Self { stored, kind, name, cost, said: clean(&said) }
    }

    fn cells(&self) -> Vec<String> {
        let said = match &self.said {
            Value::Null => String::new(),
            said => said.to_string(),
        };
        let mut cut: String = said.chars().take(CUT).collect();
        if cut.len() < said.len() {
            cut.push('…');
        }
        vec![
            format!("{:>4}", self.stored.seq),
            stamp(self.stored.at),
            self.kind.clone(),
            self.name.as_ref().map(|name| line(&name.to_string()).to_string()).unwrap_or_default(),
            if self.cost == 0 { String::new() } else { usd(self.cost).to_string() },
            line(&cut).to_string(),
        ]
    }

    fn object(&self) -> Value {
        json!({
            "seq": self.stored.seq,
            "life": self.stored.fence,
            "at": self.stored.at,
            "kind": self.kind.split(' ').next(),
            "step": self.stored.entry.step,
            "name": self.name,
            "cost_nanousd": self.cost,
            "said": self.said,
        })
    }
}

/// Where a turn asks once more, and what it paid before.
fn again(attempt: &AttemptRecord) -> Value {
    let AttemptRecord { before, model, provider, .. } = attempt;
    let estimated = if before.estimated { ", estimated" } else { "" };
    let paid = format!("{}{estimated}", usd(before.cost.nanos()));
    json!({ "asks": model, "provider": provider, "before": paid })
}

fn ended(ok: Option<Value>, error: Option<Value>) -> Value {
    error.map_or_else(|| ok.unwrap_or_default(), |error| json!({ "error": error }))
}

/// An entry's record. `None` of one that this version does not know, or that is sealed.
fn read<T: DeserializeOwned>(stored: &Stored) -> Option<T> {
    serde_json::from_slice(&stored.entry.body).ok()
}
