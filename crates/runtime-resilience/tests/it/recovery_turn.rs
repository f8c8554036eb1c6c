//! What is decided after each failure of a turn's call.

use std::time::Duration;

use runtime_events::FailureScenario;
use runtime_resilience::{
    Backoff, EscalationPolicy, Fault, FaultKind, GaveUp, JitterMode, NextAttempt, NoRetry, Recipes,
    RecoveryChanges, RecoveryRecipe, RecoverySituation, RecoveryStep, RecoveryVerdict,
    TimeoutPhase, TurnRecovery, recipe_for,
};

const CAP: Duration = Duration::from_secs(60);

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Waits 1, 2, 4 … seconds, unless asked.
fn turn() -> TurnRecovery {
    with(Recipes::default())
}

fn with(recipes: Recipes) -> TurnRecovery {
    TurnRecovery::new(recipes, Backoff::default().jitter(JitterMode::None).cap(CAP))
}

fn recipe(scenario: FailureScenario, steps: &[RecoveryStep], attempts: u32) -> Recipes {
    let steps = steps.to_vec();
    let policy = EscalationPolicy::AlertHuman;
    Recipes::default().with(RecoveryRecipe::new(scenario, steps, attempts, policy))
}

const ALONE: RecoverySituation = RecoverySituation { left: None, elsewhere: false };
const ELSEWHERE: RecoverySituation = RecoverySituation { left: None, elsewhere: true };

const fn left(seconds: u64) -> RecoverySituation {
    RecoverySituation { left: Some(s(seconds)), ..ALONE }
}

fn asking(kind: FaultKind, seconds: u64) -> Fault {
    let mut fault = Fault::of(kind);
    fault.asked = Some(s(seconds));
    fault
}

fn again(verdict: RecoveryVerdict) -> NextAttempt {
    match verdict {
        RecoveryVerdict::Again(next) => next,
        RecoveryVerdict::GiveUp(why) => panic!("gave up: {why}"),
    }
}

fn gave_up(verdict: RecoveryVerdict) -> GaveUp {
    match verdict {
        RecoveryVerdict::Again(next) => panic!("again: {next:?}"),
        RecoveryVerdict::GiveUp(why) => why,
    }
}

/// In a line: where to, after how long, by which steps and without which.
fn told(verdict: RecoveryVerdict) -> String {
    let names = |steps: &[RecoveryStep]| {
        let names: Vec<_> = steps.iter().map(|step| step.as_str()).collect();
        names.join("+")
    };
    match verdict {
        RecoveryVerdict::GiveUp(GaveUp::NothingHelps(NoRetry::Pointless)) => "-".to_owned(),
        RecoveryVerdict::GiveUp(why) => format!("no: {why}"),
        RecoveryVerdict::Again(NextAttempt { wait, switch, steps, skipped, .. }) => {
            let place = if switch { "there" } else { "here" };
            let skipped = if skipped.is_empty() {
                String::new()
            } else {
                format!(", not {}", names(&skipped))
            };
            format!("{place} in {}s: {}{skipped}", wait.as_secs_f64(), names(&steps))
        }
    }
}

