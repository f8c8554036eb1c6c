//! Behind a gateway that nobody here wrote: the proxy of `LiteLLM`, with models that answer or fail by themselves.
//! `cargo xtask world litellm` starts it.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use runtime_http::Turns;
use runtime_usage::{UsageSnapshot, Usd};
use serde_json::Value;

use crate::support::{Door, Fixture, Provider, Reply};

/// The gateway speaks HTTP/1.1.
const DOORS: [Door; 3] = [Door::Tower, Door::Reqwest, Door::OpenAi];

async fn behind_the_gateway(models: &[&str]) -> Fixture {
    let address = std::env::var("LITELLM_ADDRESS").expect("the address of the proxy");
    let provider = Provider::at(address.parse().expect("it is one of a socket"));
    Fixture { provider, ..Fixture::new(models).await }
}

fn tokens(usage: &Value) -> UsageSnapshot {
    let count = |name: &str| usage[name].as_u64().expect("it is a count");
    UsageSnapshot::new(count("prompt_tokens"), count("completion_tokens"))
}

/// What the proxy says that a call cost which nobody stands between.
async fn charge(fixture: &Fixture) -> Usd {
    let client = reqwest_0_13::Client::builder().no_proxy().build().unwrap();
    let call = client
        .post(format!("{}/chat/completions", fixture.provider.base()))
        .body(r#"{"model": "priced", "messages": [{"role": "user", "content": "Hello"}]}"#);
    let reply = call.header("content-type", "application/json").send().await.unwrap();
    let cost = reply.headers()["x-litellm-response-cost"].to_str().unwrap();
    Usd::try_from(cost.parse::<f64>().unwrap()).expect("it is an amount")
}

#[tokio::test]
#[ignore = "it needs a proxy: cargo xtask world litellm"]
async fn what_the_gateway_charges_is_what_the_books_say() {
    for door in DOORS {
        let fixture = behind_the_gateway(&["priced"]).await;
        let turns = Turns::of(&fixture.session);
        let Reply::Whole(200, body) = door.chat(&turns, &fixture.provider, "priced").await else {
            panic!("{door:?}: it is answered")
        };
        let books = fixture.books();
        assert_eq!((books.tokens, books.estimated), (tokens(&body["usage"]), false), "{door:?}");
        assert_eq!(books.cost, charge(&fixture).await, "{door:?}");
    }
}

#[tokio::test]
#[ignore = "it needs a proxy: cargo xtask world litellm"]
async fn what_the_gateway_charges_for_a_stream_is_what_the_books_say() {
    for door in DOORS {
        let fixture = behind_the_gateway(&["priced"]).await;
        let turns = Turns::of(&fixture.session).ask_for_usage();
        let Reply::Stream(chunks, None) = door.read(&turns, &fixture.provider, "priced").await
        else {
            panic!("{door:?}: it is whole")
        };
        let usage = chunks.iter().map(|chunk| &chunk["usage"]).find(|usage| usage.is_object());
        let usage = usage.expect("it was asked for");
        let books = fixture.books();
        assert_eq!((books.tokens, books.estimated), (tokens(usage), false), "{door:?}");
        let charge = Usd::try_from(usage["cost"].as_f64().expect("it says so")).unwrap();
        assert_eq!(books.cost, charge, "{door:?}");
    }
}

#[tokio::test]
#[ignore = "it needs a proxy: cargo xtask world litellm"]
async fn failures_of_the_gateway_are_recovered_from_elsewhere() {
    for door in DOORS {
        for model in ["limited", "broken"] {
            let fixture = behind_the_gateway(&[model, "priced"]).await;
            let turns = Turns::of(&fixture.session);
            let Reply::Whole(200, _) = door.chat(&turns, &fixture.provider, model).await else {
                panic!("{door:?} {model}: it is answered")
            };
            let failed = format!("{model} failed");
            let story = ["turn", &failed, "priced answered", "answered"];
            assert_eq!(fixture.story(), story, "{door:?}");
        }
    }
}

#[tokio::test]
#[ignore = "it needs a proxy: cargo xtask world litellm"]
async fn what_no_other_route_can_help_is_the_clients() {
    for door in DOORS {
        for model in ["too-long", "filtered"] {
            let fixture = behind_the_gateway(&[model, "priced"]).await;
            let turns = Turns::of(&fixture.session);
            let Reply::Whole(400, _) = door.chat(&turns, &fixture.provider, model).await else {
                panic!("{door:?} {model}: it is refused")
            };
            let failed = format!("{model} failed");
            assert_eq!(fixture.story(), ["turn", &failed, "ended"], "{door:?}");
            assert_eq!(fixture.books().cost, Usd::ZERO, "{door:?} {model}");
        }
    }
}
