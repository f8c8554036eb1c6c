//! Reads our own format, `{"models": {…}}`. Every key is checked.

use std::sync::Arc;

use serde::de::Error as _;

use super::names::Prices;
use super::node::Node;
use super::walk::{Path, Per, Walk};
use crate::pricing::ModelPricing;
use crate::usd::Usd;

pub(super) fn read(root: &Node<'_>, walk: &mut Walk) -> Prices {
    let mut prices = Vec::new();
    let object = walk.object(Path::Root, root, "an object with the key `models`");
    let mut models = None;
    for (key, value) in object.into_iter().flatten() {
        if key == "models" {
            if models.replace(value).is_some() {
                walk.fail(Path::Root, serde_json::Error::duplicate_field("models"));
            }
        } else if !key.starts_with('_') {
            walk.fail(Path::Root, serde_json::Error::unknown_field(key, &["models"]));
        }
    }
    if let Some(models) = models {
        let at = Path::Key(&Path::Root, "models");
        for (model, value) in
            walk.object(at, models, "an object of prices by model").into_iter().flatten()
        {
            let Some(name) = walk.name(at, model) else { continue };
            if let Some(pricing) = pricing(Path::Key(&at, model), value, walk) {
                prices.push((name, Arc::new(pricing.into())));
            }
        }
    } else if object.is_some() {
        walk.fail(Path::Root, serde_json::Error::missing_field("models"));
    }
    Prices { models: prices.len(), named: prices, ..Prices::default() }
}

const FIELDS: [&str; 8] = [
    "input_per_million",
    "output_per_million",
    "cache_write_per_million",
    "cache_read_per_million",
    "cache_write_1h_per_million",
    "input_audio_per_million",
    "output_audio_per_million",
    "reasoning_per_million",
];

fn pricing(at: Path<'_>, node: &Node<'_>, walk: &mut Walk) -> Option<ModelPricing> {
    let mut found: [Option<Option<Usd>>; FIELDS.len()] = Default::default();
    for (key, value) in walk.object(at, node, "an object of prices")? {
        let Some(field) = FIELDS.iter().position(|field| field == key) else {
            walk.fail(Path::Key(&at, key), serde_json::Error::unknown_field(key, &FIELDS));
            continue;
        };
        // Optional prices may be null.
        let price = if field >= 4 && value.is_null() {
            None
        } else {
            walk.usd(Path::Key(&at, key), value, Per::Million)
        };
        if found[field].replace(price).is_some() {
            walk.fail(at, serde_json::Error::duplicate_field(FIELDS[field]));
        }
    }
    for field in 0..2 {
        if found[field].is_none() {
            walk.fail(at, serde_json::Error::missing_field(FIELDS[field]));
        }
    }
    let [input, output, write, read, write_1h, input_audio, output_audio, reasoning] =
        found.map(Option::flatten);
    Some(ModelPricing {
        input_per_million: input?,
        output_per_million: output?,
        cache_write_per_million: write.unwrap_or_default(),
        cache_read_per_million: read.unwrap_or_default(),
        cache_write_1h_per_million: write_1h,
        input_audio_per_million: input_audio,
        output_audio_per_million: output_audio,
        reasoning_per_million: reasoning,
    })
}
