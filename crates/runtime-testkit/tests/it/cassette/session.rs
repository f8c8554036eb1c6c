//! A whole session: recorded on a clock that takes ten minutes, and played in no time with the same events.

use std::time::Duration;

use futures_util::future::{Either, join, select};
use futures_util::{StreamExt as _, stream};
use runtime_events::{Clock as _, Sleeper as _};
use runtime_orchestrator::{
    Attempt, OrchestrationSession, Orchestrator, RecoveryConfig, ToolCall, Turn,
};
use runtime_resilience::{FaultError, FaultKind, Provider, chain_text};
use runtime_testkit::RecordingEventSink;
use runtime_testkit::cassette::{Tape, TapeClock};
use runtime_usage::UsageSnapshot;
use serde_json::{Value, json};

use super::{BoxError, Case, block_on};

const SECOND: Duration = Duration::from_secs(1);

/// The world while it records: everything takes its time on the clock.
struct World {
    clock: TapeClock,
}

impl World {
    async fn after<T>(&self, seconds: u64, value: T) -> T {
        self.clock.sleep(SECOND * u32::try_from(seconds).unwrap()).await;
        value
    }

    /// The replies of a model that limits, fails and hangs.
    async fn chat(&self, question: &str, attempt: u32) -> Result<Value, BoxError> {
        match (question, attempt) {
            ("limited", 1) => {
                let headers = [("retry-after", "42")];
                let body = br#"{"error":{"code":"rate_limit_exceeded","message":"Slow down"}}"#;
                let now = chrono::DateTime::UNIX_EPOCH;
                let error = FaultError::from_response(Provider::OpenAi, 429, &headers, body, now);
                self.after(3, Err(error.into())).await
            }
            ("limited", 2) => {
                self.after(2, Err(FaultError::of(FaultKind::Overload, "busy").into())).await
            }
            ("slow", _) => self.after(3_600, Err("never".into())).await,
            (question, _) => self.after(61, Ok(json!({ "says": question }))).await,
        }
    }
}

/// The program, which knows nothing of whether it is recorded or played, but for the world's clock.
async fn agent(tape: &Tape, world: &World, sink: &RecordingEventSink) -> Vec<String> {
    let orchestrator = Orchestrator::new("guide", "answer")
        .time(tape.clock())
        .ids(tape.ids())
        .recovery(RecoveryConfig::default())
        .deadline(SECOND * 3_600)
        .event_sink(sink.clone());
    tape.seed_thread();
    let session = orchestrator.session().unwrap();
    let mut told = Vec::new();
    let mut tell = |said: Result<String, BoxError>| {
        told.push(said.unwrap_or_else(|error| format!("error: {}", chain_text(&*error))));
    };

    tell(ask(&session, tape, world, "Rome?").await);
    tell(ask(&session, tape, world, "limited").await);
    // A tool, beside a turn that takes longer.
    let (tool, turn) =
        join(search(&session, tape, world), ask(&session, tape, world, "at once")).await;
    tell(tool);
    tell(turn);
    tell(ask(&session, tape, world, "slow").await);
    tell(streamed(&session, tape, world).await);
    // The user has enough after twenty seconds.
    let turn = Box::pin(ask(&session, tape, world, "a long story"));
    tell(match select(turn, tape.clock().sleep(SECOND * 20)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Ok("cancelled".to_owned()),
    });
    tell(ask(&session, tape, world, "and then?").await);
    let day: String = tape.value("day", || world.clock.utc_now().to_rfc3339()).unwrap();
    tell(Ok(day));
    session.complete().unwrap();
    told
}

async fn ask(
    session: &OrchestrationSession,
    tape: &Tape,
    world: &World,
    question: &str,
) -> Result<String, BoxError> {
    let turn = Turn::model("m").timeout(SECOND * 90).usage(UsageSnapshot::new(100, 20));
    let call = async |attempt: Attempt| {
        let number = attempt.number();
        let request = json!({ "model": "m", "attempt": number, "question": question });
        tape.model(&request, || world.chat(question, number)).await
    };
    Ok(session.run_turn_recovering(turn, call).await?.value.to_string())
}

