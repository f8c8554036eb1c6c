//! Reads `model_prices_and_context_window.json` of `LiteLLM`: dollars per token, under keys that
//! follow a grammar.

mod grammar;

use std::collections::HashMap;
use std::sync::Arc;

use self::grammar::Field;
use super::names::Prices;
use super::node::Node;
use super::quotes::Quotes;
use super::skipped::SkipReason;
use super::walk::{Path, Per, Walk};
use crate::kind::TokenKind;
use crate::tier::ServiceTier;
use crate::usd::Usd;

/// Whether a key of an entry is a price for tokens.
pub(super) fn is_price(key: &str) -> bool {
    Field::parse(key).is_some()
}

pub(super) fn read(root: &Node<'_>, walk: &mut Walk) -> Prices {
    let (mut prices, mut aliases) = (Vec::new(), Vec::new());
    let mut qualified = Vec::new();
    for (model, entry) in
        walk.object(Path::Root, root, "an object of entries by model").into_iter().flatten()
    {
        let at = Path::Key(&Path::Root, model);
        if NOT_MODELS.contains(&&**model) {
            walk.skip(at, SkipReason::NotAModel);
            continue;
        }
        let Some(name) = walk.name(Path::Root, model) else { continue };
        let Some(quotes) = walk.whole(|walk| quotes(at, entry, walk)) else { continue };
        if let Some(Node::Text(of)) = entry.get("alias_of").filter(|_| quotes.is_empty()) {
            aliases.push((at, name, of.to_lowercase()));
        } else if quotes.is_empty() || (quotes.are_free() && costs_otherwise(entry)) {
            walk.skip(at, SkipReason::NoTokenPrices);
        } else if let Some(all) = quotes.finish() {
            let all = Arc::new(all);
            let bare = of_maker(&name).map(str::to_owned);
            let others = with_provider(&name, entry).chain(bare);
            qualified.extend(others.map(|name| (name.into(), Arc::clone(&all))));
            prices.push((name, all));
            beside_the_tokens(at, entry, walk);
        } else {
            walk.skip(at, SkipReason::Incomplete);
        }
    }
    let known: HashMap<&str, _> = prices.iter().map(|(name, all)| (&**name, all)).collect();
    for (at, name, of) in aliases {
        match known.get(&*of) {
            Some(&all) => qualified.push((name, Arc::clone(all))),
            None => walk.skip(at, SkipReason::NoTokenPrices),
        }
    }
    let models = prices.len();
    // Of equal names the last one counts: the one that the list has itself.
    qualified.append(&mut prices);
    Prices { models, named: qualified, ..Prices::default() }
}

/// The name with its provider before it, which callers of `LiteLLM` write, where the list has it bare.
fn with_provider<'n>(name: &'n str, entry: &'n Node<'_>) -> impl Iterator<Item = String> + 'n {
    let provider = match entry.get("litellm_provider") {
        Some(Node::Text(provider)) if !name.contains('/') => &**provider,
        _ => "",
    };
    // Some have one for each kind of model, as `vertex_ai-language-models`, and some have one for each API.
    let called = match provider {
        "bedrock_converse" => ["bedrock", ""],
        "cohere_chat" => ["cohere", "cohere_chat"],
        "fireworks_ai-embedding-models" => ["fireworks_ai", ""],
        provider if provider.starts_with("vertex_ai-") => ["vertex_ai", ""],
        provider => [provider, ""],
    };
    let called = called.into_iter().filter(|provider| !provider.is_empty());
    called.map(move |provider| format!("{provider}/{name}"))
}

/// The name without its provider, where that made the model itself or is named again: who asks the provider writes no
/// more.
fn of_maker(name: &str) -> Option<&str> {
    let (provider, model) = name.split_once('/')?;
    // Vertex AI alone marks a version so.
    let is_of_vertex = provider == "vertex_ai" && model.contains('@');
    let models = MAKERS.iter().find(|(maker, _)| *maker == provider).map_or(&[][..], |row| row.1);
    let is_known = models.iter().any(|beginning| model.starts_with(beginning));
    (is_known || is_of_vertex).then_some(model)
}

/// Makers, and how the names of their models begin: some serve models of others as well. The list has those of
/// `OpenAI`, Anthropic and Cohere without a provider.
const MAKERS: [(&str, &[&str]); 15] = [
    ("cloudflare", &["@cf/", "@hf/"]),
    ("dashscope", &["qwen", "qwq", "qvq"]),
    ("databricks", &["databricks-"]),
    ("deepseek", &["deepseek"]),
    ("fireworks_ai", &["accounts/fireworks/"]),
    ("gemini", &["gemini", "gemma", "learnlm", "lyria"]),
    ("minimax", &["minimax"]),
    (
        "mistral",
        &[
            "mistral",
            "ministral",
            "codestral",
            "devstral",
            "magistral",
            "pixtral",
            "voxtral",
            "open-mistral",
            "open-mixtral",
        ],
    ),
    ("moonshot", &["kimi", "moonshot"]),
    ("perplexity", &["sonar", "pplx-"]),
    ("volcengine", &["doubao"]),
    ("voyage", &["voyage", "rerank"]),
    ("watsonx", &["ibm/"]),
    ("xai", &["grok"]),
    ("zai", &["glm"]),
];

