//! A call without a recording fails at once, and says what is nearest.

use std::error::Error;
use std::time::UNIX_EPOCH;

use runtime_resilience::{Classifier, Failure, FaultKind, chain_text, errors};
use runtime_testkit::cassette::{CassetteError, MissError, Tape};
use serde_json::{Value, json};

use super::{BoxError, Case, block_on};

fn asked(tape: &Tape, request: &Value) -> Result<Value, BoxError> {
    block_on(tape.model(request, async || Ok::<_, BoxError>(json!("hello"))))
}

fn chat(city: &str) -> Value {
    json!({ "model": "m", "messages": [
        { "role": "system", "content": "You are a guide. ".repeat(20) },
        { "role": "user", "content": format!("What is the weather in {city}?") },
    ] })
}

#[test]
fn a_miss_shows_the_nearest_recording_field_by_field() {
    let case = Case::new();
    let tape = case.record();
    asked(&tape, &json!({ "model": "other", "messages": [] })).unwrap();
    asked(&tape, &chat("Rome")).unwrap();
    let tape = case.play();
    let mut request = chat("Oslo");
    request["messages"][0]["content"] = ("You are a guide. ".repeat(19) + "Be brief.").into();
    request["temperature"] = json!(0.7);
    let miss = asked(&tape, &request).unwrap_err();
    assert_eq!(
        case.told(&chain_text(&*miss)),
        "\
case.jsonl has no recording for this call of the model
the nearest is call 2, which differs in 3 fields:
  /messages/0/content
    recorded  …are a guide. You are a guide. You are a guide. \"
    asked     …are a guide. You are a guide. Be brief.\"
  /messages/1/content
    recorded  \"What is the weather in Rome?\"
    asked     \"What is the weather in Oslo?\"
  /temperature
    recorded  nothing
    asked     0.7
a field that differs in each run is declared: .volatile(\"/messages/0/content\"); to record anew, delete the file"
    );
}

#[test]
fn a_request_that_was_played_already_is_told_apart() {
    let case = Case::new();
    asked(&case.record(), &chat("Rome")).unwrap();
    let tape = case.play();
    asked(&tape, &chat("Rome")).unwrap();
    let text = "case.jsonl has no recording for this call of the model: it was recorded once (last as call 1), and is asked for once more";
    assert_eq!(case.told(&chain_text(&*asked(&tape, &chat("Rome")).unwrap_err())), text);
}

#[test]
fn a_port_without_recordings_says_so() {
    let case = Case::new();
    asked(&case.record(), &chat("Rome")).unwrap();
    let tape = case.play();
    let arguments = json!({ "q": "breaker" });
    let call = async || Ok::<_, BoxError>(3);
    let miss = block_on(tape.tool("search", &arguments, call)).unwrap_err();
    let text =
        "case.jsonl has no recording for this call of the tool `search`: it has none of its kind";
    assert_eq!(case.told(&chain_text(&*miss)), text);
    let miss = tape.value("dice", || 4).unwrap_err();
    let text = "case.jsonl has no recording for the value `dice`: it has none of its kind";
    assert_eq!(case.told(&chain_text(&*miss)), text);
}

#[test]
fn a_miss_is_not_retried_and_not_forgotten() {
    let case = Case::new();
    drop(case.record());
    let tape = case.play();
    let miss = asked(&tape, &chat("Rome")).unwrap_err();
    assert!(errors(&*miss).any(<dyn Error>::is::<MissError>));
    let fault = Failure::classified(miss, &Classifier::default(), UNIX_EPOCH).fault();
    assert_eq!((fault.kind, fault.retry, fault.counts), (FaultKind::Local, false, false));
    assert!(matches!(tape.finish(), Err(CassetteError::Miss(_))));
}
