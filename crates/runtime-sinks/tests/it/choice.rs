//! Filters, samples and levels.

use std::num::NonZeroU32;
use std::sync::Arc;

use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, SpanId, SpanOutcome,
};
use runtime_sinks::{
    EventSink, Filter, JsonlSink, Level, RingBufferEventSink, SampleSessions, SinkError, SinkStats,
};

use crate::common::{TempFile, event, numbered};

#[test]
fn filter_conditions_all_apply() {
    let failed = |class| AgentEvent::failed("writer", "draft", class);
    let filter = Filter::all()
        .without([AgentEventName::AgentStarted])
        .at_least(Level::Warn)
        .failures([AgentFailureClass::RateLimit]);
    assert!(filter.passes(&failed(AgentFailureClass::RateLimit)));
    assert!(!filter.passes(&failed(AgentFailureClass::LlmError)));
    assert!(!filter.passes(&AgentEvent::started("writer", "draft")));
    assert!(
        Filter::all()
            .names([AgentEventName::AgentFailed])
            .passes(&failed(AgentFailureClass::Unknown))
    );
    assert!(Filter::default().passes(&event(1)));
    assert!(!Filter::all().names([]).passes(&event(1)));
}

#[test]
fn names_that_are_blocked_add_up() {
    use AgentEventName as Name;
    let blocked = Filter::all().without([Name::AgentStarted]).without([Name::TurnCompleted]);
    let passes = |filter: &Filter, name| {
        filter.passes(&AgentEvent::new(
            name,
            AgentEventStatus::Running,
            chrono::DateTime::UNIX_EPOCH,
        ))
    };
    assert!(!passes(&blocked, Name::AgentStarted) && !passes(&blocked, Name::TurnCompleted));
    assert!(passes(&blocked, Name::TurnFailed));
    let named = Filter::all().names([Name::AgentStarted, Name::TurnFailed]);
    let both = named.without([Name::AgentStarted]);
    assert!(!passes(&both, Name::AgentStarted) && passes(&both, Name::TurnFailed));
    assert!(!passes(&both, Name::TurnCompleted), "what was set before still counts");
}

#[test]
fn critical_are_all_events_of_logs_fleets_and_what_a_person_decides() {
    let critical = Filter::critical();
    let passes = |name| {
        let at = chrono::DateTime::UNIX_EPOCH;
        critical.passes(&AgentEvent::new(name, AgentEventStatus::Running, at))
    };
    for &name in AgentEventName::ALL {
        let (about, _) = name.as_str().split_once('.').unwrap();
        let always = ["approval", "fleet", "journal", "log", "thread", "tool"].contains(&about);
        assert!(passes(name) || !always, "{name}");
    }
    assert!(passes(AgentEventName::AgentFailed) && !passes(AgentEventName::TurnCompleted));
}

