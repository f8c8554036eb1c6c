//! The books are the same, to the token and the nano-dollar, whichever client asked.

use std::time::Duration;

use clients::{Result, genai_chat, openai, plain_reqwest, provider, rig_agent};
use techrevati_runtime::OrchestrationSession;
use techrevati_runtime::events::{AgentEvent, AgentEventName};
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{Backoff, JitterMode};
use techrevati_runtime::testing::RecordingEventSink;

const DOLLAR: Usd = Usd::from_dollars(1);

/// A session that goes from a model to the one behind it.
fn open(models: &[&str]) -> Result<(OrchestrationSession, RecordingEventSink)> {
    let prices = PricingTable::new();
    for model in models {
        prices.register(model, ModelPricing::per_million(DOLLAR, Usd::from_dollars(2)))?;
    }
    let events = RecordingEventSink::new();
    let soon = Backoff::new(Duration::from_nanos(1), 1.0)?.jitter(JitterMode::None);
    let routes = models.iter().map(|model| Route::new(*model, *model));
    let session = Orchestrator::new("writer", "draft")
        .pricing(prices)
        .budget(Limit::enforced(DOLLAR))
        .recovery(RecoveryConfig::default().routes(Routes::ordered(routes)).backoff(soon))
        .event_sink(events.clone())
        .session()?;
    Ok((session, events))
}

/// Tokens in and out, the cost, whether it is estimated, and the models that were asked.
type Books = (u64, u64, Usd, bool, Vec<String>);

fn books(session: &OrchestrationSession, events: &RecordingEventSink) -> Books {
    let totals = session.tracker().totals();
    let text = |event: &AgentEvent, key: &str| {
        let data = serde_json::to_value(&event.data).unwrap_or_default();
        data[key].as_str().unwrap_or_default().to_owned()
    };
    let asked = events.events().into_iter().filter(|event| {
        [AgentEventName::AttemptFailed, AgentEventName::AttemptCompleted].contains(&event.event)
    });
    let asked = asked.map(|event| text(&event, "model")).collect();
    let balance = session.account().expect("it has a budget").balance();
    assert_eq!(balance.reserved, Usd::ZERO);
    assert_eq!(balance.spent, session.tracker().total_cost());
    let (tokens, estimated) = (totals.tokens, balance.estimated > Usd::ZERO);
    (tokens.input_tokens, tokens.output_tokens, balance.spent, estimated, asked)
}

/// Asks each client; a macro, since each has a function type of its own.
macro_rules! ask {
    ($first:expr, [$($client:path),+ $(,)?], $check:expr) => {
        $(
            let url = provider::start().await.expect("a free port");
            let (session, events) = open(&[$first, "fine"]).expect("valid settings");
            let answer = $client(&session, &url, $first).await;
            let check: fn(&str, Result<String>, Books) = $check;
            check(stringify!($client), answer, books(&session, &events));
            session.complete().expect("no turn is under way");
        )+
    };
}

#[tokio::test]
async fn answer_after_a_429_and_a_503() {
    for first in ["limited", "down"] {
        ask!(
            first,
            [
                openai::chat,
                openai::responses,
                rig_agent::chat,
                plain_reqwest::chat,
                genai_chat::chat
            ],
            |client, answer, (input, output, cost, estimated, asked)| {
                let answer = answer.unwrap_or_else(|error| panic!("{client}: {error}"));
                assert!(answer.contains("Hello, world"), "{client}: {answer}");
                assert_eq!((input, output), (100, 20), "{client}");
                assert_eq!(cost, Usd::from_nanos(140_000), "{client}");
                assert!(!estimated && asked.last().is_some_and(|last| last == "fine"), "{client}");
                assert!(asked.len() >= 2, "{client}: {asked:?}");
            }
        );
    }
}

#[tokio::test]
async fn agent_with_a_tool_after_a_429_and_a_503() {
    for first in ["limited", "down"] {
        ask!(
            first,
            [rig_agent::agent],
            |client, answer, (input, output, cost, estimated, asked)| {
                let answer = answer.unwrap_or_else(|error| panic!("{client}: {error}"));
                assert!(answer.contains("Hello, world"), "{client}: {answer}");
                // It asks, runs the tool, and asks again with its result.
                assert_eq!((input, output), (200, 40), "{client}");
                assert_eq!((cost, estimated), (Usd::from_nanos(280_000), false), "{client}");
                assert_eq!(asked.iter().filter(|model| *model == "fine").count(), 2, "{asked:?}");
            }
        );
    }
}

#[tokio::test]
async fn stream_after_a_503_and_after_an_overload_as_its_first_event() {
    for first in ["down", "overloaded"] {
        ask!(first, [openai::stream, rig_agent::stream, plain_reqwest::stream], |client,
                                                                                 answer,
                                                                                 (
            input,
            output,
            cost,
            estimated,
            asked,
        )| {
            let answer = answer.unwrap_or_else(|error| panic!("{client}: {error}"));
            assert!(answer.contains("world"), "{client}: {answer}");
            assert_eq!((input, output), (100, 20), "{client}");
            assert_eq!(cost, Usd::from_nanos(140_000), "{client}");
            assert!(!estimated && asked.last().is_some_and(|last| last == "fine"), "{client}");
        });
    }
}

#[tokio::test]
async fn stream_that_is_cut_is_billed_as_an_estimate_and_not_made_again() {
    ask!("cut", [openai::stream, rig_agent::stream, plain_reqwest::stream], |client,
                                                                             answer,
                                                                             (
        input,
        output,
        cost,
        estimated,
        asked,
    )| {
        assert!(answer.is_err(), "{client}: {answer:?}");
        assert!(input > 0 && output > 0 && cost > Usd::ZERO, "{client}");
        assert!(estimated, "{client}");
        assert_eq!(asked, ["cut"], "{client}");
    });
}
