//! How far a failed request came, and so whether it may have to be paid for.

use std::io::{self, ErrorKind};

use runtime_events::FailureScenario;
use runtime_resilience::{
    CircuitBreaker, Demand, Failure, Fault, FaultDetails, FaultError, FaultKind, FaultRule,
    FaultRules, Provider, Reach, Routes, TimeoutPhase, TriedRoutes,
};
use serde_json::{Value, json};

use super::{now, read};

fn status(provider: Provider, status: u16) -> Reach {
    Fault::from_json(provider, status, &(), &Value::Null, now()).reach
}

#[test]
fn each_kind_has_its_usual_reach() {
    use FaultKind::{
        Auth, Cancelled, ContentPolicy, ContextLength, Local, Malformed, Network, Overload, Quota,
        RateLimit, Request, Server, Timeout, Tool, Unknown,
    };
    for kind in [RateLimit, Quota, Overload, Auth, ContextLength, Request] {
        assert_eq!(Fault::of(kind).reach, Reach::Refused, "{kind}");
        assert!(!Fault::of(kind).may_be_billed(), "{kind}");
    }
    let connect = Fault::of(Timeout(TimeoutPhase::Connect));
    assert_eq!((connect.reach, connect.may_be_billed()), (Reach::NotSent, false));
    let phases = TimeoutPhase::ALL.iter().filter(|phase| **phase != TimeoutPhase::Connect);
    let timeouts = phases.map(|phase| Timeout(*phase));
    let others = [Server, Network, ContentPolicy, Malformed, Tool, Cancelled, Local, Unknown];
    for kind in others.into_iter().chain(timeouts) {
        assert_eq!(Fault::of(kind).reach, Reach::Unknown, "{kind}");
        assert!(Fault::of(kind).may_be_billed(), "{kind}");
    }
}

#[test]
fn refusing_and_failing_replies_are_not_billed_and_late_ones_may_be() {
    for code in [400, 401, 402, 403, 404, 413, 422, 429, 529] {
        assert_eq!(status(Provider::OpenAi, code), Reach::Refused, "{code}");
    }
    for code in [409, 500, 502, 503, 520] {
        assert_eq!(status(Provider::OpenAi, code), Reach::Failed, "{code}");
    }
    for code in [408, 504, 524] {
        assert_eq!(status(Provider::OpenAi, code), Reach::Unknown, "{code}");
    }
    assert_eq!(status(Provider::Azure, 500), Reach::Unknown, "it bills what it processed");
}

#[test]
fn azure_bills_read_input_and_gemini_no_failure() {
    let error = |code: &str, message: &str| json!({"error": {"code": code, "message": message}});
    let long = error("context_length_exceeded", "This model's maximum context length is 8192");
    let long_by_text = error("", "This model's maximum context length is 8192");
    let blocked = error("content_filter", "");
    let reach =
        |provider, status, body: &Value| Fault::from_json(provider, status, &(), body, now()).reach;
    for body in [&long, &long_by_text, &blocked] {
        assert_eq!(reach(Provider::Azure, 400, body), Reach::Unknown);
    }
    assert_eq!(reach(Provider::OpenAi, 400, &long), Reach::Refused);
    assert_eq!(reach(Provider::Azure, 429, &error("429", "")), Reach::Refused);
    let internal = json!({"error": {"code": 500, "status": "INTERNAL"}});
    assert_eq!(reach(Provider::Gemini, 500, &internal), Reach::Refused);
}

#[test]
fn begun_answer_is_never_refused() {
    let overloaded = json!({"type": "error", "error": {"type": "overloaded_error"}});
    let event = Fault::from_stream_error(Provider::Anthropic, &overloaded, now());
    assert_eq!((event.kind, event.reach), (FaultKind::Overload, Reach::Unknown));
    let in_200 = Fault::from_json(Provider::Anthropic, 200, &(), &overloaded, now());
    assert_eq!(in_200.reach, Reach::Unknown);
    let refused = Fault::from_json(Provider::Anthropic, 529, &(), &overloaded, now());
    assert_eq!(refused.reach, Reach::Refused);
    // A status in the event is not the status of the reply.
    let code = json!({"error": {"code": 429, "message": "slow down"}});
    let event = Fault::from_stream_error(Provider::OpenRouter, &code, now());
    assert_eq!((event.kind, event.reach), (FaultKind::RateLimit, Reach::Unknown));
}

#[test]
fn text_is_no_proof_that_nothing_is_billed() {
    let by_text = read(Provider::Other, 600, &[], r#"{"error":"429 Too Many Requests"}"#);
    assert_eq!((by_text.kind, by_text.reach), (FaultKind::RateLimit, Reach::Unknown));
    let error = io::Error::other("401 Unauthorized");
    assert_eq!(Fault::from_error(&error, now()).kind, FaultKind::Auth);
    assert!(Fault::from_error(&error, now()).may_be_billed());
    for &scenario in FailureScenario::ALL {
        assert!(Fault::of_scenario(scenario).may_be_billed(), "{scenario}");
    }
}

#[test]
fn only_a_refused_connection_is_surely_not_sent() {
    let reach = |kind: ErrorKind| Fault::from_error(&io::Error::from(kind), now()).reach;
    assert_eq!(reach(ErrorKind::ConnectionRefused), Reach::NotSent);
    for kind in [
        ErrorKind::ConnectionReset,
        ErrorKind::BrokenPipe,
        ErrorKind::UnexpectedEof,
        ErrorKind::HostUnreachable,
        ErrorKind::NetworkDown,
        ErrorKind::TimedOut,
        ErrorKind::StorageFull,
    ] {
        assert_eq!(reach(kind), Reach::Unknown, "{kind}");
    }
}

#[test]
fn local_refusals_are_not_sent() {
    let breaker = CircuitBreaker::new("openai");
    (0..5).for_each(|_| breaker.record_failure());
    let open = breaker.try_acquire().unwrap_err();
    assert_eq!(Fault::from_error(&open, now()).reach, Reach::NotSent);

    let none = Routes::ordered([]).select(&TriedRoutes::default(), Demand::default()).unwrap_err();
    let fault = Fault::from_error(&io::Error::other(none), now());
    assert_eq!((fault.kind, fault.reach, fault.asked), (FaultKind::Local, Reach::NotSent, None));
    assert_eq!(fault.scenario(), FailureScenario::ProviderFailure);
    assert!(!fault.retry && !fault.elsewhere && !fault.counts);
}

#[test]
fn fault_error_keeps_its_reach_unless_a_rule_overrides_it() {
    let fault = Fault::of(FaultKind::Quota);
    let error = FaultError::new(fault, FaultDetails::default());
    assert_eq!(Fault::from_error(&error, now()).reach, Reach::Refused);
    let failure = Failure::new(error, FailureScenario::ToolExecutionError, now());
    assert_eq!(Fault::from_error(&failure, now()).reach, Reach::Unknown);
}

#[test]
fn row_can_set_the_reach() {
    let free = FaultRule::any(FaultKind::Server).status(500, 500).reach(Reach::Refused);
    let fault =
        FaultRules::default().row(free).of_json(Provider::Other, 500, &(), &Value::Null, now());
    assert_eq!((fault.kind, fault.reach), (FaultKind::Server, Reach::Refused));
}
