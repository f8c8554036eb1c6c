//! Reads the few fields of a request's body that matter, and rewrites them. The rest is passed over.

use std::fmt;

use runtime_usage::ServiceTier;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

/// What a body says.
#[derive(Debug, Default)]
pub(super) struct Scanned {
    pub(super) model: Option<String>,
    /// Where the name of the model stands, without its quotes.
    pub(super) model_at: Option<(usize, usize)>,
    pub(super) max_output: Option<u64>,
    pub(super) tier: ServiceTier,
    pub(super) stream: Option<bool>,
    pub(super) says_usage: bool,
}

/// `None` if the body is no JSON object.
pub(super) fn scan(body: &[u8]) -> Option<Scanned> {
    let fields: Fields<'_> = serde_json::from_slice(body).ok()?;
    let Fields { model, limit, choices, tier, stream, says_usage } = fields;
    let model_at = match &model {
        Some(Name::Borrowed(name)) => place_in(body, name),
        _ => None,
    };
    let model = model.and_then(|name| match name {
        Name::Borrowed(name) => Some(name.to_owned()),
        Name::Owned(name) => Some(name),
        Name::Odd => None,
    });
    let max_output = limit.map(|limit| limit.saturating_mul(choices.unwrap_or(1).max(1)));
    let tier = tier.and_then(|tier| tier.parse().ok()).unwrap_or_default();
    let model = model.filter(|model| !model.is_empty());
    Some(Scanned { model, model_at, max_output, tier, stream, says_usage })
}

/// Where a part of a body stands in it.
fn place_in(body: &[u8], part: &str) -> Option<(usize, usize)> {
    let start = part.as_ptr().addr().checked_sub(body.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (body.get(start..end)? == part.as_bytes()).then_some((start, end))
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

#[derive(Default)]
struct Fields<'a> {
    model: Option<Name<'a>>,
    limit: Option<u64>,
    choices: Option<u64>,
    tier: Option<String>,
    stream: Option<bool>,
    says_usage: bool,
}

#[derive(serde::Deserialize)]
#[serde(field_identifier)]
enum Key {
    #[serde(rename = "model", alias = "modelId")]
    Model,
    #[serde(rename = "max_tokens", alias = "max_completion_tokens", alias = "max_output_tokens")]
    #[serde(alias = "max_tokens_to_sample")]
    Limit,
    /// Of Gemini, Bedrock and Ollama: an object with the limit.
    #[serde(rename = "generationConfig", alias = "generation_config", alias = "inferenceConfig")]
    #[serde(alias = "options")]
    Config,
    #[serde(rename = "n")]
    Choices,
    #[serde(rename = "service_tier", alias = "serviceTier")]
    Tier,
    #[serde(rename = "stream")]
    Stream,
    #[serde(rename = "stream_options")]
    StreamOptions,
    #[serde(other)]
    Other,
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                let mut fields = Fields::default();
                while let Some(key) = map.next_key()? {
                    match key {
                        Key::Model => fields.model = Some(map.next_value()?),
                        Key::Limit => {
                            let limit = map.next_value::<Value>()?.as_u64();
                            fields.limit = fields.limit.max(limit);
                        }
                        Key::Config => {
                            let limit = limit_in(&map.next_value()?);
                            fields.limit = fields.limit.max(limit);
                        }
                        Key::Choices => fields.choices = map.next_value::<Value>()?.as_u64(),
                        Key::Tier => fields.tier = tier_of(&map.next_value()?),
                        Key::Stream => fields.stream = map.next_value::<Value>()?.as_bool(),
                        Key::StreamOptions => {
                            fields.says_usage = true;
                            map.next_value::<IgnoredAny>()?;
                        }
                        Key::Other => {
                            map.next_value::<IgnoredAny>()?;
                        }
                    }
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Reads)
    }
}

fn limit_in(config: &Value) -> Option<u64> {
    let names = ["maxOutputTokens", "max_output_tokens", "maxTokens", "num_predict"];
    names.iter().find_map(|name| config.get(name)?.as_u64())
}

/// `OpenAI`'s name, or Bedrock's object around it.
fn tier_of(tier: &Value) -> Option<String> {
    tier.as_str().or_else(|| tier.get("type")?.as_str()).map(str::to_owned)
}

/// A name, borrowed from the body unless it is escaped.
enum Name<'a> {
    Borrowed(&'a str),
    Owned(String),
    Odd,
}

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl<'de> Visitor<'de> for Reads {
            type Value = Name<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Name<'de>, E> {
                Ok(Name::Borrowed(name))
            }

            fn visit_str<E>(self, name: &str) -> Result<Name<'de>, E> {
                Ok(Name::Owned(name.to_owned()))
            }

            fn visit_unit<E>(self) -> Result<Name<'de>, E> {
                Ok(Name::Odd)
            }
        }
        deserializer.deserialize_any(Reads)
    }
}
