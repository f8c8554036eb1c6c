//! Calls of the schema's functions, and what it means when one is refused.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use runtime_store::{ApprovalState, NotApproved, StepKey, StoreError, ThreadId, ThreadState};
use tokio_postgres::Row;
use tokio_postgres::error::DbError;

use crate::error::PgError;
use crate::link::{Function, Link, NoAnswer, Param};

/// A call of a function of the schema.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) function: Function,
    /// What it attempts, for people.
    pub(crate) attempts: &'static str,
    pub(crate) about: About<'a>,
}

/// What a call is about, for the texts of its refusals.
#[derive(Clone, Copy, Default)]
pub(crate) struct About<'a> {
    pub(crate) thread: Option<&'a ThreadId>,
    pub(crate) approval: Option<&'a Arc<str>>,
    pub(crate) fence: u64,
    pub(crate) head: u64,
}

impl<'a> From<&'a ThreadId> for About<'a> {
    fn from(thread: &'a ThreadId) -> Self {
        Self { thread: Some(thread), ..Self::default() }
    }
}

impl Call<'_> {
    pub(crate) async fn make(
        self,
        link: &Link,
        params: &[Param<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let attempted = self.attempts;
        link.call(self.function, params).await.map_err(|error| match error {
            NoAnswer::Refused(error) => {
                let refused = error.as_db_error().and_then(|error| self.about.refused(error));
                refused.unwrap_or_else(|| {
                    let error =
                        link.config().explained(PgError::failed("call the database")(error));
                    StoreError::Unavailable { attempted, source: error.into() }
                })
            }
            NoAnswer::Lost(error) => StoreError::Unavailable { attempted, source: error.into() },
        })
    }
}

impl About<'_> {
    /// What an error of the functions says. `None` of another error.
    fn refused(&self, error: &DbError) -> Option<StoreError> {
        let detail = error.detail().unwrap_or_default();
        let thread = || self.thread.cloned();
        let approval = || self.approval.cloned();
        let damaged = || StoreError::Corrupt { what: format!("its refusal `{detail}` is unknown") };
        Some(match error.code().code() {
            "TR001" => StoreError::Fenced { thread: thread()?, fence: self.fence },
            "TR002" => StoreError::HeadMoved { thread: thread()?, head: self.head },
            "TR003" => StoreError::NoThread { thread: thread()? },
            "TR004" => {
                let thread = thread()?;
                let state = detail.parse().ok().and_then(ThreadState::from_code);
                state.map_or_else(damaged, |state| StoreError::Ended { thread, state })
            }
            "TR005" => held(thread()?, detail).unwrap_or_else(damaged),
            "TR006" => {
                let id = approval()?;
                not_approved(detail)
                    .map_or_else(damaged, |reason| StoreError::NotApproved { id, reason })
            }
            "TR007" => StoreError::NoApproval { id: approval()? },
            "TR008" => StoreError::OtherDigest { id: approval()? },
            "TR009" => decided(detail).unwrap_or_else(damaged),
            "23505" if error.constraint() == Some("entry_outcome") => {
                let what = second_outcome(detail).map_or_else(
                    || "a second outcome".to_owned(),
                    |step| format!("a second outcome of {step}"),
                );
                StoreError::Corrupt { what }
            }
            _ => return None,
        })
    }
}

fn held(thread: ThreadId, detail: &str) -> Option<StoreError> {
    let facts: serde_json::Value = serde_json::from_str(detail).ok()?;
    let holder = facts.get("holder")?.as_str()?.into();
    let until: DateTime<Utc> = facts.get("until")?.as_str()?.parse().ok()?;
    Some(StoreError::Held { thread, holder, until })
}

fn decided(detail: &str) -> Option<StoreError> {
    let facts: serde_json::Value = serde_json::from_str(detail).ok()?;
    let state = ApprovalState::from_code(facts.get("state")?.as_i64()?)?;
    Some(StoreError::Decided { id: facts.get("id")?.as_str()?.into(), state })
}

fn not_approved(word: &str) -> Option<NotApproved> {
    Some(match word {
        "unknown" => NotApproved::Unknown,
        "other_thread" => NotApproved::OtherThread,
        "other_step" => NotApproved::OtherStep,
        "other_arguments" => NotApproved::OtherArguments,
        "pending" => NotApproved::Pending,
        "denied" => NotApproved::Denied,
        "used" => NotApproved::Used,
        "expired" => NotApproved::Expired,
        _ => return None,
    })
}

/// The step in `Key (thread, step)=(1, \x00…) already exists.`
fn second_outcome(detail: &str) -> Option<StepKey> {
    let (_, digits) = detail.split_once("\\x")?;
    digits.get(..32)?.parse().ok()
}