#[test]
fn original_vocabulary_translates_events() {
    let ring = RingBufferEventSink::new();
    let sink = Filter::original_vocabulary().before(ring.clone());
    let mut cancelled = AgentEvent::failed("writer", "draft", AgentFailureClass::Cancelled)
        .with_span(SpanId::from_u64(7), None)
        .with_outcome(SpanOutcome::Cancelled);
    cancelled.status = AgentEventStatus::Cancelled;
    cancelled.session_id = Some("s".into());
    cancelled.seq = Some(2);
    sink.emit_all(&[numbered("s", 1), Arc::new(cancelled)]).unwrap();
    let [event] = &ring.events()[..] else { panic!("a turn is nothing that the original knows") };
    let json = event.to_json();
    assert!(json.contains(r#""status":"failed""#) && json.contains(r#""failure_class":"unknown""#));
    assert!(!json.contains("session_id") && !json.contains("span") && !json.contains("outcome"));
}

#[test]
fn filtered_events_are_not_in_the_stats() {
    let file = TempFile::new("filtered");
    let log = JsonlSink::create(file.path()).unwrap();
    let sink = Filter::all().names([AgentEventName::AgentStarted]).before(log);
    sink.emit(&event(1)).unwrap();
    sink.emit_all(&[event(2)]).unwrap();
    sink.flush().unwrap();
    assert_eq!(sink.stats(), Some(SinkStats::default()));
    let passing = Arc::new(AgentEvent::started("writer", "draft"));
    sink.emit(&passing).unwrap();
    sink.emit_all(&[event(3), passing]).unwrap();
    let written = sink.stats().unwrap();
    assert_eq!((written.written, written.dropped), (2, 0));
}

#[test]
fn error_of_a_filtered_sink_reaches_the_caller() {
    struct Broken;
    impl EventSink for Broken {
        fn emit(&self, _: &Arc<AgentEvent>) -> Result<(), SinkError> {
            Err(SinkError::new("write", "disk full"))
        }
        fn flush(&self) -> Result<(), SinkError> {
            Err(SinkError::new("flush", "disk full"))
        }
    }
    let sink = Filter::all().without([AgentEventName::TurnCompleted]).before(Broken);
    let passing = Arc::new(AgentEvent::started("writer", "draft"));
    assert!(sink.emit(&passing).is_err() && sink.emit_all(&[passing]).is_err());
    assert!(sink.flush().is_err());
    assert!(sink.emit(&event(1)).is_ok());
}

#[test]
fn levels_match_event_importance() {
    use AgentEventName as Name;
    use AgentEventStatus as Status;
    let of = |name, status| Level::of(&AgentEvent::new(name, status, chrono::DateTime::UNIX_EPOCH));
    assert_eq!(of(Name::AgentStarted, Status::Running), Level::Info);
    assert_eq!(of(Name::StatusChanged, Status::Running), Level::Debug);
    assert_eq!(of(Name::StatusChanged, Status::Failed), Level::Debug, "agent.failed follows");
    for detail in [
        Name::WaitStarted,
        Name::WaitEnded,
        Name::GuardrailChecked,
        Name::PermissionChecked,
        Name::PolicyDecided,
        Name::AttemptStarted,
        Name::HookPreTool,
        Name::HookPostTool,
    ] {
        assert_eq!(of(detail, Status::Running), Level::Debug, "{detail}");
        assert_eq!(of(detail, Status::Failed), Level::Warn, "{detail}");
    }
    assert_eq!(of(Name::TurnFailed, Status::Failed), Level::Warn);
    assert_eq!(of(Name::AgentFailed, Status::Failed), Level::Error);
    assert_eq!(of(Name::AgentFailed, Status::Cancelled), Level::Warn);
    assert_eq!(of(Name::LogDropped, Status::Failed), Level::Error);
    assert_eq!(of(Name::FleetDegraded, Status::Blocked), Level::Warn);
    assert_eq!(of(Name::ToolInDoubt, Status::Blocked), Level::Warn);
    assert_eq!(of(Name::ApprovalRequested, Status::Blocked), Level::Info);
    let panicked = AgentEvent::started("writer", "draft").with_outcome(SpanOutcome::Panicked);
    assert_eq!(Level::of(&panicked), Level::Error);
    assert!(Level::Debug < Level::Info && Level::Warn < Level::Error);
}

fn begins(session: &str, span: u64, parent: Option<u64>) -> Arc<AgentEvent> {
    let mut event = AgentEvent::started("writer", "draft")
        .with_span(SpanId::from_u64(span), parent.map(SpanId::from_u64));
    event.session_id = Some(session.into());
    event.seq = Some(1);
    Arc::new(event)
}

#[test]
fn sample_has_whole_sessions_at_the_expected_rate() {
    let ring = RingBufferEventSink::with_capacity(std::num::NonZeroUsize::new(100_000).unwrap());
    let sample = SampleSessions::one_in(NonZeroU32::new(10).unwrap(), ring.clone());
    for id in 0..2_000 {
        let session = format!("session-{id}");
        let events: Vec<_> = (1..=5).map(|n| numbered(&session, n)).collect();
        sample.emit(&events[0]).unwrap();
        sample.emit_all(&events[1..]).unwrap();
    }
    let sessions = ring.len() / 5;
    assert_eq!(ring.len() % 5, 0);
    assert!((140..260).contains(&sessions), "{sessions} of 2,000");
    let again = SampleSessions::one_in(NonZeroU32::new(10).unwrap(), ring.clone());
    assert!((0..2_000).all(|id| {
        let session = format!("session-{id}");
        again.keeps(&session) == sample.keeps(&session)
    }));
    // Events without a session pass.
    let before = ring.len();
    sample.emit(&event(1)).unwrap();
    assert_eq!(ring.len(), before + 1);
}

#[test]
fn session_is_sampled_with_its_root() {
    let ring = RingBufferEventSink::new();
    let sample = SampleSessions::one_in(NonZeroU32::new(2).unwrap(), ring.clone());
    let ids: Vec<String> = (0..40).map(|id| format!("session-{id}")).collect();
    let root = ids.iter().find(|id| sample.keeps(id)).unwrap();
    let out = ids.iter().find(|id| !sample.keeps(id)).unwrap();
    for (place, id) in (1..).zip(&ids) {
        if id == root || id == out {
            continue;
        }
        ring.clear();
        let (kept, left) = (place * 10, place * 10 + 5);
        sample.emit(&begins(root, kept, None)).unwrap();
        sample.emit(&begins("below", kept + 1, Some(kept))).unwrap();
        sample.emit(&begins(id, kept + 2, Some(kept + 1))).unwrap();
        sample.emit(&numbered(id, 2)).unwrap();
        assert_eq!(ring.len(), 4, "the whole tree");
        sample.emit(&begins(out, left, None)).unwrap();
        sample.emit(&begins("other", left + 1, Some(left))).unwrap();
        sample.emit(&numbered("other", 2)).unwrap();
        assert_eq!(ring.len(), 4, "nothing of that tree");
    }
}

#[test]
fn lives_of_a_thread_are_sampled_alike() {
    let ring = RingBufferEventSink::new();
    let sample = SampleSessions::one_in(NonZeroU32::new(2).unwrap(), ring.clone());
    let names: Vec<String> = (0..40).map(|id| format!("order-{id}")).collect();
    for thread in &names {
        ring.clear();
        for life in 1..=20 {
            let labels = [("thread", thread.clone()), ("life", life.to_string())];
            let labels = labels.map(|(key, value)| (key.to_owned(), value));
            let session = format!("{thread}-{life}");
            let mut began = AgentEvent::clone(&begins(&session, life, None));
            began.labels = Some(Arc::new(labels.into()));
            sample.emit(&Arc::new(began)).unwrap();
            sample.emit(&numbered(&session, 2)).unwrap();
        }
        assert_eq!(ring.len(), if sample.keeps(thread) { 40 } else { 0 }, "{thread}");
    }
}

#[cfg(feature = "tracing")]
mod with_tracing {
    use std::fmt::{Debug, Write as _};
    use std::sync::Mutex;

    use runtime_sinks::TracingSink;
    use tracing::field::{Field, Visit};
    use tracing::span;

    use super::*;

    /// Keeps a line for each event from `info` upwards.
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<String>>>);

    impl tracing::Subscriber for Kept {
        fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
            *metadata.level() <= tracing::Level::INFO
        }

        fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
            span::Id::from_u64(1)
        }

        fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

        fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

        fn event(&self, event: &tracing::Event<'_>) {
            let metadata = event.metadata();
            let mut line = Line(format!("{} {}", metadata.level(), metadata.target()));
            event.record(&mut line);
            self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line.0);
        }

        fn enter(&self, _: &span::Id) {}

        fn exit(&self, _: &span::Id) {}
    }

    struct Line(String);

    impl Visit for Line {
        fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
            write!(self.0, " {field}={value:?}").expect("a string takes it");
        }
    }

    #[test]
    fn events_reach_the_tracing_subscriber_with_their_fields() {
        let kept = Kept::default();
        tracing::subscriber::with_default(kept.clone(), || {
            TracingSink.emit(&numbered("s", 3)).unwrap();
            let failed = AgentEvent::failed("writer", "draft", AgentFailureClass::LlmError);
            TracingSink.emit(&Arc::new(failed.with_detail("503 from the provider"))).unwrap();
            let mut looked = AgentEvent::started("writer", "draft");
            looked.event = AgentEventName::StatusChanged;
            TracingSink.emit(&Arc::new(looked)).unwrap();
        });
        let lines = kept.0.lock().unwrap().clone();
        assert_eq!(
            lines,
            [
                "INFO techrevati::events message=agent.turn_completed \
                 event=\"agent.turn_completed\" status=\"running\" role=\"writer\" \
                 session_id=\"s\" seq=3 data=\"{\\\"number\\\":3}\"",
                "ERROR techrevati::events message=503 from the provider event=\"agent.failed\" \
                 status=\"failed\" role=\"writer\" phase=\"draft\" failure_class=\"llm_error\"",
            ]
        );
    }
}
