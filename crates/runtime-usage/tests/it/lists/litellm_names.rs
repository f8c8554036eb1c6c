//! Names in the list of `LiteLLM`.

use runtime_usage::{ServiceTier, UsageSnapshot};

use super::{costs, read, table};

#[test]
fn entry_that_names_another_has_its_prices() {
    let list = read(
        r#"{
            "m-latest": {"alias_of": "M-2"},
            "m-2": {"litellm_provider": "openai", "input_cost_per_token": 4e-06, "output_cost_per_token": 2e-05},
            "n-latest": {"alias_of": "n-2"}
        }"#,
    );
    assert_eq!(list.skipped.len(), 1);
    assert_eq!(list.skipped[0].to_string(), "`n-latest`: no price for tokens");
    let table = table(list);
    let usage = UsageSnapshot::new(1_000_000, 0);
    costs(&table, "m-latest", &usage, ServiceTier::Standard, "4");
    assert!(table.get("n-latest").is_none());
}

#[test]
fn name_of_a_maker_may_be_left_out() {
    let entry = |provider: &str, price: &str| {
        format!(
            r#"{{"litellm_provider": "{provider}", "input_cost_per_token": {price}, "output_cost_per_token": 1e-06}}"#
        )
    };
    let (xai, own) = (entry("xai", "3e-06"), entry("deepseek", "1e-06"));
    let (other, fireworks) = (entry("mistral", "2e-06"), entry("fireworks_ai", "5e-07"));
    let table = table(read(&format!(
        r#"{{"deepseek-chat": {own}, "xai/grok-4.3": {xai}, "mistral/zai-glm-5": {other}, "deepseek/deepseek-chat": {xai},
             "fireworks_ai/accounts/fireworks/models/kimi-k3": {fireworks}}}"#
    )));
    let usage = UsageSnapshot::new(1_000_000, 0);
    let standard = ServiceTier::Standard;
    costs(&table, "grok-4.3", &usage, standard, "3");
    costs(&table, "accounts/fireworks/models/kimi-k3", &usage, standard, "0.5");
    // The list has the bare name itself.
    costs(&table, "deepseek-chat", &usage, standard, "1");
    // It is another one's model.
    assert!(table.get("zai-glm-5").is_none());
}

#[test]
fn provider_is_written_as_callers_write_it() {
    let entry = |provider: &str| {
        format!(
            r#"{{"litellm_provider": "{provider}", "input_cost_per_token": 1e-06, "output_cost_per_token": 1e-06}}"#
        )
    };
    let (cohere, text) = (entry("cohere_chat"), entry("text-completion-openai"));
    let (vertex, bedrock) = (entry("vertex_ai-language-models"), entry("bedrock_converse"));
    let table = table(read(&format!(
        r#"{{"command-a": {cohere}, "davinci": {text}, "gemini-9": {vertex}, "amazon.nova-9": {bedrock}}}"#
    )));
    for name in [
        "cohere/command-a",
        "cohere_chat/command-a",
        "text-completion-openai/davinci",
        "vertex_ai/gemini-9",
        "bedrock/amazon.nova-9",
    ] {
        assert!(table.prices(name).is_some(), "{name}");
    }
    assert!(table.get("text/davinci").is_none());
}