#[test]
fn every_fault_kind_gets_the_steps_that_can_help() {
    const WAITS: &str = "here in 1s: retry_with_backoff, not switch_provider";
    const GOES: &str = "there in 0s: switch_provider, not retry_with_backoff";
    const SMALLER: &str = "here in 0s: retry_with_smaller_context+reduce_tool_set";
    const FORGETS: &str = "here in 0s: clear_memory_cache+restart_agent";
    const RESTARTS: &str = "here in 0s: restart_agent";
    const NO: &str = "-";
    for (kind, alone, elsewhere) in [
        (FaultKind::RateLimit, WAITS, GOES),
        (FaultKind::Quota, NO, GOES),
        (FaultKind::Overload, WAITS, GOES),
        (FaultKind::Server, WAITS, GOES),
        (FaultKind::Timeout(TimeoutPhase::Connect), WAITS, GOES),
        (FaultKind::Timeout(TimeoutPhase::FirstToken), WAITS, GOES),
        (FaultKind::Timeout(TimeoutPhase::Idle), WAITS, GOES),
        (FaultKind::Timeout(TimeoutPhase::Attempt), WAITS, GOES),
        (FaultKind::Timeout(TimeoutPhase::Total), NO, NO),
        (FaultKind::Timeout(TimeoutPhase::Provider), WAITS, GOES),
        (FaultKind::Timeout(TimeoutPhase::Unknown), WAITS, GOES),
        (FaultKind::Network, WAITS, GOES),
        (FaultKind::Auth, NO, GOES),
        (FaultKind::ContextLength, SMALLER, SMALLER),
        (FaultKind::ContentPolicy, NO, GOES),
        (FaultKind::Request, NO, NO),
        (FaultKind::Malformed, FORGETS, FORGETS),
        (FaultKind::Tool, RESTARTS, RESTARTS),
        (FaultKind::Cancelled, NO, NO),
        (FaultKind::Local, NO, NO),
        (FaultKind::Unknown, WAITS, GOES),
    ] {
        let fault = Fault::of(kind);
        // The two recipes with both steps have them in different orders, without effect.
        assert_eq!(told(turn().after(&fault, ALONE)), alone, "{kind}, alone");
        assert_eq!(told(turn().after(&fault, ELSEWHERE)), elsewhere, "{kind}, elsewhere");
    }
}

#[test]
fn bare_scenario_gets_the_steps_of_its_recipe() {
    for (scenario, alone) in [
        (FailureScenario::LlmTimeout, "here in 1s: retry_with_backoff, not switch_provider"),
        (FailureScenario::LlmError, "here in 1s: retry_with_backoff, not switch_provider"),
        (FailureScenario::ToolExecutionError, "here in 0s: restart_agent"),
        (
            FailureScenario::ContextOverflow,
            "here in 0s: retry_with_smaller_context+reduce_tool_set",
        ),
        (FailureScenario::DependencyTimeout, "here in 1s: retry_with_backoff"),
        (FailureScenario::MemoryCorruption, "here in 0s: clear_memory_cache+restart_agent"),
        (FailureScenario::ProviderFailure, "here in 1s: retry_with_backoff, not switch_provider"),
    ] {
        let fault = Fault::of_scenario(scenario);
        assert_eq!(told(turn().after(&fault, ALONE)), alone, "{scenario}");
    }
}

#[test]
fn each_scenario_has_its_own_attempts_and_they_end() {
    let mut turn = turn();
    for &scenario in FailureScenario::ALL {
        let fault = Fault::of_scenario(scenario);
        let max_attempts = recipe_for(scenario).max_attempts;
        for _ in 0..max_attempts {
            let _ = again(turn.after(&fault, ALONE));
        }
        for _ in 0..3 {
            let why = gave_up(turn.after(&fault, ALONE));
            assert_eq!(why, GaveUp::AttemptsUsedUp { max_attempts, scenario });
            assert_eq!(
                why.to_string(),
                format!("max attempts ({max_attempts}) exhausted for {scenario}")
            );
        }
    }
}

#[test]
fn skipped_steps_use_up_an_attempt() {
    let mut turn = turn();
    let refused = Fault::of(FaultKind::Auth);
    let here = gave_up(turn.after(&refused, ALONE));
    assert_eq!(here, GaveUp::NothingHelps(NoRetry::Pointless));
    let _ = again(turn.after(&Fault::of(FaultKind::Overload), ALONE));
    assert!(matches!(gave_up(turn.after(&refused, ELSEWHERE)), GaveUp::AttemptsUsedUp { .. }));
}

