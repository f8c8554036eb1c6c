//! Classification of the caller's errors, and their return to the caller.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use runtime_events::{AgentEventName, AgentFailureClass, FailureScenario, ManualClock};
use runtime_orchestrator::{BoxError, SessionError, ToolCall, ToolError, Turn, TurnError};
use runtime_resilience::{CircuitState, RecoveryHandler, StepContext, chain_text};

use crate::support::{Fixture, WAIT, now};

fn failed<E: Into<BoxError> + 'static>(error: E) -> TurnError {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    now(session.run_turn(Turn::model("m"), async || Err::<(), _>(error))).unwrap_err()
}

#[test]
fn errors_are_send_and_sync() {
    const fn assert_error<E: Error + Send + Sync + 'static>() {}
    assert_error::<TurnError>();
    assert_error::<ToolError>();
    assert_error::<SessionError>();
}

#[test]
fn source_is_the_callers_error_and_downcasts() {
    let error = failed(io::Error::new(io::ErrorKind::ConnectionRefused, "no route"));
    assert_eq!(error.to_string(), "the call failed: connection failed");
    let source = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::ConnectionRefused);
    let TurnError::Failed(failure) = error else { panic!() };
    assert!(failure.downcast_ref::<io::Error>().is_some());
    assert_eq!(failure.scenario(), FailureScenario::ProviderFailure);
}

#[test]
fn strings_and_boxes_are_accepted_as_errors() {
    assert_eq!(failed("429 Too Many Requests").scenario(), Some(FailureScenario::LlmError));
    assert_eq!(failed(String::from("timed out")).scenario(), Some(FailureScenario::LlmTimeout));
    let boxed: BoxError = Box::new(io::Error::other("inner"));
    let error = failed(boxed);
    assert!(error.source().unwrap().is::<io::Error>(), "not boxed twice");
}

#[test]
fn nested_turn_error_keeps_its_classification() {
    let fixture = Fixture::new();
    let inner = failed("429 Too Many Requests");
    let session = fixture.orchestrator.session().unwrap();
    let outer = now(session.run_turn(Turn::model("m"), async || Err::<(), _>(inner))).unwrap_err();
    assert_eq!(outer.scenario(), Some(FailureScenario::LlmError));

    let session = Fixture::new().orchestrator.session().unwrap();
    let fails = async || Err::<(), _>("disk full");
    let tool = now(session.run_tool(ToolCall::new("save"), fails)).unwrap_err();
    assert_eq!(chain_text(&failed(tool)), "disk full", "however deep it is");
}

#[test]
fn session_fails_with_the_class_of_its_error() {
    let class = |error: BoxError| {
        let fixture = Fixture::new();
        let report = fixture.orchestrator.session().unwrap().finish(Err::<(), _>(error));
        assert!(report.result.is_err());
        fixture.only(AgentEventName::AgentFailed).failure_class.unwrap()
    };
    assert_eq!(class("429 Too Many Requests".into()), AgentFailureClass::LlmError);
    assert_eq!(class(failed("timed out").into()), AgentFailureClass::LlmTimeout);
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let fails = async || Err::<(), _>("timed out");
    let tool = now(session.run_tool(ToolCall::new("t"), fails)).unwrap_err();
    assert_eq!(class(tool.into()), AgentFailureClass::ToolError);
}

#[test]
fn error_that_ends_a_session_is_returned_unchanged() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let report = session.finish(Err::<(), _>(io::Error::other("disk")));
    assert!(report.result.unwrap_err().is::<io::Error>());
    assert_eq!(&*report.summary.worker.last_error().unwrap().message, "disk");
}

#[cfg(feature = "tokio")]
#[tokio::test(start_paused = true)]
async fn tokio_elapsed_is_an_llm_timeout() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let call =
        || tokio::time::timeout(std::time::Duration::from_secs(1), std::future::pending::<()>());
    let error = session.run_turn(Turn::model("m"), call).await.unwrap_err();
    assert_eq!(error.scenario(), Some(FailureScenario::LlmTimeout));
    assert!(error.source().unwrap().is::<tokio::time::error::Elapsed>());
}

#[cfg(feature = "tokio")]
#[tokio::test(start_paused = true)]
async fn tokio_timer_is_the_default_sleeper() {
    let session = runtime_orchestrator::Orchestrator::new("writer", "draft").session().unwrap();
    let turn = Turn::model("m").timeout(std::time::Duration::from_secs(1));
    let hangs = async || std::future::pending::<Result<(), BoxError>>().await;
    let error = session.run_turn(turn, hangs).await.unwrap_err();
    assert!(matches!(error, TurnError::TimedOut(_)), "{error:?}");
}

#[cfg(feature = "anyhow")]
#[test]
fn anyhow_error_is_classified_by_its_chain_and_downcasts() {
    let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "no route");
    let error = failed(anyhow::Error::new(refused).context("while asking the model"));
    assert_eq!(chain_text(&error), "while asking the model: no route");
    assert_eq!(error.scenario(), Some(FailureScenario::ProviderFailure));

    let refused = io::Error::new(io::ErrorKind::ConnectionRefused, "no route");
    let error = failed(anyhow::Error::new(refused));
    assert!(error.source().unwrap().is::<io::Error>());
    let session = Fixture::new().orchestrator.session().unwrap();
    let report = session.finish(Err::<(), _>(anyhow::Error::new(io::Error::other("disk"))));
    assert!(report.result.unwrap_err().is::<io::Error>());
}

