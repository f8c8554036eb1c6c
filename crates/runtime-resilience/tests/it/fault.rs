//! What failures mean, from facts.

mod anthropic;
mod clients;
mod errors;
mod gateways;
mod hostile;
#[cfg(feature = "http")]
mod http;
mod moments;
mod numbers;
mod openai;
mod others;
mod pairs;
mod reach;
#[cfg(feature = "reqwest-0-12")]
mod reqwest_0_12;
#[cfg(feature = "reqwest-0-13")]
mod reqwest_0_13;
mod retry_after;
mod rows;
mod texts;
mod wait;
mod words;

use chrono::{DateTime, Utc};
use runtime_resilience::{Fault, FaultKind, FaultScope, Provider};
use serde_json::Value;

/// Wed, 01 Jul 2026 12:00:00 GMT
pub(crate) fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_782_907_200, 0).expect("it is a time")
}

type Pairs<'a> = [(&'a str, &'a str)];

/// What a reply means; it must mean the same when its body is parsed already.
#[track_caller]
fn read(provider: Provider, status: u16, headers: &Pairs<'_>, body: &str) -> Fault {
    let fault = Fault::from_response(provider, status, headers, body.as_bytes(), now());
    let value: Value = serde_json::from_str(body).unwrap_or_default();
    assert_eq!(fault, Fault::from_json(provider, status, headers, &value, now()));
    fault
}

/// Kind, retried here, tried elsewhere, cooled down, counted against health.
type Facts = (FaultKind, bool, bool, FaultScope, bool);

fn facts(fault: &Fault) -> Facts {
    (fault.kind, fault.retry, fault.elsewhere, fault.cools, fault.counts)
}

const QUOTA: Facts = (FaultKind::Quota, false, true, FaultScope::Key, false);
const RATE: Facts = (FaultKind::RateLimit, true, true, FaultScope::Model, false);
const OVERLOAD: Facts = (FaultKind::Overload, true, true, FaultScope::Provider, true);
const SERVER: Facts = (FaultKind::Server, true, true, FaultScope::Provider, true);
const AUTH: Facts = (FaultKind::Auth, false, true, FaultScope::Key, false);
const CONTEXT: Facts = (FaultKind::ContextLength, false, true, FaultScope::Call, false);
const POLICY: Facts = (FaultKind::ContentPolicy, false, true, FaultScope::Call, false);
const REQUEST: Facts = (FaultKind::Request, false, false, FaultScope::Call, false);
const NO_MODEL: Facts = (FaultKind::Request, false, true, FaultScope::Model, false);
const CONFLICT: Facts = (FaultKind::Server, true, true, FaultScope::Call, false);
const TIMEOUT: Facts = (
    FaultKind::Timeout(runtime_resilience::TimeoutPhase::Provider),
    true,
    true,
    FaultScope::Model,
    true,
);

/// The same facts with another scope.
const fn at(facts: Facts, scope: FaultScope) -> Facts {
    (facts.0, facts.1, facts.2, scope, facts.4)
}

/// The same facts, but not retried here.
const fn not_here(facts: Facts) -> Facts {
    (facts.0, false, facts.2, facts.3, facts.4)
}