#[test]
fn the_delays_go_on_from_one_scenario_to_the_next() {
    let mut turn = turn();
    let kinds = [
        FaultKind::Server,
        FaultKind::Timeout(TimeoutPhase::Attempt),
        FaultKind::Network,
        FaultKind::Server,
        FaultKind::Timeout(TimeoutPhase::Idle),
    ];
    let waits: Vec<_> =
        kinds.map(|kind| again(turn.after(&Fault::of(kind), ALONE)).wait.as_secs()).into();
    assert_eq!(waits, [1, 2, 4, 8, 16]);
}

#[test]
fn asked_wait_is_kept_in_full_with_the_delay_on_top() {
    let next = again(turn().after(&asking(FaultKind::RateLimit, 20), ALONE));
    assert_eq!(next.wait, s(21));
    let next = again(turn().after(&asking(FaultKind::RateLimit, 60), ALONE));
    assert_eq!(next.wait, CAP, "the delay gives way to the cap");
    let next = again(turn().after(&asking(FaultKind::RateLimit, 20), left(21)));
    assert_eq!(next.wait, Duration::from_millis(20_500), "and leaves time for the attempt");
}

#[test]
fn asked_wait_is_never_shortened() {
    let why = gave_up(turn().after(&asking(FaultKind::RateLimit, 61), ALONE));
    assert_eq!(why, GaveUp::NothingHelps(NoRetry::TooLong { asked: s(61), cap: CAP }));
    let why = gave_up(turn().after(&asking(FaultKind::RateLimit, 20), left(20)));
    assert_eq!(why, GaveUp::NothingHelps(NoRetry::Deadline { wait: s(20), left: s(20) }));
    assert_eq!(why.to_string(), "a wait of 20s would reach the deadline, which is in 20s");
}

#[test]
fn attempt_elsewhere_does_not_wait() {
    for asked in [0, 20, 61, u64::MAX] {
        let next = again(turn().after(&asking(FaultKind::RateLimit, asked), ELSEWHERE));
        assert_eq!((next.switch, next.wait), (true, Duration::ZERO));
    }
}

#[test]
fn nothing_begins_once_the_time_is_over() {
    let over = RecoverySituation { left: Some(Duration::ZERO), ..ELSEWHERE };
    for &scenario in FailureScenario::ALL {
        let why = gave_up(turn().after(&Fault::of_scenario(scenario), over));
        assert!(matches!(why, GaveUp::NothingHelps(NoRetry::Deadline { .. })), "{scenario}: {why}");
    }
}

#[test]
fn changed_request_waits_only_if_asked() {
    let next = again(turn().after(&Fault::of(FaultKind::ContextLength), ALONE));
    assert_eq!(next.wait, Duration::ZERO);
    let next = again(turn().after(&asking(FaultKind::ContextLength, 7), ALONE));
    assert_eq!(next.wait, s(7));
    let why = gave_up(turn().after(&asking(FaultKind::ContextLength, 7), left(7)));
    assert!(matches!(why, GaveUp::NothingHelps(NoRetry::Deadline { .. })));
}

#[test]
fn request_that_cannot_change_is_repeated_only_if_that_can_help() {
    let why = gave_up(turn().same_request().after(&Fault::of(FaultKind::ContextLength), ALONE));
    assert!(matches!(why, GaveUp::NothingHelps(NoRetry::Pointless)), "{why}");
    let mut turn = turn().same_request();
    let next = again(turn.after(&Fault::of(FaultKind::Malformed), ALONE));
    assert!(!next.steps.iter().any(|step| step.changes_the_request()), "{next:?}");
    assert_eq!(turn.changes(), RecoveryChanges::default());
}

#[test]
fn recipe_with_a_person_ends_the_recovery() {
    let steps = [RecoveryStep::RetryWithBackoff, RecoveryStep::EscalateToHuman];
    let mut turn = with(recipe(FailureScenario::LlmTimeout, &steps, 3));
    let timeout = Fault::of(FaultKind::Timeout(TimeoutPhase::Attempt));
    assert_eq!(gave_up(turn.after(&timeout, ELSEWHERE)), GaveUp::Human);
    assert_eq!(turn.changes(), RecoveryChanges::default());
    assert_eq!(GaveUp::Human.to_string(), "the recipe asks for a person");
    let _ = again(turn.after(&Fault::of(FaultKind::Server), ALONE));
}

