//! Reads the few fields of a request's body that matter, and rewrites them. The rest is passed over.

use runtime_usage::ServiceTier;
use serde_json::{Value, json};

use super::fields::fields;

/// What a body says.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) model: Option<String>,
    /// Where the name of the model stands, without its quotes.
    pub(super) model_at: Option<(usize, usize)>,
    pub(super) max_output: Option<u64>,
    /// How many answers are asked for.
    pub(super) choices: u64,
    pub(super) tier: ServiceTier,
    pub(super) stream: Option<bool>,
    pub(super) usage: Asked,
    pub(super) names: Names,
}

/// The fields, beside a model, by which calls are told from other requests.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Names {
    pub(super) messages: bool,
    pub(super) prompt: bool,
    pub(super) agent: bool,
}

/// What a body says of the usage of its stream.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Asked {
    #[default]
    Nothing,
    /// It has options, without a word of it.
    Otherwise,
    Something,
}

/// `None` if the body is no JSON object.
pub(super) fn scan(body: &[u8]) -> Option<Scanned> {
    let mut scanned = Scanned { choices: 1, ..Scanned::default() };
    let mut limit = None;
    for (name, at) in fields(body)? {
        let value = || serde_json::from_slice::<Value>(&body[at.clone()]).unwrap_or_default();
        match name {
            b"model" | b"modelId" => {
                let name = value().as_str().filter(|name| !name.is_empty()).map(str::to_owned);
                // Without its quotes, and unless it is escaped.
                let inside = (at.start + 1, at.end.saturating_sub(1).max(at.start + 1));
                let plain = |name: &String| body[inside.0..inside.1] == *name.as_bytes();
                scanned.model_at = name.as_ref().is_some_and(plain).then_some(inside);
                scanned.model = name;
            }
            b"max_tokens"
            | b"max_completion_tokens"
            | b"max_output_tokens"
            | b"max_gen_len"
            | b"max_tokens_to_sample" => limit = limit.max(value().as_u64()),
            // Of Gemini, Bedrock, Titan and Ollama: an object with the limit.
            b"generationConfig"
            | b"generation_config"
            | b"inferenceConfig"
            | b"textGenerationConfig"
            | b"options" => {
                let config = value();
                limit = limit.max(limit_in(&config));
                let counts = ["candidateCount", "candidate_count"];
                let count = counts.iter().find_map(|name| config.get(name)?.as_u64());
                scanned.choices = scanned.choices.max(count.unwrap_or(1));
            }
            // Of `best_of`, all are billed.
            b"n" | b"best_of" => {
                scanned.choices = scanned.choices.max(value().as_u64().unwrap_or(1));
            }
            b"service_tier" | b"serviceTier" => scanned.tier = tier_of(&value()),
            b"stream" => scanned.stream = value().as_bool(),
            b"message" | b"messages" => scanned.names.messages = true,
            b"prompt" => scanned.names.prompt = true,
            b"agent" => scanned.names.agent = true,
            b"stream_options" => {
                let said = value().get("include_usage").is_some();
                scanned.usage = if said { Asked::Something } else { Asked::Otherwise };
            }
            _ => {}
        }
    }
    scanned.max_output = limit.map(|limit| limit.saturating_mul(scanned.choices));
    Some(scanned)
}

fn limit_in(config: &Value) -> Option<u64> {
    let names = [
        "maxOutputTokens",
        "max_output_tokens",
        "maxTokens",
        "max_new_tokens",
        "maxTokenCount",
        "num_predict",
    ];
    names.iter().find_map(|name| config.get(name)?.as_u64())
}

/// `OpenAI`'s name, or Bedrock's object around it.
fn tier_of(tier: &Value) -> ServiceTier {
    let name = tier.as_str().or_else(|| tier.get("type")?.as_str());
    name.and_then(|name| name.parse().ok()).unwrap_or_default()
}

/// The body with another model's name, and with a request for usage.
pub(super) fn rewrite(
    body: &[u8],
    model: Option<((usize, usize), &str)>,
    asks_usage: bool,
) -> Option<Vec<u8>> {
    const ASKS: &[u8] = br#""stream_options":{"include_usage":true},"#;
    let mut new = Vec::with_capacity(body.len() + ASKS.len() + 64);
    let open = body.iter().position(|byte| *byte == b'{')? + 1;
    new.extend_from_slice(&body[..open]);
    if asks_usage {
        new.extend_from_slice(ASKS);
    }
    match model {
        Some(((start, end), model)) => {
            new.extend_from_slice(body.get(open..start)?);
            let quoted = serde_json::to_vec(model).ok()?;
            new.extend_from_slice(quoted.get(1..quoted.len() - 1)?);
            new.extend_from_slice(body.get(end..)?);
        }
        None => new.extend_from_slice(&body[open..]),
    }
    Some(new)
}

/// [`rewrite`], for what stands there in another form.
pub(super) fn rewrite_all(body: &[u8], model: Option<&str>, asks_usage: bool) -> Option<Vec<u8>> {
    let mut body: Value = serde_json::from_slice(body).ok()?;
    let fields = body.as_object_mut()?;
    if let Some(model) = model {
        fields.insert("model".to_owned(), model.into());
    }
    if asks_usage {
        let options = fields.entry("stream_options").or_insert_with(|| json!({}));
        if options.is_null() {
            *options = json!({});
        }
        options.as_object_mut()?.insert("include_usage".to_owned(), true.into());
    }
    serde_json::to_vec(&body).ok()
}
