//! The recovery of a turn, over random recipes, faults and times.

use std::time::Duration;

use proptest::collection::vec;
use proptest::prelude::*;
use runtime_events::FailureScenario;
use runtime_resilience::{
    Backoff, EscalationPolicy, Fault, FaultKind, GaveUp, JitterMode, NextAttempt, NoRetry, Recipes,
    RecoveryChanges, RecoveryRecipe, RecoverySituation, RecoveryStep, RecoveryVerdict,
    TimeoutPhase, TurnRecovery,
};

fn kind() -> impl Strategy<Value = FaultKind> {
    let phase = prop::sample::select(TimeoutPhase::ALL).prop_map(FaultKind::Timeout);
    prop_oneof![1 => phase, 4 => prop::sample::select(FaultKind::ALL.to_vec())]
}

fn asked() -> impl Strategy<Value = Option<Duration>> {
    prop_oneof![
        3 => Just(None),
        3 => (0..90_000_u64).prop_map(|ms| Some(Duration::from_millis(ms))),
        1 => any::<u64>().prop_map(|s| Some(Duration::from_secs(s))),
    ]
}

/// Of any kind, and as odd as rows of the caller's can make it.
fn fault() -> impl Strategy<Value = Fault> {
    let odd = prop::option::of((any::<bool>(), any::<bool>()));
    (kind(), asked(), odd).prop_map(|(kind, asked, odd)| {
        let mut fault = Fault::of(kind);
        fault.asked = asked;
        if let Some((retry, elsewhere)) = odd {
            fault.retry = retry && kind.may_pass();
            fault.elsewhere = elsewhere;
        }
        fault
    })
}

fn steps() -> impl Strategy<Value = Vec<RecoveryStep>> {
    let step = prop::sample::select(RecoveryStep::ALL);
    let some = vec(step, 0..4);
    // Rarely a person, since that ends the recovery.
    (some, 0..8_u8).prop_map(|(mut steps, person)| {
        if person > 0 {
            steps.retain(|step| *step != RecoveryStep::EscalateToHuman);
        }
        steps
    })
}

fn recipes() -> impl Strategy<Value = Recipes> {
    let recipe = prop::option::of((steps(), 0..4_u32));
    vec(recipe, FailureScenario::ALL.len()).prop_map(|own| {
        let own = own.into_iter().zip(FailureScenario::ALL);
        own.fold(Recipes::default(), |recipes, (own, &scenario)| {
            let Some((steps, attempts)) = own else { return recipes };
            let policy = EscalationPolicy::LogAndContinue;
            recipes.with(RecoveryRecipe::new(scenario, steps, attempts, policy))
        })
    })
}

fn backoff() -> impl Strategy<Value = Backoff> {
    let cap = prop_oneof![0..100_000_u64, any::<u64>()];
    let jitter = prop::sample::select(JitterMode::ALL);
    let initial = (1..5_000_u64).prop_map(Duration::from_millis);
    (initial, 1.0..5.0_f64, cap, jitter).prop_map(|(initial, factor, cap, jitter)| {
        let backoff = Backoff::new(initial, factor).expect("it does not shrink");
        backoff.cap(Duration::from_millis(cap)).jitter(jitter)
    })
}