#[cfg(feature = "anyhow")]
#[test]
fn details_of_an_anyhow_error_have_its_whole_chain() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let error = || anyhow::Error::new(io::Error::other("disk full")).context("cannot save");
    let turn = session.run_turn(Turn::model("m"), async || Err::<(), _>(error()));
    let failed = now(turn).unwrap_err();
    let tool = now(session.run_tool("save", async || Err::<(), _>(error())));
    let _ = tool.unwrap_err();
    let _ = session.finish(Err::<(), _>(failed));
    for name in
        [AgentEventName::TurnFailed, AgentEventName::ToolCompleted, AgentEventName::AgentFailed]
    {
        let event = fixture.only(name);
        let detail = event.detail.as_ref().unwrap();
        assert_eq!(detail, "cannot save: disk full", "{name}");
    }
}

#[test]
fn bad_requests_by_text_never_open_the_breaker() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let fails = |text: &'static str| {
        let turn = session.run_turn(Turn::model("m"), async || Err::<(), _>(text));
        assert_eq!(chain_text(&now(turn).unwrap_err()), text);
        fixture.breaker.state()
    };
    for text in [
        "Error code: 400 - temperature must be at most 2",
        "HTTP status client error (422 Unprocessable Entity) for url (http://x/)",
        "HTTP 418",
        "prompt is too long: 210000 tokens > 200000 maximum",
        "insufficient_quota: you exceeded your current quota",
    ] {
        assert_eq!(fails(text), CircuitState::Closed, "{text}");
    }
    assert_eq!(fails("HTTP 500"), CircuitState::Open, "an outage does");
}

#[test]
fn quoted_key_in_an_error_is_kept_nowhere() {
    const KEY: &str = "sk-abc123";
    let refused = || BoxError::from(format!("503: key provided: {KEY} (Bearer  {KEY}x)"));
    let fixture = Fixture::new().with(|o| o.time(ManualClock::skipping()));
    let session = fixture.orchestrator.session().unwrap();
    let recovering =
        now(session.run_turn_recovering(Turn::model("m"), async |_| Err::<(), _>(refused())));
    recovering.unwrap_err();
    fixture.clock.advance(WAIT);
    let fails = async || Err::<(), _>(refused());
    let _ = now(session.run_turn(Turn::model("m"), fails)).unwrap_err();
    let error = now(session.run_tool("search", fails)).unwrap_err();
    // The caller gets its own error, unchanged.
    assert!(chain_text(&error).contains(KEY));
    let worker = session.worker_id().to_owned();
    let report = session.finish::<(), _>(Err(error));
    assert!(chain_text(&*report.result.unwrap_err()).contains(KEY));

    let mut told = 0;
    for event in fixture.events.events() {
        let text = format!("{} {event:?}", event.to_json());
        assert!(!text.contains(KEY), "{text}");
        told += u64::from(event.detail.as_ref().is_some_and(|it| it.contains("[redacted]")));
    }
    assert!(told >= 4, "{told} details");
    let worker = fixture.orchestrator.shared_registry().get(&worker).unwrap();
    let text = format!("{worker:?} {}", serde_json::to_string(&worker).unwrap());
    assert!(!text.contains(KEY) && text.contains("[redacted]"), "{text}");
}

struct Refused;

impl RecoveryHandler for Refused {
    fn carry_out(&self, _: &StepContext<'_>) -> Result<(), BoxError> {
        Err("key provided: sk-abc123".into())
    }
}

#[test]
fn quoted_key_of_a_handler_is_not_in_the_recovery_result() {
    let fixture = Fixture::new().recovery(|recovery| recovery.handler(Refused));
    let session = fixture.orchestrator.session().unwrap();
    let fails = async |_| Err::<(), _>("context_length_exceeded");
    let error = now(session.run_turn_recovering(Turn::model("m"), fails)).unwrap_err();
    let recovery = error.recovery().unwrap();
    let text = format!("{recovery:?} {}", serde_json::to_string(recovery).unwrap());
    assert!(text.contains("[redacted]") && !text.contains("sk-abc123"), "{text}");
}

/// An error that counts the calls to `source`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counted(Arc<AtomicU32>);

impl Counted {
    pub(crate) fn times(&self) -> u32 {
        self.0.load(Relaxed)
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("503 Service Unavailable")
    }
}

impl Error for Counted {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.fetch_add(1, Relaxed);
        None
    }
}

#[test]
fn failed_turn_walks_its_error_once() {
    let error = Counted::default();
    let _ = failed(error.clone());
    assert_eq!(error.times(), 1);

    let wrapped = Counted::default();
    let _ = failed(io::Error::other(wrapped.clone()));
    assert_eq!(wrapped.times(), 1);
}

#[test]
fn failed_session_walks_its_error_once() {
    let error = Counted::default();
    let session = Fixture::new().orchestrator.session().unwrap();
    let _ = session.finish(Err::<(), BoxError>(Box::new(error.clone())));
    assert_eq!(error.times(), 1);
}
