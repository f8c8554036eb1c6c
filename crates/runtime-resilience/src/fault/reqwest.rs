//! The errors of the crate `reqwest`, with feature `reqwest`.
//!
//! [`Fault::from_error`] and [`classify_error`](crate::classify_error) know them; [`rule`] is for
//! those who make a [`Classifier`](crate::Classifier) of their own and want it elsewhere in the order.
//!
//! | the error | fault |
//! |---|---|
//! | no connection in time | timeout (connect), not sent |
//! | no connection: no such name, refused, no TLS | network, not sent |
//! | no answer in time, or not all of it | timeout |
//! | the connection broke, before the answer or in it | network |
//! | the answer is not JSON, or not as expected | malformed |
//! | `error_for_status` | by the status |
//! | the request could not be built | local, not sent |
//! | too many redirects | request |
//!
//! `error_for_status` throws away what tells one 429 from another. Hand over the reply instead:
//! [`Fault::from_response`] takes its status, its headers (with feature `http`) and its body.

use std::error::Error;

use chrono::DateTime;
use runtime_events::FailureScenario;
use serde_json::Value;

use super::kind::{FaultKind, Phase, Reach};
use super::provider::Provider;
use super::{Fault, usual};
use crate::classify::errors;

/// What kind of failure a [`reqwest::Error`] is, as a
/// [`TypeRule`](crate::classify::TypeRule).
///
/// ```
/// use runtime_resilience::{Classifier, fault};
///
/// let classifier = Classifier::default().rule(fault::reqwest::rule);
/// ```
pub fn rule(error: &(dyn Error + 'static)) -> Option<FailureScenario> {
    fault(error.downcast_ref()?).map(|fault| fault.scenario())
}

/// By what the error says of itself; `None` if that is nothing.
pub(super) fn fault(error: &::reqwest::Error) -> Option<Fault> {
    let not_sent = |kind| Fault { reach: Reach::NotSent, ..usual::fault(kind) };
    if error.is_connect() {
        return Some(if error.is_timeout() {
            usual::fault(FaultKind::Timeout(Phase::Connect))
        } else {
            not_sent(FaultKind::Network)
        });
    }
    if error.is_timeout() {
        return Some(usual::fault(FaultKind::Timeout(Phase::Unknown)));
    }
    if let Some(status) = error.status() {
        let status = status.as_u16();
        let (body, now) = (Value::Null, DateTime::UNIX_EPOCH);
        return Some(Fault::from_json(Provider::Other, status, &(), &body, now));
    }
    if error.is_builder() {
        return Some(not_sent(FaultKind::Local));
    }
    if error.is_redirect() {
        return Some(usual::fault(FaultKind::Request).of_unknown_reach());
    }
    // An answer that broke off cannot be decoded either.
    let unreadable = error.is_decode() && errors(error).any(<dyn Error>::is::<serde_json::Error>);
    if unreadable {
        return Some(usual::fault(FaultKind::Malformed));
    }
    let broke = error.is_request() || error.is_body() || error.is_decode() || error.is_upgrade();
    broke.then(|| usual::fault(FaultKind::Network))
}
