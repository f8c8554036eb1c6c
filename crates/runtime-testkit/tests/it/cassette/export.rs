//! Cassettes from logs and journals.

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use chrono::{DateTime, TimeDelta};
use runtime_events::{AgentEvent, AgentEventName, AgentFailureClass, ManualClock};
use runtime_orchestrator::{
    Attempt, Capture, Orchestrator, RecoveryConfig, TelemetryConfig, ToolCall, Turn,
};
use runtime_resilience::{Classifier, Failure, FaultError, FaultKind, chain_text};
use runtime_store::{
    AttemptRecord, Entry, EntryKind, FailureKind, FailureRecord, IntentRecord, OutcomeRecord, Step,
    StepKind, StepName, Stored,
};
use runtime_testkit::RecordingEventSink;
use runtime_testkit::cassette::{Export, Tape};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Case, block_on};

/// Two turns, of which one is retried, and a tool, in production or in a test.
async fn agent(tape: Option<&Tape>, captures: bool) -> (Vec<String>, Vec<Arc<AgentEvent>>) {
    let sink = RecordingEventSink::new();
    let mut telemetry = TelemetryConfig::default();
    if captures {
        telemetry = telemetry.capture(Capture::default());
    }
    let orchestrator = Orchestrator::new("guide", "answer")
        .time(ManualClock::skipping())
        .recovery(RecoveryConfig::default())
        .telemetry(telemetry)
        .event_sink(sink.clone());
    let session = orchestrator.session().unwrap();
    let mut said = Vec::new();
    for question in ["Rome?", "Oslo?"] {
        let turn = Turn::model("m").guarded(question);
        let call = async |attempt: Attempt| {
            let fails = question == "Oslo?" && attempt.number() == 1;
            match tape {
                // The whole request, which no log has.
                Some(tape) => {
                    let request = json!({ "messages": [question], "temperature": 0.5 });
                    tape.model(&request, async || Err::<String, _>("not in a test")).await
                }
                None if fails => Err(FaultError::of(FaultKind::Overload, "busy").into()),
                None => Ok(format!("sunny in {question}")),
            }
        };
        said.push(session.run_turn_recovering(turn, call).await.unwrap().value);
    }
    let arguments = json!({ "city": "Rome" });
    let call = ToolCall::new("weather").args(arguments.clone());
    let result = session.run_tool(call, async || match tape {
        Some(tape) => tape.tool("weather", &arguments, async || Err::<u8, _>("no")).await,
        None => Ok(31),
    });
    said.push(result.await.unwrap().to_string());
    session.complete().unwrap();
    (said, sink.events())
}

#[test]
fn a_captured_log_is_played_in_its_order() {
    let case = Case::new();
    let (said, events) = block_on(agent(None, true));
    let events: Vec<_> = events.iter().map(|event| (**event).clone()).collect();
    let export = Export::of_events(&events);
    assert_eq!(export.missing(), [] as [&str; 0]);
    export.write(&case.0, "run.jsonl").unwrap();
    let tape = case.play();
    let (played, again) = block_on(agent(Some(&tape), true));
    assert_eq!(played, said);
    tape.finish().unwrap();
    let names = |events: &mut dyn Iterator<Item = &AgentEvent>| {
        events.map(|it| it.event).collect::<Vec<AgentEventName>>()
    };
    assert_eq!(names(&mut again.iter().map(|it| &**it)), names(&mut events.iter()));
}

#[test]
fn a_log_without_contents_says_what_is_missing() {
    let (_, events) = block_on(agent(None, false));
    let events: Vec<_> = events.iter().map(|event| (**event).clone()).collect();
    let export = Export::of_events(&events);
    // The failed attempt is known: its text is in the log.
    assert_eq!(export.recordings().len(), 1);
    let missing = "3 calls are left out: the log has no reply, since its sessions captured none (`TelemetryConfig::capture`)";
    assert_eq!(export.missing(), [missing]);
}

