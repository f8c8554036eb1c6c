//! Reads `api.json` of models.dev: providers and their models, in dollars per million tokens.

use std::sync::Arc;

use super::names::{Candidate, Prices};
use super::node::Node;
use super::quotes::Quotes;
use super::skipped::SkipReason;
use super::walk::{Path, Per, Walk};
use crate::kind::TokenKind;
use crate::prices::ModelPrices;
use crate::tier::ServiceTier;

pub(super) fn read(root: &Node<'_>, walk: &mut Walk) -> Prices {
    let mut candidates = Vec::new();
    let mut count = 0;
    let providers = walk.object(Path::Root, root, "an object of providers");
    for (provider, value) in providers.into_iter().flatten() {
        let at = Path::Key(&Path::Root, provider);
        if walk.object(at, value, "a provider").is_none() {
            continue;
        }
        let Some(provider) = walk.name(Path::Root, provider) else { continue };
        let Some(models) = walk.required(at, value, "models") else { continue };
        let at = Path::Key(&at, "models");
        for (model, value) in walk.object(at, models, "an object of models").into_iter().flatten() {
            let Some(name) = walk.name(at, model) else { continue };
            let read = walk.whole(|walk| prices(Path::Key(&at, model), value, walk));
            let Some(prices) = read.flatten() else { continue };
            let is_maker = MAKERS.contains(&&*provider);
            let prices = Arc::new(prices);
            let both = Candidate::both(&provider, &name, is_maker, &prices);
            candidates.extend(both);
            count += 1;
        }
    }
    Prices { models: count, ..Prices::settle(candidates) }
}

/// The providers that serve models of their own, to whom the bare names of models belong.
const MAKERS: [&str; 15] = [
    "alibaba",
    "anthropic",
    "cohere",
    "deepseek",
    "google",
    "inception",
    "llama",
    "minimax",
    "mistral",
    "moonshotai",
    "openai",
    "perplexity",
    "upstage",
    "xai",
    "zai",
];

fn prices(at: Path<'_>, model: &Node<'_>, walk: &mut Walk) -> Option<ModelPrices> {
    walk.object(at, model, "a model")?;
    let Some(cost) = model.get("cost").filter(|cost| !cost.is_null()) else {
        walk.skip(at, SkipReason::NoTokenPrices);
        return None;
    };
    let cost_at = Path::Key(&at, "cost");
    let mut quotes = Quotes::default();
    let standard = ServiceTier::Standard;
    quote(cost_at, cost, (standard, 0), &mut quotes, walk);
    let tiers_at = Path::Key(&cost_at, "tiers");
    match (cost.get("tiers"), cost.get("context_over_200k")) {
        // Newer lists have both, and `tiers` has more detail.
        (Some(tiers), _) if !tiers.is_null() => tiered(tiers_at, tiers, &mut quotes, walk),
        (_, Some(over)) if !over.is_null() => {
            let at = Path::Key(&cost_at, "context_over_200k");
            quote(at, over, (standard, 200_000), &mut quotes, walk);
        }
        _ => {}
    }
    let faster = model.get("experimental").and_then(|it| it.get("modes"));
    for (name, mode) in faster.map(Node::entries).into_iter().flatten() {
        let at = Path::Key(&at, "experimental");
        let at = Path::Key(&at, "modes");
        moded(Path::Key(&at, name), mode, &mut quotes, walk);
    }
    let prices = quotes.finish();
    if prices.is_none() {
        walk.skip(at, SkipReason::Incomplete);
    }
    prices
}

/// `{"cost": {…}, "provider": {"body": {"service_tier": "priority"}}}`: prices of a mode that a request asks for. A
/// mode that is no tier, such as `"speed": "fast"`, is a surcharge.
fn moded(at: Path<'_>, mode: &Node<'_>, quotes: &mut Quotes, walk: &mut Walk) {
    let Some(cost) = mode.get("cost").filter(|cost| !cost.is_null()) else { return };
    let body = mode.get("provider").and_then(|it| it.get("body"));
    let tier = match body.and_then(|it| it.get("service_tier")) {
        Some(Node::Text(tier)) => tier.parse().ok().filter(|it| *it != ServiceTier::Standard),
        _ => None,
    };
    match tier {
        Some(tier) => quote(Path::Key(&at, "cost"), cost, (tier, 0), quotes, walk),
        None => walk.skip(at, SkipReason::Surcharge),
    }
}

fn quote(
    at: Path<'_>,
    cost: &Node<'_>,
    (tier, above): (ServiceTier, u64),
    quotes: &mut Quotes,
    walk: &mut Walk,
) {
    for (key, value) in walk.object(at, cost, "an object of prices").into_iter().flatten() {
        let kind = match &**key {
            "input" => TokenKind::Input,
            "output" => TokenKind::Output,
            "reasoning" => TokenKind::Reasoning,
            "cache_read" => TokenKind::CacheRead,
            "cache_write" => TokenKind::CacheWrite,
            "input_audio" => TokenKind::InputAudio,
            "output_audio" => TokenKind::OutputAudio,
            _ => {
                // A request, a citation, an image, or a name that the list does not have.
                if matches!(value, Node::Number(number) if number.is_positive()) {
                    walk.skip(Path::Key(&at, key), SkipReason::Surcharge);
                }
                continue;
            }
        };
        if value.is_null() {
            continue;
        }
        if let Some(price) = walk.usd(Path::Key(&at, key), value, Per::Million) {
            quotes.set(tier, above, kind, price);
        }
    }
}

/// `[{…, "tier": {"type": "context", "size": 272000}}]`: prices that start at a context size.
fn tiered(at: Path<'_>, tiers: &Node<'_>, quotes: &mut Quotes, walk: &mut Walk) {
    let tiers = walk.list(at, tiers, "an array of tiers").into_iter().flatten();
    for (place, prices) in tiers.enumerate() {
        let at = Path::Index(&at, place);
        if walk.object(at, prices, "a tier with prices").is_none() {
            continue;
        }
        let Some(tier) = walk.required(at, prices, "tier") else { continue };
        let tier_at = Path::Key(&at, "tier");
        match tier.get("type") {
            None => {}
            Some(Node::Text(kind)) if kind == "context" => {}
            Some(_) => {
                walk.skip(at, SkipReason::UnknownTier);
                continue;
            }
        }
        let Some(size) = walk.required(tier_at, tier, "size") else { continue };
        let Some(from) = walk.whole_number(Path::Key(&tier_at, "size"), size) else { continue };
        quote(at, prices, (ServiceTier::Standard, from.saturating_sub(1)), quotes, walk);
    }
}
