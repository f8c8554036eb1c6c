//! One test a promise, behind every door.

use futures_util::StreamExt;
use runtime_events::{AgentEventName, SpanOutcome};
use runtime_http::{NoSession, NoSessionError, Place, Turns, turn_error};
use runtime_orchestrator::{BoxError, TurnError};
use runtime_resilience::Route;
use runtime_usage::{Limit, UsageSnapshot, Usd};
use serde_json::{Value, json};

use crate::support::{Door, Fixture, Reply, answer, doors};

const ANSWERED: UsageSnapshot = UsageSnapshot::new(100, 20);

fn texts(chunks: &[Value]) -> String {
    let text = |chunk: &Value| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned);
    chunks.iter().filter_map(text).collect()
}

/// Why the answer ended, by the last event of its turn.
fn finished(fixture: &Fixture) -> Value {
    let event = fixture.only(AgentEventName::TurnCompleted);
    serde_json::to_value(&event.data).expect("it is JSON")["finish_reasons"].clone()
}

#[tokio::test]
async fn first_route_fails_and_the_second_answers() {
    for door in doors() {
        let fixture = Fixture::new(&["down", "fine"]).await;
        let turns = Turns::of(&fixture.session);
        let Reply::Whole(200, body) = door.chat(&turns, &fixture.provider, "down").await else {
            panic!("{door:?}: it is answered")
        };
        assert_eq!(body, answer("fine"), "{door:?}");
        let books = fixture.books();
        assert_eq!((books.tokens, books.estimated), (ANSWERED, false), "{door:?}");
        assert_eq!(books.cost, Usd::from_nanos(140_000), "{door:?}");
        assert_eq!(books.story, ["turn", "down failed", "fine answered", "answered"], "{door:?}");
        assert_eq!(finished(&fixture), json!(["stop"]), "{door:?}");
        assert_eq!(fixture.provider.models(), ["down", "fine"], "{door:?}");
        fixture.session.complete().unwrap();
    }
}

#[tokio::test]
async fn stream_is_passed_on_and_billed_by_its_report() {
    for door in doors() {
        for model in ["fine", "bytes"] {
            let fixture = Fixture::new(&["down", model]).await;
            let turns = Turns::of(&fixture.session);
            let Reply::Stream(chunks, None) = door.read(&turns, &fixture.provider, "down").await
            else {
                panic!("{door:?} {model}: it is whole")
            };
            assert_eq!(texts(&chunks), "text".repeat(10), "{door:?} {model}");
            let books = fixture.books();
            assert_eq!((books.tokens, books.estimated), (ANSWERED, false), "{door:?} {model}");
            let answered = format!("{model} answered");
            assert_eq!(books.story, ["turn", "down failed", &answered, "answered"], "{door:?}");
            assert_eq!(finished(&fixture), json!(["stop"]), "{door:?} {model}");
        }
    }
}

#[tokio::test]
async fn stream_that_breaks_is_not_made_again_and_billed_as_an_estimate() {
    for door in doors() {
        for model in ["cut", "ends", "late"] {
            let fixture = Fixture::new(&[model, "fine"]).await;
            let turns = Turns::of(&fixture.session);
            let Reply::Stream(chunks, _) = door.read(&turns, &fixture.provider, model).await else {
                panic!("{door:?} {model}: it began")
            };
            assert_eq!(texts(&chunks), "text".repeat(10), "{door:?} {model}");
            let books = fixture.books();
            assert!(books.estimated, "{door:?} {model}");
            // Forty bytes, and the request.
            assert_eq!(books.tokens.output_tokens, 10, "{door:?} {model}");
            assert!(books.tokens.input_tokens > 10, "{door:?} {model}");
            let failed = format!("{model} failed");
            assert_eq!(books.story, ["turn", &failed, "ended"], "{door:?} {model}");
            assert_eq!(fixture.provider.models(), [model], "{door:?} {model}");
        }
    }
}