/// The entries of a thread, a second apart.
struct Journal(Vec<Stored>);

impl Journal {
    fn write(&mut self, kind: EntryKind, step: &Step, record: &impl Serialize) {
        let body = serde_json::to_vec(record).unwrap();
        let entry = Entry {
            kind,
            version: Entry::VERSION,
            step: Some(step.key),
            print: Some(step.print),
            body,
        };
        let seq = self.0.len() as u64 + 1;
        let at = DateTime::UNIX_EPOCH + TimeDelta::seconds(self.0.len().try_into().unwrap());
        self.0.push(Stored { seq, fence: 1, at, entry });
    }

    fn step(&mut self, kind: StepKind, name: &str, end: Result<Value, FailureRecord>) {
        let name = StepName { kind, name: name.into(), scope: "".into(), keyed: false };
        let place = (0, u32::try_from(self.0.len()).unwrap());
        let step = Step::in_order(name, &Value::Null, place);
        self.write(EntryKind::INTENT, &step, &IntentRecord::of(&step.name));
        self.write(EntryKind::OUTCOME, &step, &OutcomeRecord::of(end));
    }
}

#[test]
fn a_turn_of_several_attempts_is_the_call_that_was_answered() {
    let mut journal = Journal(Vec::new());
    let name = StepName { kind: StepKind::Turn, name: "m".into(), scope: "".into(), keyed: false };
    let step = Step::in_order(name, &Value::Null, (0, 0));
    journal.write(EntryKind::INTENT, &step, &IntentRecord::of(&step.name));
    for _ in 0..2 {
        journal.write(EntryKind::ATTEMPT, &step, &AttemptRecord::default());
    }
    journal.write(EntryKind::OUTCOME, &step, &OutcomeRecord::of(Ok("sunny")));
    let export = Export::of_journal(&journal.0);
    let [answered] = export.recordings() else { panic!("one call is answered") };
    assert_eq!((answered.at_us, answered.took_us), (2_000_000, 1_000_000));
}

#[test]
fn a_journal_is_played_in_its_order() {
    let case = Case::new();
    let mut journal = Journal(Vec::new());
    let failed = |kind| FailureRecord {
        kind,
        class: AgentFailureClass::RateLimit,
        scenario: None,
        text: "slow down".to_owned(),
    };
    journal.step(StepKind::Value, "now", Ok(json!("noon")));
    journal.step(StepKind::Turn, "m", Ok(json!("sunny")));
    journal.step(StepKind::Turn, "m", Err(failed(FailureKind::Failed)));
    journal.step(StepKind::Turn, "m", Err(failed(FailureKind::Refused)));
    journal.step(StepKind::Tool, "search", Ok(json!(3)));
    let export = Export::of_journal(&journal.0);
    let refused = "1 call is left out: it was refused before it was made";
    assert_eq!(export.missing(), [refused]);
    export.write(&case.0, "agents.db, thread t").unwrap();

    let tape = case.play();
    let never = async || Err::<Value, _>("not in a test");
    assert_eq!(tape.value("now", String::new).unwrap(), "noon");
    assert_eq!(block_on(tape.model(&json!(1), never)).unwrap(), "sunny");
    let limited = block_on(tape.model(&json!(2), never)).unwrap_err();
    let failure = Failure::classified(limited, &Classifier::default(), UNIX_EPOCH);
    assert_eq!(
        (failure.chain_text(), failure.fault().kind),
        ("slow down".to_owned(), FaultKind::RateLimit)
    );
    assert_eq!(block_on(tape.tool("search", &json!({}), never)).unwrap(), 3);
    tape.finish().unwrap();
    let miss = block_on(tape.model(&json!(3), never)).unwrap_err();
    let text = "case.jsonl has no recording for this call of the model: it was recorded 2 times (last as call 3), and is asked for once more";
    assert_eq!(case.told(&chain_text(&*miss)), text);
}
