//! Calls of models and tools, and values.

use std::cell::Cell;
use std::pin::pin;
use std::task::{Context, Waker};

use runtime_events::IdSource as _;
use runtime_testkit::cassette::{End, Tape};
use serde_json::{Value, json};

use super::{BoxError, Case, block_on};

async fn ask(tape: &Tape, request: &Value, reply: &str) -> Result<String, BoxError> {
    tape.model(request, async || Ok::<_, BoxError>(reply.to_owned())).await
}

#[test]
fn a_recorded_call_is_played_and_not_made() {
    let case = Case::new();
    let request = json!({ "model": "m" });
    assert_eq!(block_on(ask(&case.record(), &request, "hello")).unwrap(), "hello");
    let tape = case.play();
    let made = Cell::new(false);
    let call = || {
        made.set(true);
        async { Ok::<String, BoxError>("another".to_owned()) }
    };
    assert_eq!(block_on(tape.model(&request, call)).unwrap(), "hello");
    assert!(!made.get());
    tape.finish().unwrap();
}

#[test]
fn a_tool_is_found_by_its_name_and_arguments() {
    let case = Case::new();
    let run = async |tape: &Tape, name: &str, city: &str| {
        let arguments = json!({ "city": city });
        let result = format!("{name} of {city}");
        tape.tool(name, &arguments, async || Ok::<_, BoxError>(result)).await
    };
    let tape = case.record();
    for (name, city) in [("weather", "Rome"), ("time", "Rome"), ("weather", "Oslo")] {
        block_on(run(&tape, name, city)).unwrap();
    }
    let tape = case.play();
    assert_eq!(block_on(run(&tape, "weather", "Oslo")).unwrap(), "weather of Oslo");
    assert_eq!(block_on(run(&tape, "time", "Rome")).unwrap(), "time of Rome");
    let left = tape.finish().unwrap_err();
    let text =
        "calls of cassette `case.jsonl` that were not made: 1, the first is call 1 of port tool";
    assert_eq!(case.told(&left), text);
}

#[test]
fn the_order_of_fields_and_volatile_fields_do_not_matter() {
    let case = Case::new();
    let cassette = || case.cassette().volatile("/metadata/request_id").volatile("/messages/*/id");
    let tape = cassette().record().unwrap();
    let request = json!({
        "temperature": 1.0, "model": "m",
        "metadata": { "request_id": "1", "user": "ann" },
        "messages": [{ "id": 1, "content": "a" }, { "id": 2, "content": "b" }],
    });
    block_on(ask(&tape, &request, "hello")).unwrap();
    let text = r#"{ "model": "m", "messages": [{ "content": "a", "id": 7 }, { "content": "b" }],
        "metadata": { "user": "ann", "request_id": "2" }, "temperature": 1 }"#;
    let again: Value = serde_json::from_str(text).unwrap();
    // The head of the file knows them, too.
    assert_eq!(block_on(ask(&case.play(), &again, "")).unwrap(), "hello");
    let other = json!({ "model": "m", "metadata": { "user": "bob" } });
    block_on(ask(&case.play(), &other, "")).unwrap_err();
}

#[test]
fn equal_requests_are_played_in_the_order_of_their_beginning() {
    let case = Case::new();
    let tape = case.record();
    let request = json!("roll");
    let cx = &mut Context::from_waker(Waker::noop());
    block_on(async {
        // The first to begin is the last to end.
        let mut slow = pin!(tape.model(&request, async || {
            tokio::task::yield_now().await;
            Ok::<_, BoxError>("first".to_owned())
        }));
        assert!(slow.as_mut().poll(cx).is_pending());
        ask(&tape, &request, "second").await.unwrap();
        slow.await.unwrap();
    });
    let tape = case.play();
    assert_eq!(block_on(ask(&tape, &request, "")).unwrap(), "first");
    assert_eq!(block_on(ask(&tape, &request, "")).unwrap(), "second");
}

#[test]
fn a_cassette_has_no_secrets_and_finds_requests_that_have() {
    let case = Case::new();
    let request = |key: &str| json!({ "headers": { "x-api-key": key }, "model": "m" });
    let tape = case.record();
    let secret = "sk-ant-api03-9f8e7d6c5b4a39281706f5e4d3c2b1a0";
    assert_eq!(block_on(ask(&tape, &request(secret), secret)).unwrap(), secret);
    let fails = async || Err::<String, _>(format!("wrong key {secret}"));
    block_on(tape.model(&json!("b"), fails)).unwrap_err();
    assert!(!case.text().contains("9f8e7d"), "{}", case.text());
    let other = "sk-ant-api03-00000000000000000000000000000000";
    assert_eq!(block_on(ask(&case.play(), &request(other), "")).unwrap(), "[redacted]");
}

