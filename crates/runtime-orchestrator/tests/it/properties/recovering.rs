//! Recovering turns with random scripts keep the laws.

mod laws;
mod scene;

use proptest::collection::vec;
use proptest::prelude::*;
use runtime_events::FailureScenario;
use runtime_resilience::{FaultKind, RecoveryStep, TimeoutPhase};

use self::scene::{Act, Cut, End, Handler, Run, Scene, Setting};

proptest! {
    #[test]
    fn recovering_turn_keeps_the_laws(
        setting in setting(),
        runs in vec(run(), 1..4),
    ) {
        let mut scene = Scene::new(setting);
        for run in &runs {
            scene.play(run);
        }
        scene.finish();
    }
}

fn seconds(most: u64) -> impl Strategy<Value = Option<u64>> {
    prop_oneof![2 => Just(None), 1 => (0..most).prop_map(Some)]
}

prop_compose! {
    fn setting()(
        routes in 0..4_usize,
        order in 0..4_u8,
        half_open in any::<bool>(),
        fail_open in any::<bool>(),
        recipes in recipes(),
        budget in prop::option::of(0..8_u64),
        retries in prop_oneof![Just(1_000_u32), 0..4_u32],
        deadline in seconds(200),
        handler in handler(),
        guarded in any::<bool>(),
        objects in prop::bool::weighted(0.1),
        hedge in seconds(4),
    ) -> Setting {
        let flags = [half_open, fail_open, guarded, objects];
        Setting { routes, order, flags, recipes, budget, retries, deadline, handler, hedge }
    }
}

fn handler() -> impl Strategy<Value = Option<Handler>> {
    prop_oneof![
        4 => Just(None),
        4 => (0..3_usize, 0..5_u64).prop_map(|(polls, takes)| Some(Handler::Takes(polls, takes))),
        1 => Just(Some(Handler::Fails)),
        1 => Just(Some(Handler::Panics)),
    ]
}

/// Replacements of default recipes, with few steps.
fn recipes() -> impl Strategy<Value = Vec<(FailureScenario, Vec<RecoveryStep>, u32)>> {
    let scenario = prop::sample::select(FailureScenario::ALL);
    let step = prop::sample::select(RecoveryStep::ALL);
    vec((scenario, vec(step, 0..4), 0..4_u32), 0..4)
}

prop_compose! {
    fn run()(
        thread in prop::bool::weighted(0.3),
        acts in vec(act(), 0..6),
        attempt in seconds(12),
        first_token in seconds(6),
        idle in seconds(4),
        total in seconds(60),
        cut in prop::option::weighted(0.3, (1..30_usize, cut())),
    ) -> Run {
        Run { thread, acts, times: [attempt, first_token, idle, total], cut }
    }
}

fn cut() -> impl Strategy<Value = Cut> {
    prop_oneof![3 => Just(Cut::Dropped), 1 => Just(Cut::Cancelled), 1 => Just(Cut::Late)]
}

prop_compose! {
    fn act()(
        polls in 0..3_usize,
        takes in 0..8_u64,
        token in any::<bool>(),
        used in prop::option::of(0..2_000_000_u64),
        end in end(),
    ) -> Act {
        Act { polls, takes, token, used, end }
    }
}

fn end() -> impl Strategy<Value = End> {
    let asked = prop_oneof![
        2 => Just(None),
        2 => (0..70_u64).prop_map(Some),
        1 => any::<u64>().prop_map(Some)
    ];
    prop_oneof![
        2 => Just(End::Answer),
        8 => (kind(), asked).prop_map(|(kind, asked)| End::Fault(kind, asked)),
        1 => prop::sample::select(vec!["503", "429", "timed out", "401", "who knows", "corrupt"])
            .prop_map(End::Text),
        1 => Just(End::Panic),
        1 => Just(End::Hang),
    ]
}

fn kind() -> impl Strategy<Value = FaultKind> {
    let phase = prop::sample::select(TimeoutPhase::ALL).prop_map(FaultKind::Timeout);
    prop_oneof![1 => phase, 7 => prop::sample::select(FaultKind::ALL.to_vec())]
}
