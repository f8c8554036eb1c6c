//! The rows of approvals, and of messages.

use std::sync::Arc;

use runtime_store::{
    Approval, ApprovalDigest, ApprovalRequest, ApprovalState, Decision, NotApproved, StepKey,
    StoreError, ThreadId, Verdict, fit,
};
use rusqlite::{OptionalExtension as _, Row, params};
use serde_json::Value;

use super::threads::{open_number, wake};
use super::work::{Done, Micros, Work, corrupt, counted, rows};

/// An approval's row.
pub(super) struct Asked {
    pub(super) thread: i64,
    /// As it stands now.
    pub(super) seen: Approval,
}

impl Asked {
    /// Why it cannot be used, apart from what it is for.
    pub(super) const fn not_usable(&self) -> Option<NotApproved> {
        match self.seen.state {
            ApprovalState::Approved => None,
            ApprovalState::Pending => Some(NotApproved::Pending),
            ApprovalState::Used => Some(NotApproved::Used),
            ApprovalState::Expired => Some(NotApproved::Expired),
            // A state of a later version allows nothing here.
            _ => Some(NotApproved::Denied),
        }
    }
}

/// The columns of an approval, and the rows after `$rest`.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT a.thread, a.id, t.id, step, tool, digest, shown, policy, asked, expires,
                a.state, amended, who, note, decided, used
            FROM approval a JOIN thread t ON t.number = a.thread ",
            $rest
        )
    };
}

pub(super) fn approval_row(work: &Work<'_>, id: &str) -> Done<Option<Asked>> {
    work.first(select!("WHERE a.id = ?1"), [id], |row| asked(work, row))
}

pub(super) fn approval(work: &Work<'_>, id: &str) -> Done<Option<Approval>> {
    fit::approval(id)?;
    Ok(approval_row(work, id)?.map(|asked| asked.seen))
}

pub(super) fn approval_of(
    work: &Work<'_>,
    thread: &ThreadId,
    step: StepKey,
) -> Done<Option<Approval>> {
    let select = select!("WHERE t.id = ?1 AND step = ?2 ORDER BY a.number DESC LIMIT 1");
    let of = params![thread.as_str(), step.as_bytes()];
    work.first(select, of, |row| Ok(asked(work, row)?.seen))
}

pub(super) fn pending(
    work: &Work<'_>,
    thread: Option<&ThreadId>,
    limit: usize,
) -> Done<Vec<Approval>> {
    let select = select!(
        "WHERE a.state = 0 AND expires > ?1 AND (?2 IS NULL OR t.id = ?2)
        ORDER BY asked, a.id LIMIT ?3"
    );
    let of = params![work.now, thread.map(ThreadId::as_str), rows(limit)];
    work.all(select, of, |row| Ok(asked(work, row)?.seen))
}

pub(super) fn approvals_of(
    work: &Work<'_>,
    thread: &ThreadId,
    limit: usize,
) -> Done<Vec<Approval>> {
    let select = select!("WHERE t.id = ?1 ORDER BY a.number LIMIT ?2");
    let of = params![thread.as_str(), rows(limit)];
    work.all(select, of, |row| Ok(asked(work, row)?.seen))
}

pub(super) fn ask(work: &Work<'_>, request: &ApprovalRequest) -> Done<Approval> {
    request.check()?;
    let (thread, _) = open_number(work, &request.thread)?;
    let expires = work.now.after(request.expires_in);
    insert(work, request, thread, &Answered { expires, ..Answered::NOT })
}

pub(super) fn decide(work: &Work<'_>, verdict: &Verdict) -> Done<Approval> {
    verdict.check()?;
    let id = || Arc::clone(&verdict.id);
    let Some(Asked { thread, seen }) = approval_row(work, &verdict.id)? else {
        return Err(StoreError::NoApproval { id: id() }.into());
    };
    if seen.digest != verdict.digest {
        return Err(StoreError::OtherDigest { id: id() }.into());
    }
    if seen.state != ApprovalState::Pending {
        return Err(StoreError::Decided { id: id(), state: seen.state }.into());
    }
    let amended = match &verdict.decision {
        Decision::Amend(request, _) => approval(work, &request.id)?,
        _ => None,
    };
    if let Some(Approval { id, state, .. }) = amended {
        return Err(StoreError::Decided { id, state }.into());
    }
    let state = match verdict.decision {
        Decision::Approve => ApprovalState::Approved,
        Decision::Deny | Decision::Amend(..) => ApprovalState::Denied,
    };
    work.execute(
        "UPDATE approval SET state = ?2, who = ?3, note = ?4, decided = ?5 WHERE id = ?1",
        params![&*verdict.id, state.code(), &*verdict.who, verdict.note.as_deref(), work.now],
    )?;
    wake(work, thread)?;
    if let Decision::Amend(request, args) = &verdict.decision {
        let answered = Answered {
            expires: Micros::of(seen.expires),
            state: ApprovalState::Approved,
            amended: Some(args),
            verdict: Some(verdict),
        };
        return insert(work, request, thread, &answered);
    }
    approval_now(work, &verdict.id)
}

