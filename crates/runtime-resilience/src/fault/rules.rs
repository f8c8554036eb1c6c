//! Reading replies by rows.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::field::Reply;
use super::headers::Headers;
use super::kind::FaultKind;
use super::provider::Provider;
use super::retry_after::{reset_of_limits, retry_after};
use super::rule::Rule;
use super::{Fault, body, rows};
use crate::classify::kind_of_text;

/// The rows by which replies are read: yours, in the order they were added, then the built-in ones.
/// The first that matches decides.
///
/// ```
/// use runtime_resilience::fault::{FaultKind, FaultRules, Field, Provider, Rule};
/// use serde_json::json;
///
/// let rules = FaultRules::default()
///     .row(Rule::new(Provider::Other, FaultKind::Overload).says(Field::Code, &["all_gpus_busy"]));
/// let fault = rules.of_stream_error(Provider::Other, &json!({"error": {"code": "all_gpus_busy"}}));
/// assert_eq!(fault.kind, FaultKind::Overload);
/// ```
#[derive(Clone, Debug, Default)]
pub struct FaultRules {
    rows: Vec<Rule>,
}

impl FaultRules {
    pub(super) const BUILT_IN: Self = Self { rows: Vec::new() };

    /// Adds a row, before the built-in ones.
    #[must_use]
    pub fn row(mut self, row: Rule) -> Self {
        self.rows.push(row);
        self
    }

    /// The built-in rows for the replies of `provider`, in the order they are asked.
    pub fn built_in(provider: Provider) -> impl Iterator<Item = &'static Rule> {
        rows::of(provider).into_iter().flatten()
    }

    /// As [`Fault::from_response`], by these rows.
    pub fn of_response<H: Headers + ?Sized>(
        &self,
        provider: Provider,
        status: u16,
        headers: &H,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> Fault {
        self.of_json(provider, status, headers, &body::parse(body), now)
    }

    /// As [`Fault::from_json`], by these rows.
    pub fn of_json<H: Headers + ?Sized>(
        &self,
        provider: Provider,
        status: u16,
        headers: &H,
        body: &Value,
        now: DateTime<Utc>,
    ) -> Fault {
        let mut fault = self.by_rows(provider, status, headers, body);
        match headers.header("x-should-retry") {
            Some("false") => fault.retry = false,
            Some("true") => fault.retry = fault.kind.may_pass(),
            _ => {}
        }
        fault.asked = retry_after(headers, body, now);
        if fault.asked.is_none() && fault.kind == FaultKind::RateLimit {
            fault.asked = reset_of_limits(headers, now);
        }
        fault
    }

    /// As [`Fault::from_stream_error`], by these rows.
    pub fn of_stream_error(&self, provider: Provider, event: &Value) -> Fault {
        let mut fault = self.by_rows(provider, 0, &(), event);
        // No header and so no date: of what can be asked, only a duration is left.
        fault.asked = retry_after(&(), event, DateTime::UNIX_EPOCH);
        fault
    }

    fn by_rows<H: Headers + ?Sized>(
        &self,
        provider: Provider,
        status: u16,
        headers: &H,
        body: &Value,
    ) -> Fault {
        let reply = Reply::new(provider, status, headers, body);
        let [own, everybody] = rows::of(provider);
        let mut rows = self.rows.iter().chain(own).chain(everybody);
        let fault =
            rows.find(|row| row.matches(&reply)).map_or_else(|| unknown(reply.error), Rule::fault);
        if reply.status == 0 { fault } else { fault.with_status(reply.status) }
    }
}

/// No row knows it, so its text decides.
#[cold]
fn unknown(error: &Value) -> Fault {
    body::message(error).map_or(Fault::of(FaultKind::Unknown), |text| Fault::of(kind_of_text(text)))
}
