//! The code of `docs/recovery.md`.
#![expect(clippy::disallowed_methods, reason = "a reply comes when the system says")]

use std::fmt;
use std::sync::{Mutex, mpsc};
use std::time::{Duration, SystemTime};

use techrevati_runtime::events::{FailureScenario, ManualClock};
use techrevati_runtime::orchestrator::{Escalation, RecoveryConfig, TurnError};
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{
    Backoff, Classifier, EscalationPolicy, FaultKind, Hedge, JitterMode, Provider, Recipes,
    RecoveryRecipe, RecoveryStep, RetryBudget, classify_text,
};

#[expect(clippy::unused_async, reason = "it stands for a client, and they wait")]
/// Your providers' client goes here. What a reply means is read from its status, headers and body.
async fn chat(attempt: &Attempt, prompt: &str) -> Result<String, FaultError> {
    if attempt.provider() == "openai" {
        let (headers, body) = ([("retry-after", "7")], br#"{"error":{"message":"Slow down"}}"#);
        let now = SystemTime::now();
        return Err(FaultError::from_response(Provider::OpenAi, 429, &headers, body, now));
    }
    Ok(format!("{} on {prompt}", attempt.model()))
}

async fn a_turn_that_recovers() -> Result<(), BoxError> {
    let routes = Routes::ordered([
        Route::new("openai", "gpt-5"),
        Route::new("anthropic", "claude-sonnet-4-5"),
    ]);
    let session = Orchestrator::new("writer", "draft")
        .recovery(RecoveryConfig::default().routes(routes))
        .session()?;

    let turn = Turn::model("gpt-5");
    let call = async |attempt| chat(&attempt, "haiku").await;
    let answer = session.run_turn_recovering(turn, call).await?;

    assert_eq!(answer.value, "claude-sonnet-4-5 on haiku");
    assert_eq!((answer.attempts, answer.provider.as_deref()), (2, Some("anthropic")));
    Ok(())
}

async fn attempts_that_are_counted() -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft").session()?;

    // What changes before the future begins: a plain closure.
    let mut calls = 0;
    let call = |attempt: Attempt| {
        calls += 1;
        async move { chat(&attempt, "haiku").await }
    };
    session.run_turn_recovering(Turn::model("gpt-5"), call).await?;
    assert_eq!(calls, 1);

    // What changes inside the future: a value that is shared, not captured by `&mut`.
    let models = Mutex::new(Vec::new());
    let call = async |attempt: Attempt| {
        let answer = chat(&attempt, "haiku").await;
        models.lock().map_err(|_| "a call panicked")?.push(attempt.model().to_owned());
        Ok::<_, BoxError>(answer?)
    };
    session.run_turn_recovering(Turn::model("gpt-5"), call).await?;
    assert_eq!(models.into_inner()?, ["gpt-5"]);
    session.complete()?;
    Ok(())
}

async fn what_is_asked_for_is_waited_in_full_or_not_at_all() -> Result<(), BoxError> {
    let clock = ManualClock::skipping();
    let backoff = Backoff::default().jitter(JitterMode::None).cap(Duration::from_secs(20));
    let orchestrator = Orchestrator::new("writer", "draft")
        .time(clock.clone())
        .recovery(RecoveryConfig::default().backoff(backoff));
    let busy = |seconds: &'static str| {
        let headers = [("retry-after", seconds)];
        FaultError::from_response(Provider::OpenAi, 429, &headers, b"", SystemTime::now())
    };

    let session = orchestrator.session()?;
    let call = async |attempt: Attempt| match attempt.number() {
        1 => Err(busy("7")),
        number => Ok(number),
    };
    assert_eq!(session.run_turn_recovering(Turn::model("gpt-5"), call).await?.value, 2);
    // 7 seconds as asked, and the first delay of the back-off.
    assert_eq!(clock.elapsed(), Duration::from_secs(8));

    let call = async |_| Err::<(), _>(busy("3600"));
    let failed = session.run_turn_recovering(Turn::model("gpt-5"), call).await;
    let Err(TurnError::Unrecovered(unrecovered)) = failed else { panic!("nothing helps") };
    assert_eq!(
        unrecovered.gave_up.to_string(),
        "provider asked to wait 3600s, the longest wait allowed is 20s"
    );
    assert_eq!(clock.elapsed(), Duration::from_secs(8));
    Ok(())
}

#[expect(clippy::unused_async, reason = "it stands for a client, and they wait")]
/// Sends as much of the conversation as the attempt may, and reads the reply piece by piece.
async fn stream(attempt: Attempt, talk: &[String]) -> Result<String, FaultError> {
    let full = talk.iter().map(String::len).sum::<usize>() as u64;
    let budget = attempt.context_budget(full);
    // This model takes 100 characters.
    if budget > 100 {
        return Err(FaultError::of(FaultKind::ContextLength, "maximum context length is 100"));
    }
    let mut text = String::new();
    for token in ["It ", "fits."] {
        attempt.token();
        text.push_str(token);
        attempt.observe(UsageSnapshot::new(budget, text.len() as u64));
    }
    Ok(text)
}

