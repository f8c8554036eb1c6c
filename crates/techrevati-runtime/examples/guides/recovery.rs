//! The code of `docs/recovery.md`.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use techrevati_runtime::events::FailureScenario;
use techrevati_runtime::orchestrator::OrchestrationSession;
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::recovery::StepContext;
use techrevati_runtime::resilience::{
    Backoff, Classifier, JitterMode, RecoveryOutcome, RecoveryStep, classify_text,
};

fn status_codes_are_whole_words() {
    assert_eq!(classify_text("HTTP 503 from the provider"), FailureScenario::ProviderFailure);
    assert_eq!(classify_text("cannot read file 5031.txt"), FailureScenario::LlmError);
}

/// An error type of your own.
#[derive(Debug)]
struct Overloaded;

impl fmt::Display for Overloaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("come back later")
    }
}

impl std::error::Error for Overloaded {}

fn classifier() -> Classifier {
    Classifier::default()
        .rule(|error| error.is::<Overloaded>().then_some(FailureScenario::ProviderFailure))
}

fn delays() {
    let plain = Backoff::default().jitter(JitterMode::None).cap(Duration::from_secs(10));
    let delays: Vec<u64> = (0..5).map(|attempt| plain.delay(attempt, None).as_secs()).collect();
    assert_eq!(delays, [1, 2, 4, 8, 10]);

    let decorrelated = Backoff::default();
    let first = decorrelated.delay(0, None);
    let second = decorrelated.delay(1, Some(first));
    assert!(Duration::from_secs(2) <= second && second <= first * 3);
}

/// Asks the providers in turn; the recovery handler moves on to the next one.
async fn ask(session: &OrchestrationSession, current: &AtomicUsize) -> Result<String, BoxError> {
    let providers = ["first", "second"];
    loop {
        // Relaxed: a number that guards nothing else.
        let provider = providers[current.load(Ordering::Relaxed) % providers.len()];
        let call = async || match provider {
            "first" => Err("503 Service Unavailable"),
            other => Ok(format!("{other} answers")),
        };
        let failed = match session.run_turn(Turn::model("gpt-5"), call).await {
            Ok(answer) => return Ok(answer.value),
            Err(failed) => failed,
        };
        let recovered =
            failed.recovery().is_some_and(|result| result.outcome == RecoveryOutcome::Recovered);
        if !recovered {
            return Err(failed.into());
        }
    }
}

async fn a_handler_switches_the_provider() -> Result<(), BoxError> {
    let current = Arc::new(AtomicUsize::new(0));
    let switch = Arc::clone(&current);
    let handler = move |step: &StepContext<'_>| match step.step() {
        RecoveryStep::SwitchProvider => {
            switch.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        RecoveryStep::RetryWithBackoff => Ok(()),
        other => Err(BoxError::from(format!("cannot {other}"))),
    };
    let session = Orchestrator::new("writer", "draft")
        .classifier(classifier())
        .recovery_handler(handler)
        .session()?;

    assert_eq!(ask(&session, &current).await?, "second answers");
    assert_eq!(session.recovery_events().len(), 1);
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    status_codes_are_whole_words();
    delays();
    assert_eq!(classifier().classify(&Overloaded), FailureScenario::ProviderFailure);
    a_handler_switches_the_provider().await
}
