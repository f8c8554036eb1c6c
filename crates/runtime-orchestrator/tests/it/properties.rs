//! A session, compared with a naive model after every step. At the end every law is checked.

mod deadlines;
mod drain;
mod driver;
mod kinds;
mod logs;
mod model;
mod ops;
mod recovering;

use proptest::collection::vec;
use proptest::prelude::*;

use self::driver::Driver;
use self::ops::{Ending, Op, Setting};

proptest! {
    #[test]
    fn session_agrees_with_its_model(
        setting in any_setting(),
        ops in vec(any_op(), 0..40),
        ending in any_ending(),
    ) {
        Driver::new(setting).run(&ops, ending);
    }
}

fn any_setting() -> impl Strategy<Value = Setting> {
    let budget = prop_oneof![Just(None), (0..400_u64, any::<bool>()).prop_map(Some),];
    let deadline = prop_oneof![Just(None), (1..120_u64).prop_map(Some)];
    (0..30_u32, prop::option::of(1..4_u32), budget, deadline, any::<[bool; 3]>(), 1..12_usize)
        .prop_map(|(cap, threshold, budget, deadline, flags, log)| Setting {
            cap,
            threshold,
            budget,
            deadline,
            guarded: flags[0],
            permissions: flags[1],
            gate: flags[2],
            log,
        })
}

fn any_op() -> impl Strategy<Value = Op> {
    // The model's name: with a price, without a price, unmetered.
    let name = prop::sample::select(vec!["m", "m", "m", "dear", ""]);
    let tokens = 0..200_u64;
    prop_oneof![
        6 => (name.clone(), tokens.clone()).prop_map(|(name, tokens)| Op::Answered(name, tokens)),
        3 => name.clone().prop_map(Op::Failed),
        2 => (name.clone(), 1..40_u64).prop_map(|(name, timeout)| Op::TimedOut(name, timeout)),
        1 => name.clone().prop_map(Op::Dropped),
        1 => name.clone().prop_map(Op::Panicked),
        1 => name.clone().prop_map(Op::BadPrompt),
        1 => (name.clone(), tokens.clone()).prop_map(|(name, tokens)| Op::BadAnswer(name, tokens)),
        3 => (name, prop::option::of(tokens.clone()))
            .prop_map(|(name, observed)| Op::Hold(name, observed)),
        2 => (any::<prop::sample::Index>(), tokens).prop_map(|(at, tokens)| Op::Settle(at, tokens)),
        1 => any::<prop::sample::Index>().prop_map(Op::Fail),
        2 => any::<prop::sample::Index>().prop_map(Op::Release),
        6 => any_tool().prop_map(Op::Tool),
        1 => Just(Op::Gate),
        1 => any::<bool>().prop_map(Op::Pause),
        1 => Just(Op::PauseTwice),
        1 => any::<bool>().prop_map(Op::Handoff),
        1 => any_ending().prop_map(Op::End),
        1 => any::<bool>().prop_map(Op::EndedInRegistry),
        1 => Just(Op::Removed),
        4 => (1..40_u64).prop_map(Op::Advance),
    ]
}

fn any_tool() -> impl Strategy<Value = ops::Tool> {
    use ops::Tool::{BadArgs, BadResult, Denied, Dropped, Failed, Ok, Panicked, TimedOut};
    prop_oneof![
        2 => Just(Ok),
        1 => Just(Failed),
        1 => Just(Denied),
        1 => Just(BadArgs),
        1 => Just(BadResult),
        1 => (1..40_u64).prop_map(TimedOut),
        1 => Just(Dropped),
        1 => Just(Panicked),
    ]
}

fn any_ending() -> impl Strategy<Value = Ending> {
    use Ending::{Cancel, CancelByHandle, Complete, Drop, Fail};
    prop::sample::select(vec![Complete, Fail, Cancel, CancelByHandle, Drop])
}