const NOT_MODELS: [&str; 2] = ["sample_spec", "fallback_generalizations"];

/// The modes whose output is not tokens.
const WITHOUT_OUTPUT: [&str; 3] = ["embedding", "moderation", "rerank"];

/// Names the charges of an entry that the prices of its tokens leave out.
fn beside_the_tokens(at: Path<'_>, entry: &Node<'_>, walk: &mut Walk) {
    for (key, value) in entry.entries() {
        let reason = match &**key {
            // A table does not know the time of day: the usual price counts.
            "off_peak_pricing" => SkipReason::NotNow,
            // The factors of a region and of a fast mode.
            "provider_specific_entry"
                if ["us", "fast"].iter().any(|it| value.get(it).is_some()) =>
            {
                SkipReason::Surcharge
            }
            // Databricks has the same prices in units of its own.
            _ if key.contains("_dbu_") => continue,
            // The factors of regions and of other places are such charges, too.
            _ if ["cost", "multiplier"].iter().any(|word| key.contains(word))
                && Field::parse(key).is_none()
                && charges(value) =>
            {
                SkipReason::Surcharge
            }
            _ => continue,
        };
        if !value.is_null() {
            walk.skip(Path::Key(&at, key), reason);
        }
    }
}

/// Whether a value is a price, or has one in it, that is not zero.
fn charges(value: &Node<'_>) -> bool {
    match value {
        Node::Number(number) => number.is_positive(),
        _ => value.entries().iter().any(|(_, value)| charges(value)),
    }
}

/// Whether an entry has a price for something other than tokens, such as seconds, pages or queries.
fn costs_otherwise(entry: &Node<'_>) -> bool {
    entry.entries().iter().any(|(key, value)| {
        let other = key.contains("cost_per_") && !is_price(key);
        other && matches!(value, Node::Number(number) if number.is_positive())
    })
}

fn quotes(at: Path<'_>, entry: &Node<'_>, walk: &mut Walk) -> Quotes {
    let mut quotes = Quotes::default();
    let entries = walk.object(at, entry, "an object of prices").into_iter().flatten();
    for (key, value) in entries {
        if let Some(field) = Field::parse(key) {
            quote(Path::Key(&at, key), field, value, &mut quotes, walk);
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

fn quote(at: Path<'_>, field: Field, value: &Node<'_>, quotes: &mut Quotes, walk: &mut Walk) {
    if value.is_null() {
        return;
    }
    let Some(price) = walk.usd(at, value, Per::Token) else { return };
    if !(field.second_choice && quotes.has_base(field.kind)) {
        quotes.set(field.tier, field.above, field.kind, price);
    }
}

/// `[{"range": [0, 256000], …}, …]`: a range applies above its lower end, and the last one also
/// beyond its upper end.
///
/// Some ranges also have an `output_range`. The length of the output is unknown before the call, so of
/// several ranges for the same input the higher prices count.
fn tiered(at: Path<'_>, ranges: &Node<'_>, quotes: &mut Quotes, walk: &mut Walk) {
    let mut last = None;
    let ranges = walk.list(at, ranges, "an array of ranges").into_iter().flatten();
    for (place, range) in ranges.enumerate() {
        let at = Path::Index(&at, place);
        let Some(entries) = walk.object(at, range, "a range with prices") else { continue };
        if range.get("range").is_none() {
            // A range of results or of seconds.
            walk.skip(at, SkipReason::UnknownTier);
            continue;
        }
        let Some(above) = lower_end(at, range, walk) else { continue };
        let again = last.replace(above) == Some(above);
        for (key, value) in entries.iter().filter(|(_, value)| !value.is_null()) {
            let Some(Field { kind, tier, .. }) = Field::parse(key) else { continue };
            let Some(price) = walk.usd(Path::Key(&at, key), value, Per::Token) else { continue };
            if again {
                quotes.raise(tier, above, kind, price);
            } else {
                quotes.set(tier, above, kind, price);
            }
        }
    }
}

fn lower_end(at: Path<'_>, range: &Node<'_>, walk: &mut Walk) -> Option<u64> {
    let ends = walk.required(at, range, "range")?;
    let at = Path::Key(&at, "range");
    let [from, _] = walk.list(at, ends, "a range of tokens")? else {
        walk.refuse(at, "a range of tokens must have two ends");
        return None;
    };
    walk.whole_number(Path::Index(&at, 0), from)
}
