//! What is counted, and for whom.

use opentelemetry::Value;
use runtime_events::{AgentEventName, Data, SpanOutcome};
use runtime_otel::{OtelConfig, SemconvProfile};

use crate::support::{Rig, Told, said};

/// A turn that asked `gpt-5` first, and was answered by another model on another route.
fn failed_over(profile: SemconvProfile, told: &[bool]) -> Rig {
    let (rig, mut writer) =
        (Rig::with(OtelConfig::default().profile(profile)), Told::new(1, "writer"));
    rig.emit(&writer.started());
    let (turn, event) = writer.turn("gpt-5");
    rig.emit(&event);
    let calls = [("azure", "gpt-5", 100, 0.25), ("groq", "gpt-oss-120b", 10, 0.5)];
    for ((provider, model, tokens, cost), told) in calls.into_iter().zip(told) {
        let data = Data::new().with("model", model).with("provider", provider);
        let (attempt, event) = writer.attempt(turn, data.clone());
        rig.emit(&event);
        let (name, outcome) = match provider {
            "groq" => (AgentEventName::AttemptCompleted, SpanOutcome::Ok),
            _ => (AgentEventName::AttemptFailed, SpanOutcome::Failed),
        };
        let data = data.with("input_tokens", tokens).with("output_tokens", 1);
        let event = writer.end(name, attempt, Some(turn), outcome);
        if *told {
            rig.emit(&event.with_data(data.with("cost_usd", cost)));
        }
    }
    let data = Data::new().with("model", "gpt-5").with("attempts", 2).with("cost_usd", 0.75);
    let data = data.with("input_tokens", 110).with("output_tokens", 2);
    rig.emit(&writer.turn_ended(turn, SpanOutcome::Ok).with_data(data));
    rig
}

fn by_model(rig: &Rig, metric: &str) -> Vec<(String, String, f64)> {
    let text = |value: &Value| value.as_str().into_owned();
    let mut found: Vec<_> = rig.metrics()[metric]
        .points
        .iter()
        .filter(|point| point.said.get("gen_ai.token.type").is_none_or(|it| *it == "input".into()))
        .map(|point| {
            let said = |key| text(&point.said[key]);
            (said("gen_ai.provider.name"), said("gen_ai.request.model"), point.sum)
        })
        .collect();
    found.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
    found
}

#[test]
fn usage_of_attempts_counts_for_the_models_they_asked() {
    let row = |provider: &str, model: &str, sum| (provider.to_owned(), model.to_owned(), sum);
    for (profile, tokens) in [
        (SemconvProfile::V1_41, "gen_ai.client.token.usage"),
        (SemconvProfile::GenAi0_1, "gen_ai.client.inference.usage.input_tokens"),
    ] {
        let rig = failed_over(profile, &[true, true]);
        let (azure, groq) = (("azure.ai.openai", "gpt-5"), ("groq", "gpt-oss-120b"));
        let costs = by_model(&rig, "techrevati.cost");
        assert_eq!(costs, [row(azure.0, azure.1, 0.25), row(groq.0, groq.1, 0.5)]);
        let tokens = by_model(&rig, tokens);
        assert_eq!(tokens, [row(azure.0, azure.1, 100.0), row(groq.0, groq.1, 10.0)]);
        // The end of the first attempt was lost: its part is the turn's.
        let costs = by_model(&failed_over(profile, &[false, true]), "techrevati.cost");
        assert_eq!(costs, [row("groq", "gpt-5", 0.25), row("groq", "gpt-oss-120b", 0.5)]);
    }
}

#[test]
fn the_provider_is_that_of_the_route_that_answered() {
    let rig = failed_over(SemconvProfile::V1_41, &[true, true]);
    let chat = said(&rig.span("chat gpt-5"));
    assert_eq!(chat["gen_ai.provider.name"], "groq".into());
    assert_eq!(chat["gen_ai.response.model"], "gpt-oss-120b".into());
}

#[test]
fn a_change_of_a_breaker_says_where_from() {
    let (rig, mut writer) = (Rig::new(), Told::new(1, "writer"));
    let change = Data::new().with("breaker", "openai").with("from", "open").with("to", "closed");
    rig.emit(&writer.event(AgentEventName::BreakerChanged).with_data(change));
    let said = &rig.metrics()["techrevati.breaker.changes"].points[0].said;
    assert_eq!(said["techrevati.from"], "open".into());
    assert_eq!(said["techrevati.to"], "closed".into());
}
