//! The grammar of the price keys of `LiteLLM`:
//! `BASE[_above_1hr][_above_{N}k_tokens][_priority|_flex|_batches|_ultrafast]`, the suffixes in any order.

use crate::kind::TokenKind;
use crate::tier::ServiceTier;

/// The meaning of a price key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) kind: TokenKind,
    pub(super) tier: ServiceTier,
    /// The price applies above this number of input tokens.
    pub(super) above: u64,
    /// Whether another key with the same meaning takes precedence.
    pub(super) second_choice: bool,
}

/// If one starts with another, the longer one comes first.
const BASES: [(&str, TokenKind); 8] = [
    ("input_cost_per_token_cache_hit", TokenKind::CacheRead),
    ("input_cost_per_token", TokenKind::Input),
    ("output_cost_per_token", TokenKind::Output),
    ("cache_creation_input_token_cost", TokenKind::CacheWrite),
    ("cache_read_input_token_cost", TokenKind::CacheRead),
    ("input_cost_per_audio_token", TokenKind::InputAudio),
    ("output_cost_per_audio_token", TokenKind::OutputAudio),
    ("output_cost_per_reasoning_token", TokenKind::Reasoning),
];

const TIERS: [(&str, ServiceTier); 4] = [
    ("_batches", ServiceTier::Batch),
    ("_flex", ServiceTier::Flex),
    ("_priority", ServiceTier::Priority),
    ("_ultrafast", ServiceTier::Ultrafast),
];

impl Field {
    /// Returns `None` if the key is not a price for tokens or has an unknown suffix.
    pub(super) fn parse(key: &str) -> Option<Self> {
        let (base, (rest, kind)) = BASES
            .iter()
            .find_map(|(base, kind)| key.strip_prefix(base).map(|rest| (base, (rest, *kind))))?;
        let mut field = Self {
            kind,
            tier: ServiceTier::Standard,
            above: 0,
            second_choice: *base == "input_cost_per_token_cache_hit",
        };
        let mut rest = rest;
        while !rest.is_empty() {
            rest = field.suffix(rest)?;
        }
        Some(field)
    }

    /// Reads one suffix and returns the rest. A suffix may occur once.
    fn suffix<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if let Some(rest) = text.strip_prefix("_above_1hr") {
            // An hour in the cache. LiteLLM's schema wrongly calls it a number of tokens.
            return (std::mem::replace(&mut self.kind, TokenKind::CacheWrite1h)
                == TokenKind::CacheWrite)
                .then_some(rest);
        }
        if let Some(rest) = text.strip_prefix("_above_") {
            let (thousands, rest) = rest.split_once("k_tokens")?;
            let above = thousands.parse::<u64>().ok()?.checked_mul(1_000)?;
            return (above > 0 && std::mem::replace(&mut self.above, above) == 0).then_some(rest);
        }
        let (rest, tier) =
            TIERS.iter().find_map(|(suffix, tier)| Some((text.strip_prefix(suffix)?, *tier)))?;
        (std::mem::replace(&mut self.tier, tier) == ServiceTier::Standard).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn price_key_is_parsed_into_base_and_suffixes() {
        let field = |kind, tier, above| Some(Field { kind, tier, above, second_choice: false });
        for (key, expected) in [
            ("input_cost_per_token", field(TokenKind::Input, ServiceTier::Standard, 0)),
            ("output_cost_per_token_batches", field(TokenKind::Output, ServiceTier::Batch, 0)),
            (
                "cache_creation_input_token_cost_above_1hr_above_200k_tokens",
                field(TokenKind::CacheWrite1h, ServiceTier::Standard, 200_000),
            ),
            (
                "input_cost_per_token_above_272k_tokens_priority",
                field(TokenKind::Input, ServiceTier::Priority, 272_000),
            ),
            (
                "output_cost_per_token_flex_above_7k_tokens",
                field(TokenKind::Output, ServiceTier::Flex, 7_000),
            ),
            (
                "output_cost_per_reasoning_token",
                field(TokenKind::Reasoning, ServiceTier::Standard, 0),
            ),
            (
                "input_cost_per_audio_token_priority",
                field(TokenKind::InputAudio, ServiceTier::Priority, 0),
            ),
            ("output_cost_per_image_token", None),
            ("input_cost_per_token_balanced", None),
            ("input_cost_per_token_above_1hr", None),
            ("input_cost_per_token_flex_priority", None),
            ("input_cost_per_token_above_0k_tokens", None),
            ("input_cost_per_token_above_99999999999999999999k_tokens", None),
            ("input_cost_per_token_above_18446744073709551615k_tokens", None),
            ("input_cost_per_character", None),
            ("max_tokens", None),
            ("", None),
        ] {
            assert_eq!(Field::parse(key), expected, "{key}");
        }
        assert!(Field::parse("input_cost_per_token_cache_hit").is_some_and(|f| f.second_choice));
    }
}
