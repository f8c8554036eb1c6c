//! Questions to people and messages to threads.

use runtime_store::{
    Approval, ApprovalRequest, ApprovalState, Approvals, Decision, Inbox, StepKey, StoreError,
    StoreFuture, ThreadId, Verdict, fit,
};
use serde_json::Value;
use tokio_postgres::Row;
use tokio_postgres::types::Type;

use crate::call::{About, Call};
use crate::link::{Function, Param};
use crate::row;
use crate::store::{PgStore, micros, number};

/// The approval that a call gives back.
fn the_approval(rows: &[Row]) -> Result<Approval, StoreError> {
    let empty = || StoreError::Corrupt { what: "a call gives no approval".to_owned() };
    row::approval(rows.first().ok_or_else(empty)?)
}

impl Approvals for PgStore {
    fn ask<'a>(&'a self, request: &'a ApprovalRequest) -> StoreFuture<'a, Approval> {
        let about = (&request.thread).into();
        let call = Call { function: Function::Rows("ask"), attempts: "ask for an approval", about };
        Box::pin(async move {
            request.check()?;
            let params: [Param<'_>; 8] = [
                (&&*request.id, Type::TEXT),
                (&request.thread.as_str(), Type::TEXT),
                (&request.step.as_bytes().as_slice(), Type::BYTEA),
                (&&*request.tool, Type::TEXT),
                (&request.digest.as_bytes().as_slice(), Type::BYTEA),
                (&request.shown, Type::JSON),
                (&&*request.policy, Type::TEXT),
                (&micros(request.expires_in), Type::INT8),
            ];
            the_approval(&call.make(&self.link, &params).await?)
        })
    }

    fn approval<'a>(&'a self, id: &'a str) -> StoreFuture<'a, Option<Approval>> {
        let call = Call {
            function: Function::Rows("approval_of_id"),
            attempts: "look at an approval",
            about: About::default(),
        };
        Box::pin(async move {
            fit::approval(id)?;
            let params: [Param<'_>; 1] = [(&id, Type::TEXT)];
            call.make(&self.link, &params).await?.first().map(row::approval).transpose()
        })
    }

    fn approval_of<'a>(
        &'a self,
        thread: &'a ThreadId,
        step: StepKey,
    ) -> StoreFuture<'a, Option<Approval>> {
        let call = Call {
            function: Function::Rows("approval_of_step"),
            attempts: "look at an approval",
            about: thread.into(),
        };
        Box::pin(async move {
            let params: [Param<'_>; 2] =
                [(&thread.as_str(), Type::TEXT), (&step.as_bytes().as_slice(), Type::BYTEA)];
            call.make(&self.link, &params).await?.first().map(row::approval).transpose()
        })
    }

    fn pending<'a>(
        &'a self,
        thread: Option<&'a ThreadId>,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Approval>> {
        let call = Call {
            function: Function::Rows("pending"),
            attempts: "list approvals",
            about: About::default(),
        };
        Box::pin(async move {
            let params: [Param<'_>; 2] =
                [(&thread.map(ThreadId::as_str), Type::TEXT), (&number(limit), Type::INT8)];
            call.make(&self.link, &params).await?.iter().map(row::approval).collect()
        })
    }

    fn approvals_of<'a>(
        &'a self,
        thread: &'a ThreadId,
        limit: usize,
    ) -> StoreFuture<'a, Vec<Approval>> {
        let call = Call {
            function: Function::Rows("approvals_of"),
            attempts: "list approvals",
            about: thread.into(),
        };
        Box::pin(async move {
            let params: [Param<'_>; 2] =
                [(&thread.as_str(), Type::TEXT), (&number(limit), Type::INT8)];
            call.make(&self.link, &params).await?.iter().map(row::approval).collect()
        })
    }

    fn decide<'a>(&'a self, verdict: &'a Verdict) -> StoreFuture<'a, Approval> {
        let about = About { approval: Some(&verdict.id), ..About::default() };
        let call = Call {
            function: Function::Rows("decide"),
            attempts: "decide about an approval",
            about,
        };
        Box::pin(async move {
            verdict.check()?;
            let state = match verdict.decision {
                Decision::Approve => ApprovalState::Approved,
                Decision::Deny | Decision::Amend(..) => ApprovalState::Denied,
            };
            let (request, args) = match &verdict.decision {
                Decision::Amend(request, args) => (Some(request), Some(args)),
                Decision::Approve | Decision::Deny => (None, None),
            };
            let digest = request.map(|request| request.digest.as_bytes().as_slice());
            let params: [Param<'_>; 9] = [
                (&&*verdict.id, Type::TEXT),
                (&verdict.digest.as_bytes().as_slice(), Type::BYTEA),
                (&state.code(), Type::INT2),
                (&&*verdict.who, Type::TEXT),
                (&verdict.note.as_deref(), Type::TEXT),
                (&request.map(|request| &*request.id), Type::TEXT),
                (&digest, Type::BYTEA),
                (&request.map(|request| &request.shown), Type::JSON),
                (&args, Type::JSON),
            ];
            the_approval(&call.make(&self.link, &params).await?)
        })
    }
}

impl Inbox for PgStore {
    fn deliver<'a>(
        &'a self,
        thread: &'a ThreadId,
        key: &'a str,
        message: &'a Value,
    ) -> StoreFuture<'a, bool> {
        let call = Call {
            function: Function::Value("deliver"),
            attempts: "deliver a message",
            about: thread.into(),
        };
        Box::pin(async move {
            fit::message(key, message)?;
            let params: [Param<'_>; 3] =
                [(&thread.as_str(), Type::TEXT), (&key, Type::TEXT), (&message, Type::JSON)];
            let rows = call.make(&self.link, &params).await?;
            let first = rows.first().map(|row| row::get(row, "deliver")).transpose()?;
            Ok(first.unwrap_or(false))
        })
    }

    fn message<'a>(&'a self, thread: &'a ThreadId, key: &'a str) -> StoreFuture<'a, Option<Value>> {
        let call = Call {
            function: Function::Rows("message"),
            attempts: "read a message",
            about: thread.into(),
        };
        Box::pin(async move {
            fit::key(key)?;
            let params: [Param<'_>; 2] = [(&thread.as_str(), Type::TEXT), (&key, Type::TEXT)];
            let rows = call.make(&self.link, &params).await?;
            rows.first().map(|row| row::get(row, "body")).transpose()
        })
    }
}