#[tokio::test]
async fn error_inside_a_200_is_recovered_from() {
    for door in doors() {
        let fixture = Fixture::new(&["sorry", "fine"]).await;
        let turns = Turns::of(&fixture.session);
        let Reply::Whole(200, body) = door.chat(&turns, &fixture.provider, "sorry").await else {
            panic!("{door:?}: it is answered")
        };
        assert_eq!(body, answer("fine"), "{door:?}");
        let Reply::Stream(chunks, None) = door.read(&turns, &fixture.provider, "sorry").await
        else {
            panic!("{door:?}: it is streamed")
        };
        assert_eq!(texts(&chunks), "text".repeat(10), "{door:?}");
        let books = fixture.books();
        assert_eq!(
            (books.tokens, books.estimated),
            (UsageSnapshot::new(200, 40), false),
            "{door:?}"
        );
    }
}

#[tokio::test]
async fn answer_that_breaks_before_it_is_handed_on_is_made_again() {
    for door in doors() {
        let fixture = Fixture::new(&["early", "bytes"]).await;
        let turns = Turns::of(&fixture.session);
        let Reply::Whole(200, body) = door.chat(&turns, &fixture.provider, "early").await else {
            panic!("{door:?}: it is answered")
        };
        assert_eq!(body, answer("bytes"), "{door:?}");
        assert_eq!(fixture.story(), ["turn", "early failed", "bytes answered", "answered"]);
    }
}

#[tokio::test]
async fn last_reply_of_the_provider_is_what_the_client_sees() {
    for door in doors() {
        let fixture = Fixture::new(&["bad"]).await;
        let turns = Turns::of(&fixture.session);
        let Reply::Whole(400, body) = door.chat(&turns, &fixture.provider, "bad").await else {
            panic!("{door:?}: it is refused")
        };
        assert_eq!(body["error"]["message"], "temperature is too high", "{door:?}");
        assert_eq!(fixture.story(), ["turn", "bad failed", "ended"], "{door:?}");
        assert_eq!(fixture.books().cost, Usd::ZERO, "{door:?}");
        let failed = fixture.only(AgentEventName::AttemptFailed);
        assert_eq!(failed.outcome, Some(SpanOutcome::Failed));
    }
}

#[tokio::test]
async fn request_that_would_have_to_change_is_not_made_again() {
    for door in doors() {
        let fixture = Fixture::new(&["long", "fine"]).await;
        let turns = Turns::of(&fixture.session);
        let Reply::Whole(400, body) = door.chat(&turns, &fixture.provider, "long").await else {
            panic!("{door:?}: it is refused")
        };
        assert_eq!(body["error"]["code"], "context_length_exceeded", "{door:?}");
        assert_eq!(fixture.story(), ["turn", "long failed", "ended"], "{door:?}");
        assert_eq!(fixture.provider.models(), ["long"], "{door:?}");
    }
}

#[tokio::test]
async fn refusal_of_the_turn_is_found_in_the_clients_error() {
    for door in doors() {
        let broke = |o: runtime_orchestrator::Orchestrator| o.budget(Limit::enforced(Usd::ZERO));
        let fixture = Fixture::with(&["fine"], broke).await;
        let turns = Turns::of(&fixture.session);
        let Reply::Error(error) = door.chat(&turns, &fixture.provider, "fine").await else {
            panic!("{door:?}: it is refused")
        };
        let found = turn_error(&*error);
        assert!(matches!(found, Some(TurnError::Budget(_))), "{door:?}: {error:?}");
        // Of an error that passes through an agent of `rig`, there is only its text.
        let said = error.to_string();
        assert!(said.ends_with("the session refused the call (budget)"), "{door:?}: {said}");
        assert!(fixture.provider.hits().is_empty(), "{door:?}");
    }
}

