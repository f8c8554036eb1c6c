//! [`PriceFormat`]: the formats of price lists, and how they are recognised.

use std::fmt;

use serde::de::Error as _;

use super::error::{Broken, PricingParseError};
use super::litellm::is_price;
use super::node::Node;
use super::openrouter;
use super::walk::Path;

/// The format of a price list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PriceFormat {
    /// `{"models": {…}}`: an object of [`ModelPricing`](crate::ModelPricing) by model. Other keys that
    /// start with `_` are comments. Recognised by the key `models`.
    Original,
    /// `model_prices_and_context_window.json` of `LiteLLM`. Recognised by an entry with
    /// `litellm_provider` or a price for tokens.
    LiteLlm,
    /// `api.json` of models.dev. Recognised by a provider with `models`.
    ModelsDev,
    /// The list of models of `OpenRouter`'s API. Recognised by `data`, whose items have their `pricing`.
    OpenRouter,
    /// `data.json` of genai-prices. Recognised as an array of providers with `models`.
    GenaiPrices,
}

impl PriceFormat {
    /// The format of a list.
    pub(super) fn of(root: &Node<'_>) -> Result<Self, PricingParseError> {
        let format = match root {
            Node::List(providers) => {
                let any = providers.iter().any(|provider| provider.get("models").is_some());
                any.then_some(Self::GenaiPrices)
            }
            Node::Object(entries) if entries.iter().any(|(key, _)| key == "models") => {
                Some(Self::Original)
            }
            Node::Object(_) if openrouter::is_list(root) => Some(Self::OpenRouter),
            Node::Object(entries) => entries.iter().find_map(|(_, entry)| Self::of_entry(entry)),
            _ => None,
        };
        format.ok_or_else(|| unknown(root))
    }

    fn of_entry(entry: &Node<'_>) -> Option<Self> {
        entry.entries().iter().find_map(|(key, _)| match &**key {
            "models" => Some(Self::ModelsDev),
            "litellm_provider" => Some(Self::LiteLlm),
            key => is_price(key).then_some(Self::LiteLlm),
        })
    }
}

/// The error for a text in none of the formats.
fn unknown(root: &Node<'_>) -> PricingParseError {
    const LOOKED_FOR: &str = "an object with the key `models`, an object of entries with \
        `litellm_provider` or a price for tokens (LiteLLM), an object of providers with `models` \
        (models.dev), an array of providers with `models` (genai-prices), or `data` with `pricing` \
        (OpenRouter)";

    let error = match root {
        Node::Object(_) => {
            serde_json::Error::custom(format_args!("unknown format, expected {LOOKED_FOR}"))
        }
        other => serde_json::Error::invalid_type(other.unexpected(), &LOOKED_FOR),
    };
    PricingParseError::new(Broken { at: Path::Root.to_string(), error }, Vec::new())
}

impl fmt::Display for PriceFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Original => "techrevati-runtime",
            Self::LiteLlm => "LiteLLM",
            Self::ModelsDev => "models.dev",
            Self::OpenRouter => "OpenRouter",
            Self::GenaiPrices => "genai-prices",
        })
    }
}
