//! `LiteLLM`'s `model_prices_and_context_window.json`: dollars per token, under keys that are a
//! grammar.

mod grammar;

use std::sync::Arc;

use self::grammar::Field;
use super::format::PriceFormat;
use super::list::{PriceList, SkipReason};
use super::node::Node;
use super::quotes::Quotes;
use super::walk::{Path, Per, Walk};
use crate::kind::TokenKind;
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// Whether the key of an entry is a price for tokens.
pub(super) fn is_price(key: &str) -> bool {
    Field::parse(key).is_some()
}

pub(super) fn read(root: &Node<'_>, walk: &mut Walk) -> PriceList {
    let mut prices = Vec::new();
    for (model, entry) in
        walk.object(Path::Root, root, "an object of entries by model").into_iter().flatten()
    {
        let at = Path::Key(&Path::Root, model);
        if NOT_MODELS.contains(&&**model) {
            walk.skip(at, SkipReason::NotAModel);
            continue;
        }
        let Some(name) = walk.name(Path::Root, model) else { continue };
        let quotes = quotes(at, entry, walk);
        if quotes.is_empty() {
            walk.skip(at, SkipReason::NoTokenPrices);
        } else if let Some(all) = quotes.finish() {
            prices.push((name, Arc::new(all)));
        } else {
            walk.skip(at, SkipReason::Incomplete);
        }
    }
    PriceList {
        format: PriceFormat::LiteLlm,
        models: prices.len(),
        prices,
        rules: Vec::new(),
        skipped: Vec::new(),
        ambiguous: Vec::new(),
    }
}

const NOT_MODELS: [&str; 2] = ["sample_spec", "fallback_generalizations"];

/// The modes that answer with something other than tokens.
const WITHOUT_OUTPUT: [&str; 3] = ["embedding", "moderation", "rerank"];

fn quotes(at: Path<'_>, entry: &Node<'_>, walk: &mut Walk) -> Quotes {
    let mut quotes = Quotes::default();
    let entries = walk.object(at, entry, "an object of prices").into_iter().flatten();
    for (key, value) in entries {
        if let Some(field) = Field::parse(key) {
            quote(Path::Key(&at, key), field, 0, value, &mut quotes, walk);
        }
    }
    if let Some(ranges) = entry.get("tiered_pricing").filter(|ranges| !ranges.is_null()) {
        tiered(Path::Key(&at, "tiered_pricing"), ranges, &mut quotes, walk);
    }
    if let Some(Node::Text(mode)) = entry.get("mode")
        && WITHOUT_OUTPUT.contains(&&**mode)
        && quotes.has_base(TokenKind::Input)
        && !quotes.has_base(TokenKind::Output)
    {
        quotes.set(ServiceTier::Standard, 0, TokenKind::Output, Usd::ZERO);
    }
    quotes
}

/// `above` is the threshold where the field names none.
fn quote(
    at: Path<'_>,
    field: Field,
    above: u64,
    value: &Node<'_>,
    quotes: &mut Quotes,
    walk: &mut Walk,
) {
    if value.is_null() {
        return;
    }
    let Some(price) = walk.usd(at, value, Per::Token) else { return };
    if !(field.second_choice && quotes.has_base(field.kind)) {
        quotes.set(field.tier, field.above.max(above), field.kind, price);
    }
}

/// `[{"range": [0, 256000], …}, …]`: a range holds for more tokens than its lower end, and the last
/// one for any number beyond.
fn tiered(at: Path<'_>, ranges: &Node<'_>, quotes: &mut Quotes, walk: &mut Walk) {
    let ranges = walk.list(at, ranges, "a sequence of ranges").into_iter().flatten();
    for (place, range) in ranges.enumerate() {
        let at = Path::Index(&at, place);
        let Some(entries) = walk.object(at, range, "a range with prices") else { continue };
        let Some(ends) = walk.required(at, range, "range") else { continue };
        let ends_at = Path::Key(&at, "range");
        let Some(ends) = walk.list(ends_at, ends, "a range of tokens") else { continue };
        let [from, _] = ends else {
            walk.refuse(ends_at, "a range of tokens has two ends");
            continue;
        };
        let Some(above) = walk.whole_number(Path::Index(&ends_at, 0), from) else { continue };
        for (key, value) in entries {
            if let Some(field) = Field::parse(key) {
                quote(Path::Key(&at, key), field, above, value, quotes, walk);
            }
        }
    }
}
