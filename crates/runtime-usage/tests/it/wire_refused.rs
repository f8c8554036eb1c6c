//! Usage that contradicts itself, and invalid counts.

use runtime_usage::{ReportedUsageErrorKind, UsageFormat, UsageSnapshot};
use serde_json::{Value, json};

#[track_caller]
fn refused(format: UsageFormat, usage: &Value, text: &str) {
    let error = format.read(usage).expect_err("it contradicts itself");
    assert_eq!(error.to_string(), format!("reported usage: {text}"));
    let body = json!({"usage": usage, "usageMetadata": usage});
    if usage.is_object() && usage.get("eval_count").is_none() {
        assert_eq!(format.read(&body), Err(error), "the body is read otherwise");
    }
}

#[test]
fn counts_that_are_not_whole_numbers_are_refused() {
    let chat = UsageFormat::OpenAiChat;
    let not_whole = "not a whole number of tokens";
    for (value, shown) in [
        (json!(-5), "-5"),
        (json!(1.5), "1.5"),
        (json!("12"), "\"12\""),
        (json!(true), "true"),
        (json!(1e300), "1e+300"),
        (json!([1]), "[1]"),
    ] {
        let text = format!("`prompt_tokens` is {shown}, {not_whole}");
        refused(chat, &json!({"prompt_tokens": value}), &text);
    }
    let details = json!({"input_tokens_details": {"cached_tokens": -1}});
    let text = format!("`input_tokens_details.cached_tokens` is -1, {not_whole}");
    refused(UsageFormat::OpenAiResponses, &details, &text);
    let text = format!("`eval_count` is -0.5, {not_whole}");
    refused(UsageFormat::Ollama, &json!({"eval_count": -0.5}), &text);
    let audio = json!({"promptTokensDetails": [{"modality": "AUDIO", "tokenCount": -3}]});
    let text = format!("`promptTokensDetails[modality=AUDIO].tokenCount` is -3, {not_whole}");
    refused(UsageFormat::Gemini, &audio, &text);
}

#[test]
fn whole_floats_are_accepted_as_counts() {
    let usage = json!({"prompt_tokens": 12.0, "completion_tokens": -0.0});
    assert_eq!(UsageFormat::OpenAiChat.read(&usage).unwrap().tokens, UsageSnapshot::new(12, 0));
    let usage = json!({"prompt_tokens": 18_446_744_073_709_551_616.0});
    assert!(UsageFormat::OpenAiChat.read(&usage).is_err(), "2⁶⁴ is one too many");
}

#[test]
fn fields_of_the_wrong_type_are_refused() {
    let chat = UsageFormat::OpenAiChat;
    refused(chat, &json!([1, 2]), "`.` is [1,2], not an object");
    refused(
        chat,
        &json!({"prompt_tokens_details": 7}),
        "`prompt_tokens_details` is 7, not an object",
    );
    refused(
        UsageFormat::Gemini,
        &json!({"cacheTokensDetails": "many"}),
        "`cacheTokensDetails` is \"many\", not an array",
    );
    let error = chat.read(&json!({"usage": "x".repeat(500)})).unwrap_err();
    assert_eq!((error.field.as_str(), error.value.chars().count()), ("usage", 80));
}

