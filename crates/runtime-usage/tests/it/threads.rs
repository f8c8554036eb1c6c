//! Many threads at once.

use std::thread;

use runtime_usage::{ModelPricing, PricingTable, UsageSnapshot, UsageTracker, Usd};

const THREADS: u64 = 8;
const TURNS: u64 = 2_000;

#[test]
fn eight_threads_record_and_nothing_is_lost() {
    let price = ModelPricing::per_million(Usd::from_dollars(1), Usd::from_dollars(2));
    let table = PricingTable::new();
    for model in ["a", "b", "c"] {
        table.register(model, price).unwrap();
    }
    let tracker = UsageTracker::with_pricing(table);
    let first_misses: usize = thread::scope(|scope| {
        let workers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let tracker = &tracker;
                scope.spawn(move || {
                    let mut misses = 0;
                    for turn in 0..TURNS {
                        let model = ["a", "b", "c", "unpriced"][usize::try_from(turn % 4).unwrap()];
                        let recorded = tracker.record_turn(model, &UsageSnapshot::new(1, 2));
                        misses += usize::from(recorded.first_unpriced);
                        // The table changes all the while; these prices stay the same.
                        let other = format!("other-{thread}-{}", turn % 16);
                        tracker.pricing().register(&other, price).unwrap();
                    }
                    misses
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).sum()
    });

    let turns = THREADS * TURNS;
    let totals = tracker.totals();
    assert_eq!(first_misses, 1);
    assert_eq!((totals.turns, totals.unpriced_turns), (turns, turns / 4));
    assert_eq!(totals.tokens, UsageSnapshot::new(turns, 2 * turns));
    assert_eq!(totals.cost, Usd::from_nanos(5_000 * turns * 3 / 4));
    assert_eq!(tracker.per_model_summary().values().sum::<Usd>(), totals.cost);
    assert_eq!(tracker.pricing().len(), 3 + 16 * usize::try_from(THREADS).unwrap());
}
