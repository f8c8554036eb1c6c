//! The recording sink.

use runtime_events::AgentEventName;
use runtime_sinks::{EventSink, testing::RecordingEventSink};

use crate::common::{event, number};

#[test]
fn recording_sink_finds_events_by_name() {
    let seen = RecordingEventSink::new();
    for n in 0..3_000 {
        seen.clone().emit(&event(n)).unwrap();
    }
    assert_eq!((seen.len(), seen.events().len(), seen.names().len()), (3_000, 3_000, 3_000));
    let completed = seen.all(AgentEventName::TurnCompleted);
    assert_eq!((number(&completed[0]), completed.len()), (0, 3_000));
    assert!(seen.all(AgentEventName::AgentFailed).is_empty());
    assert!(!seen.is_empty());
    seen.clear();
    assert!(seen.is_empty());
}
