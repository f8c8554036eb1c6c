//! The lists as they are published, and what their own libraries charge by them.
//!
//! `cargo xtask world prices` fetches the lists and runs the libraries. Without its folder, in
//! `PRICES_DIR`, there is nothing to compare.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::{env, fs};

use runtime_usage::{PriceReader, PricingTable, ServiceTier, SkipReason, UsageSnapshot};
use serde::Deserialize;

#[derive(Deserialize)]
struct Turn {
    model: String,
    tier: ServiceTier,
    usage: UsageSnapshot,
    cost: Option<f64>,
}

/// Less than this share of a grid agrees only if something is wrong: `docs/prices.md` has the rest.
const LEAST: f64 = 0.94;

#[test]
fn published_lists_agree_with_their_libraries() {
    let Some(folder) = env::var_os("PRICES_DIR").map(PathBuf::from) else {
        println!("skipped: `cargo xtask world prices` fetches the published lists");
        return;
    };
    for name in ["litellm", "genai"] {
        let read = |file: String| fs::read_to_string(folder.join(&file)).expect(&file);
        let reader = PriceReader::new().as_of(&read("day".to_owned())).expect("a day");
        let list = reader.read(&read(format!("{name}.json"))).expect(name);
        let mut skipped: BTreeMap<SkipReason, usize> = BTreeMap::new();
        list.skipped.iter().for_each(|part| *skipped.entry(part.reason).or_default() += 1);
        println!("{name}: {} models with prices; skipped {skipped:?}", list.models);
        for part in list.skipped.iter().filter(|part| part.reason == SkipReason::Invalid) {
            println!("  {part}");
        }
        let table = PricingTable::new();
        table.merge(list);
        let (mut all, mut agree) = (0_u32, 0_u32);
        let mut differ: BTreeMap<String, (usize, String)> = BTreeMap::new();
        for line in read(format!("{name}.grid.jsonl")).lines() {
            let turn: Turn = serde_json::from_str(line).expect("a turn a line");
            let cost = table.price(&turn.model, &turn.usage, turn.tier);
            let cost = cost.map(|cost| cost.total.to_f64());
            let same = match (cost, turn.cost) {
                (Some(ours), Some(theirs)) => (ours - theirs).abs() <= 1e-9 + theirs * 1e-6,
                (ours, theirs) => ours.is_none() && theirs.is_none(),
            };
            all += 1;
            agree += u32::from(same);
            if !same {
                let text = format!("{} {}: {cost:?}, theirs {:?}", turn.tier, line, turn.cost);
                differ.entry(turn.model).or_insert((0, text)).0 += 1;
            }
        }
        let share = f64::from(agree) / f64::from(all);
        println!("{name}: {agree} of {all} turns agree ({:.2} %)", share * 100.0);
        for (model, (times, first)) in &differ {
            println!("  {model}: {times} differ, first {first}");
        }
        assert!(share >= LEAST, "{name}: {agree} of {all}");
    }
}