async fn search(
    session: &OrchestrationSession,
    tape: &Tape,
    world: &World,
) -> Result<String, BoxError> {
    let arguments = json!({ "q": "breaker" });
    let call = ToolCall::new("search").args(arguments.clone());
    let find = || world.after(30, Ok::<_, BoxError>("three hits".to_owned()));
    Ok(session.run_tool(call, || tape.tool("search", &arguments, find)).await?)
}

async fn streamed(
    session: &OrchestrationSession,
    tape: &Tape,
    world: &World,
) -> Result<String, BoxError> {
    let read = async || {
        let request = json!({ "model": "m", "stream": true });
        let open = || async {
            let clock = world.clock.clone();
            let chunks = [Ok("Once"), Ok(" upon"), Err("the connection broke")];
            let chunks = stream::iter(chunks).then(move |chunk| {
                let sleep = clock.sleep(SECOND * 7);
                async move {
                    sleep.await;
                    chunk.map(str::to_owned)
                }
            });
            world.after(5, Ok::<_, BoxError>(chunks)).await
        };
        let mut chunks = tape.stream(&request, open).await?;
        let mut all = String::new();
        while let Some(chunk) = chunks.next().await {
            all += &chunk?;
        }
        Ok::<_, BoxError>(all)
    };
    Ok(session.run_turn(Turn::model("m").timeout(SECOND * 90), read).await?.value)
}

fn run(tape: &Tape, world: TapeClock) -> (Vec<String>, Vec<String>, Duration) {
    let sink = RecordingEventSink::new();
    let begun = tape.clock().now();
    let told = block_on(agent(tape, &World { clock: world }, &sink));
    let events = sink.events().iter().map(|event| event.to_json()).collect();
    (told, events, tape.clock().now() - begun)
}

/// A clock on which the world takes its time, without the test waiting for it.
fn world_clock() -> TapeClock {
    let case = Case::new();
    drop(case.record());
    case.play().clock()
}

#[test]
fn ten_minutes_are_played_in_no_time_with_the_same_events() {
    let case = Case::new();
    let clock = world_clock();
    let tape = case.cassette().time(clock.clone()).record().unwrap();
    let (told, events, took) = run(&tape, clock);
    tape.finish().unwrap();
    assert!(took > SECOND * 600, "{took:?}");
    let says = [
        "Rome?",
        "limited",
        "hits",
        "at once",
        "exceeded timeout",
        "broke",
        "cancelled",
        "and then?",
    ];
    for (told, part) in told.iter().zip(says) {
        assert!(told.contains(part), "{told:?} has not {part:?}");
    }

    let tape = case.play();
    let (played, again, also_took) = run(&tape, world_clock());
    assert_eq!(played, told);
    assert_eq!(again, events, "ids and stamps included: they are of the tape");
    assert_eq!(also_took, took);
    tape.finish().unwrap();
}

#[test]
fn without_times_the_events_differ_in_stamps_alone() {
    let case = Case::new();
    let clock = world_clock();
    let tape = case.cassette().time(clock.clone()).record().unwrap();
    let ask = async |tape: &Tape| {
        let sink = RecordingEventSink::new();
        let orchestrator = Orchestrator::new("guide", "answer").time(tape.clock());
        let session = orchestrator.event_sink(sink.clone()).session().unwrap();
        let request = json!({ "question": "Rome?" });
        let call = || {
            tape.model(&request, || async {
                clock.sleep(SECOND * 5).await;
                Ok::<_, BoxError>(1)
            })
        };
        session.run_turn(Turn::model("m"), call).await.unwrap();
        drop(session);
        sink.events().iter().map(|event| event.event).collect::<Vec<_>>()
    };
    let recorded = block_on(ask(&tape));
    let tape = case.cassette().untimed().play().unwrap();
    let begun = tape.clock().now();
    assert_eq!(block_on(ask(&tape)), recorded);
    assert_eq!(tape.clock().now(), begun);
}
