//! Errors: a replay fails as the recording did.

use std::io;
use std::time::UNIX_EPOCH;

use chrono::DateTime;
use runtime_resilience::{
    BoxError, Classifier, Failure, FaultError, FaultKind, Provider, chain_text,
};
use serde_json::json;

use super::{Case, block_on};

#[derive(Debug, thiserror::Error)]
#[error("cannot ask the model")]
struct AskError(#[source] BoxError);

fn all() -> Vec<BoxError> {
    let now = DateTime::UNIX_EPOCH;
    let limited = FaultError::from_response(
        Provider::OpenAi,
        429,
        &[("retry-after", "20"), ("x-request-id", "req_1")],
        br#"{"error":{"message":"Slow down","type":"requests","code":"rate_limit_exceeded"}}"#,
        now,
    );
    let quota = br#"{"error":{"code":"insufficient_quota"}}"#;
    let quota = FaultError::from_response(Provider::OpenAi, 429, &(), quota, now);
    vec![
        "the model is asleep".into(),
        "503 Service Unavailable".into(),
        "rate limit exceeded, status 429".into(),
        "".into(),
        io::Error::from(io::ErrorKind::TimedOut).into(),
        io::Error::from(io::ErrorKind::ConnectionRefused).into(),
        io::Error::other(AskError("prompt is too long".into())).into(),
        AskError(limited.into()).into(),
        quota.into(),
        FaultError::of(FaultKind::ContentPolicy, "blocked").into(),
        AskError(serde_json::from_str::<u8>("{").unwrap_err().into()).into(),
    ]
}

/// All that the runtime reads of an error.
fn read(error: BoxError) -> impl PartialEq + std::fmt::Debug {
    let text = chain_text(&*error);
    let failure = Failure::classified(error, &Classifier::default(), UNIX_EPOCH);
    let fault = failure.fault();
    (text, failure.chain_text(), fault, failure.failure_class(), failure.counts(), fault.asked)
}

#[test]
fn a_replayed_error_is_read_as_the_recorded_one() {
    let case = Case::new();
    let tape = case.record();
    let fail = |tape: &_, number: usize, error| {
        let call = async move || Err::<(), BoxError>(error);
        block_on(runtime_testkit::cassette::Tape::model(tape, &json!(number), call)).unwrap_err()
    };
    for (number, error) in all().into_iter().enumerate() {
        fail(&tape, number, error);
    }
    let tape = case.play();
    for (number, error) in all().into_iter().enumerate() {
        let replayed = fail(&tape, number, "never made".into());
        assert_eq!(read(replayed), read(error), "error {number}");
    }
}

#[test]
fn while_it_records_the_caller_gets_its_own_error() {
    let case = Case::new();
    let call = async || Err::<(), _>(AskError("no".into()));
    let error = block_on(case.record().model(&json!(1), call)).unwrap_err();
    assert!(error.is::<AskError>());
}

#[test]
fn a_classifier_of_ones_own_is_asked_when_the_error_is_recorded() {
    let case = Case::new();
    let own = Classifier::default().fault_rule(|error, _| {
        error.is::<AskError>().then(|| runtime_resilience::Fault::of(FaultKind::Quota))
    });
    let tape = case.cassette().classifier(own).record().unwrap();
    let call = async || Err::<(), _>(AskError("no".into()));
    block_on(tape.model(&json!(1), call)).unwrap_err();
    let replayed = block_on(case.play().model(&json!(1), call)).unwrap_err();
    let failure = Failure::classified(replayed, &Classifier::default(), UNIX_EPOCH);
    assert_eq!(failure.fault().kind, FaultKind::Quota);
}
