//! The code of `docs/sinks.md`.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a guide shows where the texts go")]

use std::num::{NonZeroU32, NonZeroUsize};
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

use techrevati_runtime::events::payload::TurnEnded;
use techrevati_runtime::events::{AgentEvent, AgentEventName};
use techrevati_runtime::prelude::*;
use techrevati_runtime::sinks::{
    Durability, EventFanOut, Filter, JsonlConfig, Level, LogEntry, LogReader, QueueConfig,
    QueueSink, Rotation, SampleSessions, SinkError,
};

async fn a_run(path: &Path) -> Result<(), BoxError> {
    let log = JsonlSink::create(path)?;
    let queue = QueueSink::new(log, QueueConfig::default());

    let orchestrator = Orchestrator::new("writer", "draft").event_sink(queue.clone());
    let session = orchestrator.session()?;
    session.run_turn(Turn::unmetered(), async || Ok::<_, BoxError>("a draft")).await?;
    session.complete()?;

    let left = queue.shutdown(Duration::from_secs(5));
    assert!(left.is_complete(), "{left}");
    Ok(())
}

fn a_service(folder: &Path) -> Result<(), BoxError> {
    let log = JsonlConfig::default()
        .durability(Durability::Interval(Duration::from_secs(1)))
        .rotate(Rotation::size(64 << 20).every(Duration::from_secs(86_400)).keep_total(1 << 30))
        .open(folder)?;
    let config = QueueConfig::default()
        .capacity(NonZeroUsize::new(8_192).ok_or("no room")?)
        .reserve(1_024)
        .on_abandoned(|left| eprintln!("the event log: {left}"));
    let queue = QueueSink::new(log, config);

    // Shuts the queue down at the end of this scope, even if there are clones.
    let _guard = queue.guard();
    queue.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;

    // Every earlier event is written and synced.
    queue.flush()?;
    Ok(())
}

/// Hands events to whoever posts them.
#[derive(Debug)]
struct Outbox(mpsc::SyncSender<String>);

impl EventSink for Outbox {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        let sent = self.0.try_send(event.to_json());
        sent.map_err(|full| SinkError::new("put an event into the outbox", full))
    }
}

fn a_sink_of_your_own() -> Result<(), BoxError> {
    let (outbox, posted) = mpsc::sync_channel(2);
    let orchestrator = Orchestrator::new("writer", "draft").event_sink(Outbox(outbox));
    let session = orchestrator.session()?;
    session.complete()?;

    let summary = session.summary();
    assert_eq!(posted.try_iter().count(), 2);
    assert_eq!(summary.sink_failures, summary.events_emitted - 2);
    Ok(())
}

fn choices(path: &Path) -> Result<(), BoxError> {
    let log = JsonlSink::create(path)?;
    let trouble = RingBufferEventSink::new();
    let all = EventFanOut::new()
        .with(SampleSessions::one_in(NonZeroU32::new(10).ok_or("none")?, log))
        .with(Filter::all().at_least(Level::Warn).before(trouble.clone()))
        .with(Filter::original_vocabulary().before(|event: &Arc<AgentEvent>| {
            // Pass `event.to_json()` on to the Python package here.
            assert!(event.session_id.is_none());
            Ok::<(), SinkError>(())
        }));
    all.emit(&Arc::new(AgentEvent::started("writer", "draft")))?;
    assert!(trouble.is_empty());
    Ok(())
}

fn reading(path: &Path) -> Result<(), BoxError> {
    let mut reader = LogReader::open(path)?;
    for entry in &mut reader {
        match entry {
            Ok(LogEntry::Event(event)) => println!("{} {}", event.emitted_at, event.event),
            Ok(LogEntry::Unknown(json)) => println!("unknown entry: {json}"),
            Err(error) => println!("{error}"),
        }
    }
    let report = reader.report();
    for gap in &report.gaps {
        println!("{gap}");
    }
    assert!(report.is_whole());
    Ok(())
}

fn what_turns_cost(path: &Path) -> Result<f64, BoxError> {
    let log = LogReader::open(path)?.collect::<Result<Vec<_>, _>>()?;
    let events = log.iter().filter_map(LogEntry::event);
    let turns = events.filter(|event| event.event == AgentEventName::TurnCompleted);
    Ok(turns.filter_map(|turn| TurnEnded::of(turn).cost_usd).sum())
}

fn following(path: &Path) -> Result<(), BoxError> {
    let follow = LogReader::open(path)?.follow();
    let stop = follow.stopper();
    for entry in follow {
        let is_last = entry?.event().is_some_and(|event| event.event.as_str() == "agent.completed");
        if is_last {
            stop.stop();
        }
    }
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    let folder = std::env::temp_dir().join(format!("sinks-guide-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let path = folder.join("run.jsonl");
    a_run(&path).await?;
    reading(&path)?;
    assert!(what_turns_cost(&path)?.abs() < 1e-9, "its turn is not metered");
    following(&path)?;
    a_service(&folder.join("service"))?;
    a_sink_of_your_own()?;
    choices(&folder.join("sample.jsonl"))?;
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