proptest! {
    #[test]
    fn a_turn_recovers_only_by_what_can_help_and_only_in_its_time(
        recipes in recipes(),
        backoff in backoff(),
        seed in any::<u64>(),
        total in prop::option::of(prop_oneof![0..300_000_u64, any::<u64>()]),
        same_request in any::<bool>(),
        // The fault, whether there is another place, and the length of the attempt.
        failures in vec((fault(), any::<bool>(), 0..10_000_u64), 0..30),
    ) {
        let most: u64 =
            FailureScenario::ALL.iter().map(|&on| u64::from(recipes.get(on).max_attempts)).sum();
        let total = total.map(Duration::from_millis);
        let rng = fastrand::Rng::with_seed(seed);
        let mut turn = TurnRecovery::new(recipes.clone(), backoff).with_rng(rng);
        if same_request {
            turn = turn.same_request();
        }
        let (mut left, mut waited, mut again) = (total, Duration::ZERO, 0_u64);
        let mut used = vec![0_u32; FailureScenario::ALL.len()];
        let mut reductions = 0;
        for (fault, elsewhere, takes) in failures {
            left = left.map(|left| left.saturating_sub(Duration::from_millis(takes)));
            let scenario = fault.scenario();
            let recipe = recipes.get(scenario);
            let used = &mut used[scenario as usize];
            let before = turn.changes();
            match turn.after(&fault, RecoverySituation { left, elsewhere }) {
                RecoveryVerdict::GiveUp(why) => {
                    prop_assert_eq!(turn.changes(), before, "nothing was done");
                    match why {
                        GaveUp::AttemptsUsedUp { max_attempts, scenario: on } => {
                            prop_assert_eq!((on, max_attempts), (scenario, recipe.max_attempts));
                            prop_assert_eq!(*used, max_attempts);
                            continue;
                        }
                        GaveUp::Human => {
                            prop_assert!(recipe.steps.contains(&RecoveryStep::EscalateToHuman));
                        }
                        GaveUp::NothingHelps(NoRetry::Deadline { wait, left: told }) => {
                            prop_assert_eq!(Some(told), left);
                            prop_assert!(wait >= told);
                        }
                        GaveUp::NothingHelps(NoRetry::TooLong { asked, cap }) => {
                            prop_assert_eq!(Some(asked), fault.asked);
                            prop_assert!(asked > cap && cap == backoff.longest());
                        }
                        GaveUp::NothingHelps(_) => {}
                        other => prop_assert!(false, "not for this to say: {}", other),
                    }
                    *used += 1;
                }
                RecoveryVerdict::Again(next) => {
                    *used += 1;
                    again += 1;
                    prop_assert!(*used <= recipe.max_attempts);
                    let NextAttempt { wait, switch, steps, skipped, .. } = next;

                    // Each step is taken or skipped, in its order.
                    let mut all = [steps.clone(), skipped.clone()].concat();
                    let mut expected = recipe.steps.to_vec();
                    all.sort_unstable_by_key(|step| step.as_str());
                    expected.sort_unstable_by_key(|step| step.as_str());
                    prop_assert_eq!(all, expected);
                    prop_assert!(!steps.contains(&RecoveryStep::EscalateToHuman));
                    let changing = |step: &RecoveryStep| step.changes_the_request();
                    let never = if same_request { &steps } else { &skipped };
                    prop_assert!(!never.iter().any(changing));

                    // Something can help.
                    let changed = steps.iter().any(changing);
                    let repeats = steps.contains(&RecoveryStep::RetryWithBackoff)
                        || skipped.iter().any(changing);
                    let stays = fault.retry && repeats;
                    prop_assert!(switch || changed || stays, "nothing helps against {:?}", fault);
                    prop_assert!(!switch || (elsewhere && fault.elsewhere));
                    prop_assert_eq!(switch, steps.contains(&RecoveryStep::SwitchProvider));

                    // At least the asked wait, and at most the time left.
                    prop_assert!(switch || fault.asked.is_none_or(|asked| wait >= asked));
                    prop_assert!(wait <= backoff.longest());
                    prop_assert!(left.is_none_or(|left| wait < left));
                    prop_assert!(!switch || wait.is_zero());
                    left = left.map(|left| left.saturating_sub(wait));
                    waited = waited.saturating_add(wait);

                    let smaller = RecoveryStep::RetryWithSmallerContext;
                    reductions += steps.iter().filter(|step| **step == smaller).count();
                    let RecoveryChanges { context_reductions, .. } = turn.changes();
                    prop_assert_eq!(context_reductions as usize, reductions);
                }
            }
        }
        prop_assert!(again <= most);
        prop_assert!(total.is_none_or(|total| waited.is_zero() || waited < total));
    }

    #[test]
    fn a_context_only_ever_gets_smaller(full in any::<u64>(), times in 0..200_u32) {
        let recipe = RecoveryRecipe::new(
            FailureScenario::ContextOverflow,
            vec![RecoveryStep::RetryWithSmallerContext],
            u32::MAX,
            EscalationPolicy::Abort,
        );
        let mut turn = TurnRecovery::new(Recipes::default().with(recipe), Backoff::default());
        let mut budget = full;
        for _ in 0..times {
            let verdict = turn.after(&Fault::of(FaultKind::ContextLength), RecoverySituation::default());
            prop_assert!(matches!(verdict, RecoveryVerdict::Again(_)));
            let smaller = turn.changes().context_budget(full);
            prop_assert!(smaller < budget || budget == 0);
            budget = smaller;
        }
    }
}
