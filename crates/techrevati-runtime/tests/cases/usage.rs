//! Usage as providers and their imitators report it.

use serde::Deserialize;
use serde_json::Value;
use techrevati_runtime::usage::{
    FinishReason, ReportedUsage, ReportedUsageError, ServiceTier, StreamUsage, UsageFormat, Usd,
};

use super::support::compare;

#[derive(Deserialize)]
struct Reply {
    #[serde(alias = "stream")]
    reader: String,
    #[serde(default)]
    body: Value,
    chunks: Option<Vec<Value>>,
    #[serde(default)]
    input_estimate: u64,
}

impl Reply {
    fn usage(&self) -> Result<ReportedUsage, ReportedUsageError> {
        let format = match self.reader.as_str() {
            "openai_chat" => UsageFormat::OpenAiChat,
            "openai_responses" => UsageFormat::OpenAiResponses,
            "anthropic" => UsageFormat::Anthropic,
            "gemini" => UsageFormat::Gemini,
            "bedrock" => UsageFormat::Bedrock,
            "ollama" => UsageFormat::Ollama,
            "openrouter" => UsageFormat::OpenRouter,
            other => panic!("`{other}` is no reader"),
        };
        let Some(chunks) = &self.chunks else { return format.read(&self.body) };
        let mut stream = StreamUsage::new(format).input_estimate(self.input_estimate);
        chunks.iter().try_for_each(|chunk| stream.push(chunk))?;
        Ok(stream.usage())
    }
}

fn differs(usage: Result<ReportedUsage, ReportedUsageError>, expect: &Value) -> Vec<String> {
    let expect = expect.as_object().expect("an object");
    let usage = match usage {
        Ok(usage) => usage,
        Err(_) if expect.contains_key("told") => return Vec::new(),
        Err(error) => return vec![error.to_string()],
    };
    let odd_tier = usage.tier.is_some_and(|tier| tier != ServiceTier::Standard);
    let is_told = !usage.missing.is_empty() || odd_tier || usage.estimated || usage.cost.is_some();
    let tokens = serde_json::to_value(usage.tokens).expect("plain numbers");
    let differing = expect.iter().filter_map(|(field, expected)| match field.as_str() {
        "told" => (!is_told).then(|| format!("nobody is told: {expected}")),
        "cost" => {
            let cost = usage.cost.map(Usd::to_f64);
            (cost != expected.as_f64()).then(|| format!("cost is {cost:?} and not {expected}"))
        }
        "finish" => {
            let found = usage.finish_reasons[0].map(FinishReason::as_str);
            (found != expected.as_str()).then(|| format!("it ended by {found:?}, not {expected}"))
        }
        "model" => (usage.model.as_deref() != expected.as_str())
            .then(|| format!("model is {:?} and not {expected}", usage.model)),
        field => {
            let found = tokens.get(field).and_then(Value::as_u64).unwrap_or(0);
            (expected.as_u64() != Some(found))
                .then(|| format!("{field} is {found} and not {expected}"))
        }
    });
    differing.collect()
}

#[test]
fn usage_agrees() {
    for key in ["reader", "chunks"] {
        compare(key, "", |reply: &Reply, expect| differs(reply.usage(), expect));
    }
}