#[test]
fn a_call_whose_caller_left_stays_pending() {
    let case = Case::new();
    let cx = &mut Context::from_waker(Waker::noop());
    for open in [Case::record, Case::play] {
        let tape = open(&case);
        let mut call =
            Box::pin(tape.model(&json!("slow"), std::future::pending::<Result<(), BoxError>>));
        assert!(call.as_mut().poll(cx).is_pending());
        drop(call);
        tape.finish().unwrap();
    }
    let recordings = case.cassette().recordings().unwrap();
    assert_eq!(recordings[0].end, End::Dropped);
}

#[test]
fn a_call_that_panicked_panics_again() {
    let case = Case::new();
    for open in [Case::record, Case::play] {
        let tape = open(&case);
        let call = || async {
            std::panic::resume_unwind(Box::new("boom"));
            #[expect(unreachable_code, reason = "it says the type")]
            Ok::<(), BoxError>(())
        };
        let run = std::panic::AssertUnwindSafe(|| block_on(tape.model(&json!("bomb"), call)));
        std::panic::catch_unwind(run).unwrap_err();
        tape.finish().unwrap();
    }
}

#[test]
fn a_call_that_is_never_polled_is_none() {
    let case = Case::new();
    let tape = case.record();
    drop(ask(&tape, &json!("a"), "a"));
    assert_eq!(case.cassette().recordings().unwrap(), []);
}

#[test]
fn values_ids_and_random_numbers_are_those_of_the_recording() {
    let case = Case::new();
    let mut now = 0;
    let mut run = |tape: &Tape| {
        now += 1;
        let value: u64 = tape.value("now", || now).unwrap();
        let (ids, mut rng) = (tape.ids(), tape.rng("dice"));
        tape.seed_thread();
        (value, [ids.draw(), ids.draw()], [rng.u64(..), rng.u64(..)], fastrand::u64(..))
    };
    let recorded = run(&case.record());
    assert_eq!(run(&case.play()), recorded);
    let again = run(&case.record());
    assert_ne!(again.1, recorded.1, "another recording has other ids");
    assert_ne!(again.1[0], again.1[1]);
}

#[test]
fn calls_of_a_tape_may_move_between_threads() {
    fn is_send<T: Send>(it: T) -> T {
        it
    }
    let case = Case::new();
    let tape = case.record();
    let call = is_send(tape.model(&json!(1), async || Ok::<_, BoxError>(1)));
    std::thread::spawn(move || block_on(call).unwrap()).join().unwrap();
    drop(is_send(case.play().model(&json!(1), async || Ok::<_, BoxError>(2))));
}

#[test]
fn auto_records_once() {
    let case = Case::new();
    let request = json!("a");
    for (plays, reply) in [(false, "first"), (true, "second")] {
        let tape = case.cassette().auto().unwrap();
        assert_eq!(tape.plays(), plays);
        assert_eq!(block_on(ask(&tape, &request, reply)).unwrap(), "first");
    }
}

#[test]
fn a_file_that_is_no_cassette_is_refused_with_its_line() {
    let case = Case::new();
    let refused = |text: &str| {
        std::fs::write(&case.0, text).unwrap();
        case.told(&case.cassette().play().unwrap_err())
    };
    assert_eq!(refused(""), "`case.jsonl`, line 1: it is empty, not a cassette");
    let text = refused("{\"event\":\"agent.started\"}\n");
    assert!(text.starts_with("`case.jsonl`, line 1: it is no head of a cassette: "), "{text}");
    let head = r#"{"cassette":9,"recorded":"2026-01-01T00:00:00Z","seed":"0"}"#;
    let text = "`case.jsonl`, line 1: the format is version 9, and this library reads version 1";
    assert_eq!(refused(head), text);
    let text = refused(&format!("{}\n{{\"call\":1}}\n", head.replace('9', "1")));
    assert!(text.starts_with("`case.jsonl`, line 2: missing field `port`"), "{text}");
}

#[test]
fn a_cassette_that_a_person_wrote_may_have_secrets() {
    let case = Case::new();
    let head = r#"{"cassette":1,"recorded":"2026-01-01T00:00:00Z","seed":"0"}"#;
    let request = json!({ "password": "hunter22", "model": "m" });
    let call = json!({ "call": 1, "port": "model", "request": request, "reply": "hello" });
    std::fs::write(&case.0, format!("{head}\n\n{call}\n")).unwrap();
    assert_eq!(block_on(ask(&case.play(), &request, "")).unwrap(), "hello");
}