/// Inserts an approval, unless it is there. Returns it as it stands.
fn insert(
    work: &Work<'_>,
    request: &ApprovalRequest,
    thread: i64,
    answered: &Answered<'_>,
) -> Done<Approval> {
    let Answered { expires, state, amended, verdict } = answered;
    work.execute(
        "INSERT INTO approval (id, thread, step, tool, digest, shown, policy, asked, expires,
            state, amended, who, note, decided)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
        ON CONFLICT (id) DO NOTHING",
        params![
            &*request.id,
            thread,
            request.step.as_bytes(),
            &*request.tool,
            request.digest.as_bytes(),
            request.shown.to_string(),
            &*request.policy,
            work.now,
            expires,
            state.code(),
            amended.map(Value::to_string),
            verdict.map(|verdict| &*verdict.who),
            verdict.and_then(|verdict| verdict.note.as_deref()),
            verdict.map(|_| work.now),
        ],
    )?;
    approval_now(work, &request.id)
}

fn approval_now(work: &Work<'_>, id: &Arc<str>) -> Done<Approval> {
    let found = approval(work, id)?;
    found.ok_or_else(|| StoreError::NoApproval { id: Arc::clone(id) }.into())
}

fn asked(work: &Work<'_>, row: &Row<'_>) -> Done<Asked> {
    let id: String = row.get(1)?;
    let odd = |what: String| corrupt(format!("approval `{id}`: {what}"));
    let json =
        |text: String| serde_json::from_str::<Value>(&text).map_err(|error| odd(error.to_string()));
    let state: i64 = row.get(10)?;
    let kept = ApprovalState::from_code(state).ok_or_else(|| odd(format!("state {state}")))?;
    let expires = row.get::<_, Micros>(9)?.time();
    let step = StepKey::try_from(&*row.get::<_, Vec<u8>>(3)?);
    let digest = ApprovalDigest::try_from(&*row.get::<_, Vec<u8>>(5)?);
    let thread = ThreadId::new(row.get::<_, String>(2)?);
    let seen = Approval {
        thread: thread.map_err(|error| odd(error.to_string()))?,
        step: step.map_err(|error| odd(error.to_string()))?,
        tool: row.get::<_, String>(4)?.into(),
        digest: digest.map_err(|error| odd(error.to_string()))?,
        shown: json(row.get(6)?)?,
        policy: row.get::<_, String>(7)?.into(),
        asked: row.get::<_, Micros>(8)?.time(),
        expires,
        state: Approval::state_at(kept, expires, work.now.time()),
        amended: row.get::<_, Option<String>>(11)?.map(json).transpose()?,
        who: row.get::<_, Option<String>>(12)?.map(Arc::from),
        note: row.get::<_, Option<String>>(13)?.map(Arc::from),
        decided: row.get::<_, Option<Micros>>(14)?.map(Micros::time),
        used: row.get::<_, Option<i64>>(15)?.map(counted),
        id: id.into(),
    };
    Ok(Asked { thread: row.get(0)?, seen })
}

/// What an approval is inserted with, beside its request.
struct Answered<'a> {
    expires: Micros,
    state: ApprovalState,
    amended: Option<&'a Value>,
    verdict: Option<&'a Verdict>,
}

impl Answered<'_> {
    /// One that nobody has answered.
    const NOT: Self =
        Self { expires: Micros(0), state: ApprovalState::Pending, amended: None, verdict: None };
}

pub(super) fn deliver(
    work: &Work<'_>,
    thread: &ThreadId,
    key: &str,
    message: &Value,
) -> Done<bool> {
    fit::message(key, message)?;
    let (number, has_failed) = open_number(work, thread)?;
    let delivered = work.execute(
        "INSERT INTO inbox (thread, key, at, message) VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (thread, key) DO UPDATE SET at = ?3, message = ?4 WHERE ?5",
        params![number, key, work.now, message.to_string(), has_failed],
    )?;
    if delivered == 0 {
        return Ok(false);
    }
    wake(work, number)?;
    Ok(true)
}

pub(super) fn message(work: &Work<'_>, thread: &ThreadId, key: &str) -> Done<Option<Value>> {
    fit::key(key)?;
    let mut select = work.prepare(
        "SELECT message FROM inbox
        WHERE thread = (SELECT number FROM thread WHERE id = ?1) AND key = ?2",
    )?;
    let text: Option<String> =
        select.query_row(params![thread.as_str(), key], |row| row.get(0)).optional()?;
    let odd = |error| corrupt(format!("message `{key}` of thread `{thread}`: {error}"));
    text.map(|text| serde_json::from_str(&text).map_err(odd)).transpose()
}