#[test]
fn part_larger_than_its_whole_is_refused() {
    let chat = UsageFormat::OpenAiChat;
    refused(
        chat,
        &json!({"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 120}}),
        "`prompt_tokens_details.cached_tokens` is 120, more than `prompt_tokens`, which is 100",
    );
    refused(
        chat,
        &json!({"prompt_tokens": 100,
               "prompt_tokens_details": {"cached_tokens": 70, "cache_write_tokens": 31}}),
        "`prompt_tokens_details.cached_tokens + prompt_tokens_details.cache_write_tokens` is \
         70 + 31, more than `prompt_tokens`, which is 100",
    );
    refused(
        chat,
        &json!({"prompt_tokens": 100, "prompt_tokens_details": {"audio_tokens": 101}}),
        "`prompt_tokens_details.audio_tokens` is 101, more than `prompt_tokens`, which is 100",
    );
    refused(
        UsageFormat::OpenRouter,
        &json!({"completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 6}}),
        "`completion_tokens_details.reasoning_tokens` is 6, more than `completion_tokens`, \
         which is 5",
    );
    refused(
        UsageFormat::OpenAiResponses,
        &json!({"output_tokens": 5, "output_tokens_details": {"reasoning_tokens": 6}}),
        "`output_tokens_details.reasoning_tokens` is 6, more than `output_tokens`, which is 5",
    );
    refused(
        UsageFormat::Anthropic,
        &json!({"output_tokens": 5, "output_tokens_details": {"thinking_tokens": 6}}),
        "`output_tokens_details.thinking_tokens` is 6, more than `output_tokens`, which is 5",
    );
    refused(
        UsageFormat::Gemini,
        &json!({"promptTokenCount": 5, "cachedContentTokenCount": 6}),
        "`cachedContentTokenCount` is 6, more than `promptTokenCount`, which is 5",
    );
    refused(
        UsageFormat::Gemini,
        &json!({"candidatesTokenCount": 5,
               "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 6}]}),
        "`candidatesTokensDetails[modality=AUDIO].tokenCount` is 6, more than \
         `candidatesTokenCount`, which is 5",
    );
}

#[test]
fn total_that_is_not_the_sum_is_refused() {
    refused(
        UsageFormat::OpenAiChat,
        &json!({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 20}),
        "`total_tokens` is 20, but `prompt_tokens + completion_tokens` is 10 + 5",
    );
    refused(
        UsageFormat::OpenAiResponses,
        &json!({"input_tokens": 10, "output_tokens": 5, "total_tokens": 14}),
        "`total_tokens` is 14, but `input_tokens + output_tokens` is 10 + 5",
    );
    refused(
        UsageFormat::Gemini,
        &json!({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 3,
               "totalTokenCount": 17}),
        "`totalTokenCount` is 17, but `promptTokenCount + candidatesTokenCount + \
         thoughtsTokenCount` is 10 + 5 + 3",
    );
    // By the total, thoughts are part of the candidates, but there are too many of them.
    refused(
        UsageFormat::Gemini,
        &json!({"promptTokenCount": 10, "candidatesTokenCount": 5, "thoughtsTokenCount": 6,
               "totalTokenCount": 15}),
        "`thoughtsTokenCount` is 6, more than `candidatesTokenCount`, which is 5",
    );
    refused(
        UsageFormat::Bedrock,
        &json!({"inputTokens": 10, "outputTokens": 5, "cacheReadInputTokens": 7,
               "totalTokens": 21}),
        "`totalTokens` is 21, but `inputTokens + outputTokens + cacheReadInputTokens` is \
         10 + 5 + 7",
    );
    // A missing count may explain a larger total, but not a smaller one.
    let chat = UsageFormat::OpenAiChat;
    assert!(chat.read(&json!({"prompt_tokens": 10, "total_tokens": 20})).is_ok());
    refused(
        chat,
        &json!({"prompt_tokens": 10, "total_tokens": 9}),
        "`total_tokens` is 9, but `prompt_tokens` is 10",
    );
}

#[test]
fn cache_writes_by_lifetime_must_add_up() {
    refused(
        UsageFormat::Anthropic,
        &json!({"cache_creation_input_tokens": 150,
               "cache_creation": {"ephemeral_5m_input_tokens": 100,
                                  "ephemeral_1h_input_tokens": 20}}),
        "`cache_creation_input_tokens` is 150, but `cache_creation.ephemeral_5m_input_tokens + \
         cache_creation.ephemeral_1h_input_tokens` is 100 + 20",
    );
    refused(
        UsageFormat::Bedrock,
        &json!({"cacheWriteInputTokens": 10, "cacheDetails": [{"ttl": "1h", "inputTokens": 20}]}),
        "`cacheWriteInputTokens` is 10, but `cacheDetails[ttl=1h].inputTokens` is 20",
    );
}

#[test]
fn invalid_cost_is_refused() {
    for cost in [json!(-0.1), json!("0.1"), json!(1e30), json!([])] {
        let error = UsageFormat::OpenRouter.read(&json!({"cost": cost})).unwrap_err();
        assert_eq!(error.field, "cost");
        assert_eq!(error.value, cost.to_string());
        assert_eq!(error.kind, ReportedUsageErrorKind::NotACost);
    }
}

#[test]
fn sums_of_large_counts_saturate() {
    let usage = json!({"promptTokenCount": u64::MAX, "toolUsePromptTokenCount": u64::MAX,
                       "candidatesTokenCount": u64::MAX, "thoughtsTokenCount": u64::MAX});
    let tokens = UsageFormat::Gemini.read(&usage).unwrap().tokens;
    assert_eq!((tokens.input_tokens, tokens.output_tokens), (u64::MAX, u64::MAX));
    let usage = json!({"prompt_tokens": u64::MAX, "completion_tokens": u64::MAX,
                       "total_tokens": u64::MAX});
    assert!(UsageFormat::OpenAiChat.read(&usage).is_err());
}