#[tokio::test]
async fn call_whose_body_is_a_stream_is_a_turn_and_a_file_is_not_read() {
    let fixture = Fixture::new(&["down", "fine"]).await;
    let client = reqwest_0_13::Client::builder().no_proxy().build().unwrap();
    let client =
        reqwest_middleware::ClientBuilder::new(client).with(Turns::of(&fixture.session)).build();
    let post = |path: &str| {
        let pieces = [r#"{"model":"down","#, "", r#""messages":"#, "[]}"].map(Ok::<_, BoxError>);
        let body = reqwest_0_13::Body::wrap_stream(futures_util::stream::iter(pieces));
        client.post(format!("{}{path}", fixture.provider.base())).body(body).send()
    };
    let reply = post("/chat/completions").await.unwrap();
    assert_eq!(reply.json::<Value>().await.unwrap(), answer("fine"));
    let books = fixture.books();
    assert_eq!(books.story, ["turn", "down failed", "fine answered", "answered"]);
    assert_eq!((books.tokens, books.estimated), (ANSWERED, false));

    assert_eq!(post("/files").await.unwrap().status(), 503);
    assert_eq!(fixture.books(), books);
    let sent: Vec<_> = fixture.provider.hits().into_iter().map(|hit| hit.body).collect();
    let asked = |model: &str| format!(r#"{{"model":"{model}","messages":[]}}"#);
    assert_eq!(sent, [asked("down"), asked("fine"), asked("down")]);
}

#[tokio::test]
async fn connection_that_is_refused_is_the_clients_own_error() {
    for door in doors() {
        let mut fixture = Fixture::new(&["fine"]).await;
        // A port that nobody listens on.
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        fixture.provider.address = listener.local_addr().unwrap();
        drop(listener);
        let turns = Turns::of(&fixture.session);
        let Reply::Error(error) = door.chat(&turns, &fixture.provider, "fine").await else {
            panic!("{door:?}: nobody is there")
        };
        assert!(turn_error(&*error).is_none(), "{door:?}: {error:?}");
        let books = fixture.books();
        assert_eq!(books.story.last().unwrap(), "ended", "{door:?}");
        assert_eq!(books.cost, Usd::ZERO, "{door:?}");
        let failed = fixture.events.all(AgentEventName::TurnFailed);
        let data = serde_json::to_value(&failed[0].data).unwrap();
        assert_eq!(data["scenario"], "provider_failure", "{door:?}");
    }
}

#[tokio::test]
async fn call_goes_to_the_place_of_its_route() {
    for door in doors() {
        let fixture = Fixture::new(&["down", "fine"]).await;
        let other = crate::support::Provider::start().await;
        let place = Place::of(&Route::new("fine", "fine"), format!("{}/deep", other.base()));
        let place = place.unwrap();
        let with_key = place.clone().key("theirs").unwrap();
        for (place, key) in [(place, ""), (with_key, "Bearer theirs")] {
            let turns = Turns::of(&fixture.session).place(place);
            let Reply::Whole(200, _) = door.chat(&turns, &fixture.provider, "down").await else {
                panic!("{door:?}: it is answered")
            };
            let hit = other.hits().pop().unwrap();
            assert_eq!((&*hit.model, &*hit.key), ("fine", key), "{door:?}");
            let query = if door == Door::OpenAi { "" } else { "?v=1" };
            assert_eq!(hit.path, format!("/v1/deep/chat/completions{query}"), "{door:?}");
            let own = fixture.provider.hits().pop().unwrap();
            assert_eq!((&*own.model, &*own.key), ("down", "Bearer own"), "{door:?}");
            assert_eq!(own.body.replace("down", "fine"), hit.body, "{door:?}");
        }
    }
}

#[tokio::test]
async fn shared_client_uses_the_current_session() {
    for door in doors() {
        let fixture = Fixture::new(&["fine"]).await;
        let turns = Turns::of_current();
        let Reply::Error(error) = door.chat(&turns, &fixture.provider, "fine").await else {
            panic!("{door:?}: nobody pays for it")
        };
        assert!(error.to_string().contains(&NoSessionError::default().to_string()), "{door:?}");
        assert!(fixture.provider.hits().is_empty(), "{door:?}");

        let call = door.chat(&turns, &fixture.provider, "fine");
        assert!(matches!(fixture.session.scope(call).await, Reply::Whole(200, _)), "{door:?}");
        assert_eq!(fixture.books().tokens, ANSWERED, "{door:?}");

        let turns = turns.without_session(NoSession::Pass);
        let call = door.chat(&turns, &fixture.provider, "fine").await;
        assert!(matches!(call, Reply::Whole(200, _)), "{door:?}");
        assert_eq!(fixture.books().tokens, ANSWERED, "{door:?}");
    }
}

#[tokio::test]
async fn embeddings_are_metered_where_they_are_and_other_requests_pass() {
    for door in [Door::Tower, Door::Http2, Door::Reqwest] {
        let fixture = Fixture::new(&["down"]).await;
        let turns = Turns::of(&fixture.session);
        let url = |path: &str| format!("{}{path}", fixture.provider.base());
        let body = json!({"model": "embed", "input": "Hello"});
        let (status, _) = door.post(&turns, &url("/embeddings"), &body).await.unwrap();
        let books = fixture.books();
        assert_eq!((status, books.tokens), (200, UsageSnapshot::new(7, 0)), "{door:?}");
        assert_eq!(books.story, ["turn", "answered"], "{door:?}");

        let (status, _) = door.post(&turns, &url("/files"), &json!({})).await.unwrap();
        assert_eq!((status, fixture.story().len()), (200, 2), "{door:?}");
    }
}

#[tokio::test]
async fn redirect_costs_nothing_and_is_the_clients_to_follow() {
    let fixture = Fixture::new(&["moved"]).await;
    let turns = Turns::of(&fixture.session);
    let Reply::Whole(307, _) = Door::Tower.chat(&turns, &fixture.provider, "moved").await else {
        panic!("it is passed on")
    };
    assert_eq!(fixture.story(), ["turn", "moved cancelled", "ended"]);
    assert_eq!(fixture.books().cost, Usd::ZERO);
}

#[tokio::test]
async fn usage_of_a_stream_is_asked_for_if_told_to() {
    for door in doors() {
        let fixture = Fixture::new(&["fine"]).await;
        let turns = Turns::of(&fixture.session).ask_for_usage();
        let _ = door.read(&turns, &fixture.provider, "fine").await;
        let body: Value = serde_json::from_str(&fixture.provider.hits()[0].body).unwrap();
        assert_eq!(body["stream_options"]["include_usage"], true, "{door:?}");
        assert_eq!(body["model"], "fine", "{door:?}");
    }
}

#[tokio::test]
async fn compressed_answer_is_read_where_the_client_can_read_it() {
    for door in doors() {
        let fixture = Fixture::new(&["gzip"]).await;
        let turns = Turns::of(&fixture.session);
        let Reply::Whole(200, body) = door.chat(&turns, &fixture.provider, "gzip").await else {
            panic!("{door:?}: it is answered")
        };
        assert_eq!(body, answer("gzip"), "{door:?}");
        assert_eq!(fixture.books().tokens, ANSWERED, "{door:?}");
    }
    // Compressed although nobody asked for it: passed on, and billed by the reservation.
    let fixture = Fixture::new(&["packed"]).await;
    let turns = Turns::of(&fixture.session);
    let url = format!("{}/chat/completions", fixture.provider.base());
    let (_, mut bytes) = Door::Tower.post(&turns, &url, &json!({"model": "packed"})).await.unwrap();
    let first = bytes.next().await.unwrap().unwrap();
    assert!(first.starts_with(&[0x1f, 0x8b]));
    drop(bytes);
    let books = fixture.books();
    assert_eq!(books.story, ["turn", "packed answered", "answered"]);
    assert!(books.estimated && books.cost > Usd::ZERO);
}