async fn what_is_too_long_is_sent_again_shorter() -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft").session()?;
    let talk = ["x".repeat(120)];
    let turn = Turn::model("gpt-5")
        .first_token_timeout(Duration::from_secs(10))
        .idle_timeout(Duration::from_secs(5))
        .within(Duration::from_secs(120));
    let call = async |attempt| stream(attempt, &talk).await;
    let answer = session.run_turn_recovering(turn, call).await?;
    assert_eq!((answer.attempts, answer.usage.input_tokens), (2, 90));
    Ok(())
}

/// A slow model of one's own is asked again, and never another.
fn recipes() -> Recipes {
    Recipes::default().with(RecoveryRecipe::new(
        FailureScenario::LlmTimeout,
        vec![RecoveryStep::RetryWithBackoff],
        3,
        EscalationPolicy::AlertHuman,
    ))
}

fn who_share_a_provider_share_a_budget() -> [Orchestrator; 2] {
    let recovery = RecoveryConfig::default().retry_budget(RetryBudget::percent(10));
    ["writer", "editor"].map(|role| Orchestrator::new(role, "draft").recovery(recovery.clone()))
}

async fn a_call_that_is_late_is_made_twice() -> Result<(), BoxError> {
    let routes = Routes::ordered([Route::new("slow", "m"), Route::new("fast", "m")]);
    let session = Orchestrator::new("writer", "draft")
        .time(ManualClock::skipping())
        .recovery(
            RecoveryConfig::default().routes(routes).hedge(Hedge::after(Duration::from_secs(2))),
        )
        .session()?;
    let call = async |attempt: Attempt| match attempt.provider() {
        "slow" => std::future::pending().await,
        _ => Ok::<_, BoxError>(attempt.is_hedge()),
    };
    let answer = session.run_turn_recovering(Turn::model("m").repeatable(), call).await?;
    assert!(answer.value);
    Ok(())
}

async fn somebody_is_told() -> Result<(), BoxError> {
    let (tell, told) = mpsc::channel();
    let session = Orchestrator::new("writer", "draft")
        .recovery(RecoveryConfig::default().recipes(recipes()).on_escalation(move |escalation| {
            let Escalation { role, scenario, policy, gave_up, .. } = escalation;
            let _ = tell.send(format!("{role}: {scenario}, {gave_up}: {policy}"));
        }))
        .session()?;

    let call = async |_| {
        let body = br#"{"error":{"code":"invalid_api_key","message":"Incorrect API key"}}"#;
        let now = SystemTime::now();
        Err::<(), _>(FaultError::from_response(Provider::OpenAi, 401, &(), body, now))
    };
    let failed = session.run_turn_recovering(Turn::model("gpt-5"), call).await;
    let Err(failed) = failed else { panic!("nothing helps") };
    assert!(failed.is_final());
    assert_eq!(failed.fault().map(|fault| fault.kind), Some(FaultKind::Auth));
    let told = told.recv()?;
    assert_eq!(told, "writer: provider_failure, another attempt here would fail again: abort");
    Ok(())
}

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

fn delays() -> Result<(), BoxError> {
    let plain = Backoff::default().jitter(JitterMode::None).cap(Duration::from_secs(10));
    let delays: Vec<u64> = (0..5).map(|attempt| plain.delay(attempt, None).as_secs()).collect();
    assert_eq!(delays, [1, 2, 4, 8, 10]);

    let quick = Backoff::new(Duration::from_millis(200), 3.0)?.jitter(JitterMode::None);
    let delays: Vec<u128> = (0..4).map(|attempt| quick.delay(attempt, None).as_millis()).collect();
    assert_eq!(delays, [200, 600, 1_800, 5_400]);

    let decorrelated = Backoff::default();
    let first = decorrelated.delay(0, None);
    let second = decorrelated.delay(1, Some(first));
    assert!(Duration::from_secs(2) <= second && second <= first * 3);
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    a_turn_that_recovers().await?;
    attempts_that_are_counted().await?;
    what_is_asked_for_is_waited_in_full_or_not_at_all().await?;
    what_is_too_long_is_sent_again_shorter().await?;
    assert_eq!(who_share_a_provider_share_a_budget().len(), 2);
    a_call_that_is_late_is_made_twice().await?;
    somebody_is_told().await?;
    status_codes_are_whole_words();
    delays()?;
    assert_eq!(
        classifier().classify(&Overloaded, SystemTime::UNIX_EPOCH),
        FailureScenario::ProviderFailure
    );
    Ok(())
}