#[test]
fn a_recipe_without_attempts_or_without_steps_gives_up() {
    let server = Fault::of(FaultKind::Server);
    let mut none = with(recipe(FailureScenario::LlmError, &[RecoveryStep::RetryWithBackoff], 0));
    let scenario = FailureScenario::LlmError;
    assert_eq!(
        gave_up(none.after(&server, ELSEWHERE)),
        GaveUp::AttemptsUsedUp { max_attempts: 0, scenario }
    );
    let mut empty = with(recipe(FailureScenario::LlmError, &[], 9));
    assert_eq!(gave_up(empty.after(&server, ELSEWHERE)), GaveUp::NothingHelps(NoRetry::Pointless));
}

#[test]
fn recipe_that_only_switches_never_retries_here() {
    let recipes = recipe(FailureScenario::LlmError, &[RecoveryStep::SwitchProvider], 9);
    let server = Fault::of(FaultKind::Server);
    let mut turn = with(recipes);
    assert!(again(turn.after(&server, ELSEWHERE)).switch);
    assert_eq!(gave_up(turn.after(&server, ALONE)), GaveUp::NothingHelps(NoRetry::Pointless));
}

#[test]
fn changes_add_up_over_the_attempts() {
    let steps = [
        RecoveryStep::RetryWithSmallerContext,
        RecoveryStep::ReduceToolSet,
        RecoveryStep::ClearMemoryCache,
        RecoveryStep::RestartAgent,
    ];
    let mut turn = with(recipe(FailureScenario::ContextOverflow, &steps, u32::MAX));
    assert_eq!(turn.changes(), RecoveryChanges::default());
    assert_eq!(turn.changes().context_budget(1_000), 1_000);
    let budgets: Vec<_> = (0..4)
        .map(|_| {
            let _ = again(turn.after(&Fault::of(FaultKind::ContextLength), ALONE));
            turn.changes().context_budget(1_000)
        })
        .collect();
    assert_eq!(budgets, [750, 562, 421, 315]);
    let changes = turn.changes();
    assert_eq!(changes.context_reductions, 4);
    assert!(changes.tools_reduced && changes.restarted && changes.memory_cleared);
    assert_eq!(changes.context_budget(0), 0);
    assert!(changes.context_budget(u64::MAX) < u64::MAX / 3);
    let _ = again(turn.after(&Fault::of(FaultKind::Server), ALONE));
    assert_eq!(turn.changes(), changes, "a wait changes nothing and takes nothing back");
}

#[test]
fn abandoned_steps_change_nothing() {
    let mut turn = turn();
    let _ = gave_up(turn.after(&asking(FaultKind::ContextLength, 99), ALONE));
    assert_eq!(turn.changes(), RecoveryChanges::default());
}

#[test]
fn policy_is_the_recipes_policy() {
    let turn = with(recipe(FailureScenario::ProviderFailure, &[], 1));
    assert_eq!(turn.policy(FailureScenario::ProviderFailure), EscalationPolicy::AlertHuman);
    assert_eq!(turn.policy(FailureScenario::MemoryCorruption), EscalationPolicy::Abort);
}

#[test]
fn the_same_seed_gives_the_same_waits() {
    let waits = |seed| -> Vec<Duration> {
        let recipes = recipe(FailureScenario::LlmError, &[RecoveryStep::RetryWithBackoff], 9);
        let turn = TurnRecovery::new(recipes, Backoff::default());
        let mut turn = turn.with_rng(fastrand::Rng::with_seed(seed));
        let server = Fault::of(FaultKind::Server);
        (0..9).map(|_| again(turn.after(&server, ALONE)).wait).collect()
    };
    assert_eq!(waits(7), waits(7));
    assert_ne!(waits(7), waits(8));
}
