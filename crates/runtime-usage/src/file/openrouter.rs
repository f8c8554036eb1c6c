//! Reads the list of models that `OpenRouter`'s API has at `/api/v1/models`: dollars per token, as texts.

use std::sync::Arc;

use super::names::Prices;
use super::node::Node;
use super::quotes::Quotes;
use super::skipped::SkipReason;
use super::walk::{Path, Per, Walk};
use crate::kind::TokenKind;
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// Whether an object is the list: it has `data`, whose items have their `pricing`.
pub(super) fn is_list(root: &Node<'_>) -> bool {
    let Some(Node::List(models)) = root.get("data") else { return false };
    models.iter().any(|model| model.get("pricing").is_some())
}

pub(super) fn read(root: &Node<'_>, walk: &mut Walk) -> Prices {
    // Of equal names the last one counts: an id, and not the name of a version.
    let (mut prices, mut ids) = (Prices::default(), Vec::new());
    let data = walk.required(Path::Root, root, "data");
    let at = Path::Key(&Path::Root, "data");
    let models = data.and_then(|data| walk.list(at, data, "an array of models"));
    for (place, model) in models.into_iter().flatten().enumerate() {
        let at = match model.get("id") {
            Some(Node::Text(id)) if !id.is_empty() => Path::Key(&at, id),
            _ => Path::Index(&at, place),
        };
        let quotes = walk.whole(|walk| {
            let id = walk.required(at, model, "id")?;
            let id = walk.text(Path::Key(&at, "id"), id, "the id of a model")?;
            let name = walk.name(Path::Key(&at, "id"), id)?;
            let pricing = walk.required(at, model, "pricing")?;
            Some((name, quotes(Path::Key(&at, "pricing"), pricing, walk)))
        });
        let Some((name, quotes)) = quotes.flatten() else { continue };
        if quotes.is_empty() || (quotes.are_free() && costs_otherwise(model)) {
            walk.skip(at, SkipReason::NoTokenPrices);
        } else if let Some(all) = quotes.finish() {
            let all = Arc::new(all);
            if let Some(Node::Text(slug)) = model.get("canonical_slug") {
                prices.named.push((slug.to_lowercase().into(), Arc::clone(&all)));
            }
            ids.push((format!("openrouter/{name}").into(), Arc::clone(&all)));
            ids.push((name, all));
            prices.models += 1;
        } else {
            walk.skip(at, SkipReason::Incomplete);
        }
    }
    prices.named.append(&mut ids);
    prices
}

/// Whether a model whose tokens are free costs something each time.
fn costs_otherwise(model: &Node<'_>) -> bool {
    let each_time = ["request", "image", "image_output", "image_token"];
    let mut pricing = model.get("pricing").map(Node::entries).into_iter().flatten();
    pricing.any(|(key, value)| each_time.contains(&&**key) && charges(value))
}

fn quotes(at: Path<'_>, pricing: &Node<'_>, walk: &mut Walk) -> Quotes {
    let mut quotes = Quotes::default();
    for (key, value) in walk.object(at, pricing, "an object of prices").into_iter().flatten() {
        if *key == "overrides" {
            let at = Path::Key(&at, key);
            let list = walk.list(at, value, "an array of overrides").into_iter().flatten();
            for (place, prices) in list.enumerate() {
                overridden(Path::Index(&at, place), prices, &mut quotes, walk);
            }
        } else {
            quote(at, (&**key, value), |kind, price| quotes.set(STANDARD, 0, kind, price), walk);
        }
    }
    quotes
}

const STANDARD: ServiceTier = ServiceTier::Standard;

/// `{"min_prompt_tokens": 200000, "prompt": "0.000006"}`: prices from a size on, or at some hours, of which the
/// higher ones count, since a table does not know the time of day.
fn overridden(at: Path<'_>, prices: &Node<'_>, quotes: &mut Quotes, walk: &mut Walk) {
    const SIZE: &str = "min_prompt_tokens";
    let from = prices.get(SIZE).filter(|from| !from.is_null());
    let above = match from.map(|from| walk.whole_number(Path::Key(&at, SIZE), from)) {
        Some(None) => return,
        Some(Some(from)) => from.saturating_sub(1),
        None => 0,
    };
    let is_hourly = prices.entries().iter().any(|(key, _)| key.starts_with("utc_"));
    if is_hourly {
        walk.skip(at, SkipReason::NotNow);
    }
    for (key, value) in walk.object(at, prices, "an override").into_iter().flatten() {
        if *key == SIZE || key.starts_with("utc_") {
            continue;
        }
        let set = |kind, price| {
            if is_hourly {
                quotes.raise(STANDARD, above, kind, price);
            } else {
                quotes.set(STANDARD, above, kind, price);
            }
        };
        quote(at, (&**key, value), set, walk);
    }
}

fn quote(
    at: Path<'_>,
    (key, value): (&str, &Node<'_>),
    set: impl FnOnce(TokenKind, Usd),
    walk: &mut Walk,
) {
    let at = Path::Key(&at, key);
    let kind = match key {
        "prompt" => TokenKind::Input,
        "completion" => TokenKind::Output,
        "input_cache_read" => TokenKind::CacheRead,
        "input_cache_write" => TokenKind::CacheWrite,
        "input_cache_write_1h" => TokenKind::CacheWrite1h,
        // Most have zeros there, and mean the price of any other token.
        "internal_reasoning" if charges(value) => TokenKind::Reasoning,
        "audio" if charges(value) => TokenKind::InputAudio,
        "audio_output" if charges(value) => TokenKind::OutputAudio,
        _ => {
            if charges(value) {
                walk.skip(at, SkipReason::Surcharge);
            }
            return;
        }
    };
    if let Some(price) = walk.usd_or_text(at, value, Per::Token) {
        set(kind, price);
    }
}

/// Whether a value is a price that is not zero.
fn charges(value: &Node<'_>) -> bool {
    match value {
        Node::Number(number) => number.is_positive(),
        Node::Text(text) => text.parse::<f64>().is_ok_and(|price| price > 0.0),
        _ => false,
    }
}
