//! What Rust errors mean.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::num::NonZeroU32;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use runtime_events::FailureScenario;
use runtime_resilience::{
    CircuitBreaker, Classifier, Demand, Failure, Fault, FaultBasis, FaultDetails, FaultError,
    FaultKind, FaultRule, FaultRules, Provider, RateLimiter, RateLimits, Reach, ReplyField,
    TimeoutPhase, chain_text, classify_error,
};

use crate::fault::now;

/// The fault of an error, which must be of the scenario that the classifier finds.
#[track_caller]
fn of(error: &(dyn Error + 'static)) -> Fault {
    let fault = Fault::from_error(error, now());
    assert_eq!(fault.scenario(), classify_error(error), "{error:?}");
    fault
}

const TIMEOUT: FaultKind = FaultKind::Timeout(TimeoutPhase::Unknown);

#[test]
fn io_error_kinds_are_network_local_or_malformed() {
    for (kind, expected) in [
        (ErrorKind::TimedOut, TIMEOUT),
        (ErrorKind::WouldBlock, TIMEOUT),
        (ErrorKind::ConnectionRefused, FaultKind::Network),
        (ErrorKind::ConnectionReset, FaultKind::Network),
        (ErrorKind::BrokenPipe, FaultKind::Network),
        (ErrorKind::UnexpectedEof, FaultKind::Network),
        (ErrorKind::InvalidData, FaultKind::Malformed),
        (ErrorKind::NotFound, FaultKind::Local),
        (ErrorKind::StorageFull, FaultKind::Local),
    ] {
        assert_eq!(of(&io::Error::from(kind)).kind, expected, "{kind}");
    }
    let network = of(&io::Error::from(ErrorKind::ConnectionReset));
    assert!(network.retry && network.elsewhere && network.counts);
    let local = of(&io::Error::from(ErrorKind::NotFound));
    assert!(!local.retry && !local.elsewhere && !local.counts);
}

#[test]
fn unreadable_json_is_malformed_and_does_not_count() {
    let syntax = serde_json::from_str::<u8>("{").unwrap_err();
    let shape = serde_json::from_str::<u8>("\"timeout\"").unwrap_err();
    for error in [syntax, shape] {
        let fault = of(&error);
        assert_eq!(fault.kind, FaultKind::Malformed);
        assert!(!fault.counts);
    }
    let io = serde_json::Error::io(io::Error::from(ErrorKind::TimedOut));
    assert_eq!(of(&io).kind, TIMEOUT);
}

#[test]
fn late_channel_is_a_timeout_and_closed_one_is_local() {
    assert_eq!(of(&RecvTimeoutError::Timeout).kind, TIMEOUT);
    assert_eq!(of(&RecvTimeoutError::Disconnected).kind, FaultKind::Local);
}

#[test]
fn open_breaker_sends_elsewhere_and_does_not_count() {
    let breaker = CircuitBreaker::new("openai");
    (0..5).for_each(|_| breaker.record_failure());
    let error = breaker.try_acquire().unwrap_err();
    let fault = of(&error);
    assert_eq!(fault.kind, FaultKind::Local);
    assert!(fault.elsewhere && fault.retry && !fault.counts);
    assert!(error.retry_after.is_some());
    assert_eq!(fault.wait(Duration::ZERO, Duration::from_secs(90), None).ok(), error.retry_after);

    breaker.force_open();
    let forced = of(&breaker.try_acquire().unwrap_err());
    assert!(!forced.retry, "nobody knows when it opens");
    assert_eq!(fault.scenario(), FailureScenario::ProviderFailure);
}

#[test]
fn fault_error_is_found_at_any_depth() {
    let body =
        br#"{"error":{"code":"insufficient_quota","message":"You exceeded your current quota"}}"#;
    let headers = [("x-request-id", "req_1"), ("retry-after", "9")];
    let fault = Fault::from_response(Provider::OpenAi, 429, &headers, body, now());
    let error = FaultError::new(fault, FaultDetails::from_response(&headers, body));
    assert_eq!(
        error.to_string(),
        "quota, status 429, insufficient_quota: You exceeded your current quota"
    );
    assert_eq!(of(&error), fault);
    // The text alone would be a rate limit, and a timeout.
    let wrapped = io::Error::other(error);
    let failure = Failure::new(wrapped, FailureScenario::ProviderFailure, now());
    assert_eq!(of(&failure), fault);
}

#[test]
fn fault_error_is_made_of_a_reply() {
    let body = br#"{"error":{"code":"rate_limit_exceeded","message":"Slow down"}}"#;
    let headers = [("x-request-id", "req_1"), ("retry-after", "9")];
    let error = FaultError::from_response(Provider::OpenAi, 429, &headers, body, now());
    let fault = Fault::from_response(Provider::OpenAi, 429, &headers, body, now());
    assert_eq!(error, FaultError::new(fault, FaultDetails::from_response(&headers, body)));

    let event = serde_json::from_slice(body).unwrap();
    let error = FaultError::from_stream_error(Provider::OpenAi, &event, now());
    assert_eq!((error.fault.kind, error.fault.status), (FaultKind::RateLimit, None));
    assert_eq!(error.details.message.as_deref(), Some("Slow down"));
}

#[test]
fn fault_error_says_each_text_of_its_chain_once() {
    #[derive(Debug, thiserror::Error)]
    #[error("cannot read the answer{}", .0)]
    struct Outer(&'static str, #[source] io::Error);
    let reset = || io::Error::new(ErrorKind::ConnectionReset, "reset by sk-abc123");
    let error = FaultError::from_error(&Outer("", reset()), now());
    assert_eq!(error.fault.kind, FaultKind::Network);
    assert_eq!(error.to_string(), "network: cannot read the answer: reset by [redacted]");
    let repeated = FaultError::from_error(&Outer(": reset by sk-abc123", reset()), now());
    assert_eq!(repeated, error);
}

#[test]
fn fault_error_keeps_the_clients_error_as_its_source() {
    let reset = || io::Error::new(ErrorKind::ConnectionReset, "reset by peer");
    let around = FaultError::around(reset(), now());
    assert_eq!((around.fault.kind, &*around.to_string()), (FaultKind::Network, "network"));
    assert_eq!(chain_text(&around), "network: reset by peer");

    let own = FaultError::of(FaultKind::Network, "no answer from the model").caused_by(reset());
    assert_eq!(chain_text(&own), "network: no answer from the model: reset by peer");
    for error in [around, own] {
        let failure = Failure::classified(error, &Classifier::default(), now());
        assert_eq!(failure.fault().kind, FaultKind::Network);
        let source = failure.downcast_ref::<FaultError>().and_then(Error::source);
        assert_eq!(
            source.and_then(|e| e.downcast_ref::<io::Error>()).map(io::Error::kind),
            Some(ErrorKind::ConnectionReset)
        );
    }
}

#[test]
fn basis_names_the_row_type_or_phrase() {
    let basis = |error: &(dyn Error + 'static)| Fault::from_error(error, now()).basis.to_string();
    let says = |text: &str| basis(&io::Error::other(text.to_owned()));
    assert_eq!(basis(&io::Error::from(ErrorKind::TimedOut)), "type `io::Error`");
    assert_eq!(basis(&RecvTimeoutError::Timeout), "type `RecvTimeoutError`");
    assert_eq!(says("the tool failed"), "phrase `failed`");
    assert_eq!(says("oh no"), "nothing known");
    assert!(
        says("prompt is too long: 210000 tokens")
            .starts_with("row | any | any | `message` has `context length`")
    );
    assert_eq!(Fault::of(FaultKind::Tool).basis.to_string(), "given by the caller");

    let own = FaultRule::any(FaultKind::Overload).says(ReplyField::Code, &["all_gpus_busy"]);
    let rules = FaultRules::default().row(own).row(own);
    let event = serde_json::json!({"error": {"code": "all_gpus_busy"}});
    let fault = rules.of_stream_error(Provider::Other, &event, now());
    assert!(matches!(fault.basis, FaultBasis::OwnRow(0)), "{:?}", fault.basis);
    assert_eq!(fault.basis.to_string(), "row 0 of the caller's");
}

#[test]
fn callers_words_are_cut_and_lose_their_keys() {
    let error =
        FaultError::of(FaultKind::Network, format!("reset by sk-abc123 {}", "x ".repeat(999)));
    assert_eq!(error.fault, Fault::of(FaultKind::Network));
    let message = error.details.message.unwrap();
    assert!(message.starts_with("reset by [redacted] x") && message.len() < 520, "{message}");
}

#[test]
fn scenario_of_a_failure_outweighs_the_error_inside() {
    let error = Failure::new(
        io::Error::from(ErrorKind::NotFound),
        FailureScenario::ToolExecutionError,
        now(),
    );
    assert_eq!(of(&error).kind, FaultKind::Tool);
    let error =
        Failure::new(io::Error::from(ErrorKind::TimedOut), FailureScenario::LlmTimeout, now());
    assert_eq!(of(&error).kind, TIMEOUT);
    let error = Failure::new("401 Unauthorized", FailureScenario::ProviderFailure, now());
    assert_eq!(of(&error).kind, FaultKind::Auth);
}

#[test]
fn text_decides_only_if_no_type_does() {
    for (text, expected) in [
        ("request timed out", TIMEOUT),
        ("429 Too Many Requests", FaultKind::RateLimit),
        ("context_length_exceeded", FaultKind::ContextLength),
        ("malformed reply", FaultKind::Malformed),
        ("503 Service Unavailable", FaultKind::Server),
        ("401 Unauthorized", FaultKind::Auth),
        ("tool search failed", FaultKind::Tool),
        ("a downstream service", TIMEOUT),
        ("no idea", FaultKind::Unknown),
    ] {
        assert_eq!(of(&io::Error::other(text)).kind, expected, "{text}");
        let refused = io::Error::new(ErrorKind::ConnectionRefused, text);
        assert_eq!(of(&refused).kind, FaultKind::Network, "{text}");
    }
}

#[test]
fn every_scenario_has_a_fault_with_that_scenario() {
    for &scenario in FailureScenario::ALL {
        assert_eq!(Fault::of_scenario(scenario).scenario(), scenario);
    }
}

#[test]
fn timeout_phase_is_part_of_the_kind() {
    let fault = Fault::of(FaultKind::Timeout(TimeoutPhase::FirstToken));
    assert_eq!(fault.kind.to_string(), "timeout (first_token)");
    assert_eq!(fault.scenario(), FailureScenario::LlmTimeout);
    let second = Duration::from_secs(1);
    assert_eq!(fault.wait(second, second, None), Ok(second));
    assert!(Fault::of(FaultKind::Cancelled).wait(second, second, None).is_err());
}

#[test]
fn full_limiter_means_not_sent() {
    let one = NonZeroU32::new(1).unwrap();
    let limiter = RateLimiter::new("svc", RateLimits::default().requests_per_minute(one));
    limiter.pause(Duration::from_secs(90));
    let refused = limiter.try_reserve(Demand::request()).unwrap_err();
    let fault = of(&refused);
    assert_eq!((fault.kind, fault.reach), (FaultKind::Local, Reach::NotSent));
    assert!(fault.elsewhere && !fault.counts && !fault.may_be_billed());
    assert_eq!(fault.asked, refused.retry_after);
}
