//! Promises of the facade: its names, thread safety, and object safety.

use std::future::ready;

use techrevati_runtime::BoxError;
use techrevati_runtime::events::{AgentEvent, Clock, IdSource, ManualClock, Sleeper};
use techrevati_runtime::lifecycle::{AgentRegistry, AgentWorker, Handoff};
use techrevati_runtime::orchestrator::{
    OrchestrationSession, Orchestrator, Report, SessionHandle, Summary, ToolError, TurnError,
};
use techrevati_runtime::policy::{
    AsyncGuardrail, Guardrail, Guardrails, PermissionEnforcer, PolicyCondition, PolicyEngine,
};
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{
    CallError, Classifier, Failure, Fault, FaultDetails, FaultRules, Permit, RecoveryContext,
    RecoveryHandler, TransitionListener,
};
use techrevati_runtime::sinks::{
    EventFanOut, FollowStop, QueueGuard, QueueSink, RingBufferUsageSink, SampleSessions, UsageSink,
};
use techrevati_runtime::usage::{
    BudgetListener, Charge, Cost, ModelPrices, PriceReader, ReportedUsage, Reservation,
    StreamUsage, UsageTracker,
};

const fn shared<T: Send + Sync + 'static>() {}

#[cfg(feature = "sqlite")]
const _: () = shared::<techrevati_runtime::sqlite::SqliteSink>();

const _: () = {
    shared::<AgentEvent>();
    shared::<ManualClock>();
    shared::<AgentRegistry>();
    shared::<AgentWorker>();
    shared::<Handoff>();
    shared::<CircuitBreaker>();
    shared::<Permit>();
    shared::<Failure>();
    shared::<PolicyEngine>();
    shared::<PermissionEnforcer>();
    shared::<PricingTable>();
    shared::<UsageTracker>();
    shared::<JsonlSink>();
    shared::<Orchestrator>();
    shared::<OrchestrationSession>();
    shared::<SessionHandle>();
    shared::<Summary>();
    shared::<Report<u8>>();
    shared::<TurnError>();
    shared::<ToolError>();
    shared::<Classifier>();
    shared::<RecoveryContext>();
    shared::<CallError<BoxError>>();
    shared::<PolicyCondition>();
    shared::<Guardrails>();
    shared::<Account>();
    shared::<Charge<'static>>();
    shared::<Cost>();
    shared::<Limit>();
    shared::<ModelPrices>();
    shared::<PriceReader>();
    shared::<ReportedUsage>();
    shared::<Reservation<'static>>();
    shared::<StreamUsage>();
    shared::<Fault>();
    shared::<FaultDetails>();
    shared::<FaultRules>();
    shared::<RingBufferEventSink>();
    shared::<RingBufferUsageSink>();
    shared::<EventFanOut>();
    shared::<QueueSink>();
    shared::<QueueGuard>();
    shared::<FollowStop>();
    shared::<SampleSessions<QueueSink>>();
    #[cfg(feature = "tracing")]
    shared::<techrevati_runtime::sinks::TracingSink>();
    #[cfg(feature = "report")]
    {
        shared::<techrevati_runtime::report::Timeline>();
        shared::<techrevati_runtime::report::Stats>();
        shared::<techrevati_runtime::report::PageConfig>();
    }
    #[cfg(feature = "test-util")]
    {
        shared::<techrevati_runtime::testing::RecordingEventSink>();
        shared::<techrevati_runtime::testing::ScriptedModel<String>>();
    }
};

// Plugged-in traits stay usable as `dyn`.
const _: Option<&dyn Clock> = None;
const _: Option<&dyn BudgetListener> = None;
const _: Option<&dyn Sleeper> = None;
const _: Option<&dyn IdSource> = None;
const _: Option<&dyn EventSink> = None;
const _: Option<&dyn UsageSink> = None;
const _: Option<&dyn Guardrail> = None;
const _: Option<&dyn AsyncGuardrail> = None;
const _: Option<&dyn RecoveryHandler> = None;
const _: Option<&dyn TransitionListener> = None;

#[test]
fn futures_of_a_session_are_send() {
    fn send<T: Send>(value: T) -> T {
        value
    }
    let orchestrator = Orchestrator::new("writer", "draft");
    let session = orchestrator.session().unwrap();
    drop(send(session.run_turn(Turn::model("m"), || ready(Ok::<_, BoxError>(1)))));
    drop(send(session.begin_turn(Turn::model("m"))));
    drop(send(session.run_tool(ToolCall::new("t"), || ready(Ok::<_, BoxError>(1)))));
    drop(send(session.pause_for_input("go on?")));
    drop(send(CircuitBreaker::new("b").call_async(|| ready(Ok::<_, BoxError>(1)))));
    let run = orchestrator.run(async |session| {
        session.run_turn(Turn::model("m"), || ready(Ok::<_, BoxError>(1))).await?;
        Ok(())
    });
    drop(send(run));
}

#[test]
fn version_is_the_crates() {
    assert_eq!(techrevati_runtime::VERSION, env!("CARGO_PKG_VERSION"));
}
