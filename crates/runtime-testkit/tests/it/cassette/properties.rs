//! Any calls that were recorded are played back equal.

use std::task::{Context, Poll, Waker};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::{StreamExt as _, stream};
use proptest::prelude::*;
use runtime_events::{Clock as _, ManualClock, Sleeper as _};
use runtime_resilience::{FaultError, FaultKind, chain_text};
use runtime_testkit::cassette::Tape;
use serde_json::{Value, json};

use super::{BoxError, Case};

/// A call of a program, and what the world makes of it.
#[derive(Clone, Debug)]
struct Asked {
    port: Port,
    request: Value,
    ends: Ends,
    /// In milliseconds, of the call and of each chunk.
    takes: u64,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Port {
    Model,
    Tool(&'static str),
    Stream,
    Value,
}

#[derive(Clone, Debug)]
enum Ends {
    Reply(Value),
    Fails(String, Option<FaultKind>),
    /// The caller leaves.
    Left,
}

/// Few requests, so that many are equal.
fn requests() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0..3_u8).prop_map(|n| json!({ "model": "m", "n": n })),
        "[a-c]{0,2}".prop_map(|text| json!([text, 0.5, null])),
        Just(Value::Null),
        Just(json!({ "n": 1.0, "deep": { "β": [true, { "x": i64::MIN }] } })),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_filter("JSON has no others", |it| it.is_finite()).prop_map(Value::from),
        // No secrets: those are not played back.
        "[ -~é\n]{0,12}"
            .prop_filter("clean", |it| runtime_events::without_secrets(it) == *it)
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec(("[a-d]{1,2}", inner), 0..4)
                .prop_map(|fields| Value::Object(fields.into_iter().collect())),
        ]
    })
}

fn calls() -> impl Strategy<Value = Asked> {
    let port = prop_oneof![
        Just(Port::Model),
        Just(Port::Tool("search")),
        Just(Port::Tool("fetch")),
        Just(Port::Stream),
        Just(Port::Value),
    ];
    let kinds = prop_oneof![
        Just(None),
        Just(Some(FaultKind::RateLimit)),
        Just(Some(FaultKind::Network)),
        Just(Some(FaultKind::ContentPolicy)),
    ];
    let ends = prop_oneof![
        3 => values().prop_map(Ends::Reply),
        1 => ("[a-z ]{0,12}", kinds).prop_map(|(text, kind)| Ends::Fails(text, kind)),
        1 => Just(Ends::Left),
    ];
    (port, requests(), ends, 0..5_000_u64).prop_map(|(port, request, ends, takes)| Asked {
        port,
        request,
        ends,
        takes,
    })
}

/// What the program got: values, the text and the fault of an error, and the milliseconds since its beginning.
type Got = (Vec<Value>, Option<(String, String)>, u128);

fn told(error: &BoxError) -> (String, String) {
    let fault = FaultError::from_error(&**error, UNIX_EPOCH).fault;
    (
        chain_text(&**error),
        format!("{:?}", (fault.kind, fault.retry, fault.reach, fault.scenario())),
    )
}

/// Makes all calls, one after the other. The world answers while the tape records.
fn run(tape: &Tape, calls: &[Asked]) -> Vec<Got> {
    let begun = tape.clock().now();
    let got = calls.iter().map(|asked| {
        let (values, error) = driven(make(tape, asked));
        (values, error, (tape.clock().now() - begun).as_millis())
    });
    got.collect()
}

async fn make(tape: &Tape, asked: &Asked) -> (Vec<Value>, Option<(String, String)>) {
    let takes = Duration::from_millis(asked.takes);
    let sleep = || tape.clock().sleep(takes);
    let answer = || {
        let (wait, ends) = (sleep(), asked.ends.clone());
        async move {
            if let Ends::Left = ends {
                return std::future::pending().await;
            }
            wait.await;
            match ends {
                Ends::Fails(text, None) => Err(text.into()),
                Ends::Fails(text, Some(kind)) => Err(FaultError::of(kind, text).into()),
                Ends::Reply(value) => Ok(value),
                Ends::Left => unreachable!("it returned"),
            }
        }
    };
    let leaves = matches!(asked.ends, Ends::Left);
    let one = |reply: Result<Value, BoxError>| match reply {
        Ok(value) => (vec![value], None),
        Err(error) => (Vec::new(), Some(told(&error))),
    };
    match asked.port {
        Port::Value => one(tape.value("v", || asked.request.clone())),
        Port::Model if leaves => {
            left(tape.model::<_, Value, BoxError, _, _>(&asked.request, answer))
        }
        Port::Model => one(tape.model(&asked.request, answer).await),
        Port::Tool(name) if leaves => {
            left(tape.tool::<_, Value, BoxError, _, _>(name, &asked.request, answer))
        }
        Port::Tool(name) => one(tape.tool(name, &asked.request, answer).await),
        Port::Stream => {
            let open = || async {
                let end = stream::once(answer());
                let chunks = [json!(1), json!("two")].map(Ok::<_, BoxError>);
                sleep().await;
                Ok::<_, BoxError>(Box::pin(stream::iter(chunks).chain(end)))
            };
            let chunks = tape.stream(&asked.request, open).await;
            let mut values = Vec::new();
            match chunks {
                Err(error) => (values, Some(told(&error))),
                Ok(mut chunks) => loop {
                    // Who leaves has read what came.
                    if leaves && values.len() == 2 {
                        return (values, None);
                    }
                    match chunks.next().await {
                        Some(Ok(value)) => values.push(value),
                        Some(Err(error)) => return (values, Some(told(&error))),
                        None => return (values, None),
                    }
                },
            }
        }
    }
}

/// A call that is played ends after so many looks, or never.
fn driven<F: Future>(future: F) -> F::Output {
    let (mut future, cx) = (Box::pin(future), &mut Context::from_waker(Waker::noop()));
    let mut looks = (0..10_000).map(|_| future.as_mut().poll(cx));
    let ready =
        looks.find_map(|look| if let Poll::Ready(output) = look { Some(output) } else { None });
    ready.expect("the call hangs")
}

/// A caller that looks once, and leaves.
fn left<T>(call: impl Future<Output = T>) -> (Vec<Value>, Option<(String, String)>) {
    let mut call = Box::pin(call);
    assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    (Vec::new(), None)
}

/// Lines that are nearly those of a cassette.
fn texts() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        Just(r#"{"cassette":1,"recorded":"2026-01-01T00:00:00Z","seed":"0"}"#.to_owned()),
        (any::<u64>(), any::<u64>(), values()).prop_map(|(call, at, value)| {
            json!({ "call": call, "at_us": at, "took_us": at, "port": "model", "reply": value })
                .to_string()
        }),
        (any::<u64>(), values(), values()).prop_map(|(at, chunk, head)| {
            let opened = json!({ "at_us": at, "head": head });
            let chunks = json!([[at, chunk]]);
            json!({ "call": 1, "port": "stream", "opened": opened, "chunks": chunks, "done": null })
                .to_string()
        }),
        "[ -~]{0,40}",
    ];
    prop::collection::vec(line, 0..4).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_calls_are_played_back_equal(calls in prop::collection::vec(calls(), 0..12)) {
        let case = Case::new();
        let tape = case.cassette().time(ManualClock::skipping()).record().unwrap();
        let recorded = run(&tape, &calls);
        let tape = case.play();
        prop_assert_eq!(run(&tape, &calls), recorded);
        tape.finish().unwrap();
    }

    #[test]
    fn no_text_makes_the_reader_panic(text in texts()) {
        let case = Case::new();
        if let Ok(recordings) = case.cassette().recordings_of(&text) {
            std::fs::write(&case.0, &text).unwrap();
            let tape = case.play();
            for _ in 0..=recordings.len() {
                // What asks for more than there is misses.
                let call = tape.model(&Value::Null, async || Ok::<Value, BoxError>(Value::Null));
                let _ = driven(call);
            }
        }
    }
}
