//! Sessions on many threads.

use std::thread;

use runtime_events::SpanOutcome;

use crate::support::{Rig, Told, said};

#[test]
fn sessions_on_many_threads_keep_their_own_spans() {
    let rig = Rig::new();
    thread::scope(|scope| {
        for thread in 1..=8 {
            let rig = &rig;
            scope.spawn(move || {
                for number in 0..50 {
                    let mut session = Told::new(thread * 1_000 + number, "writer");
                    rig.emit(&session.started());
                    let (turn, event) = session.turn("gpt-5");
                    rig.emit(&event);
                    let (tool, event) = session.tool("search");
                    rig.emit(&event);
                    rig.emit(&session.turn_ended(turn, SpanOutcome::Ok));
                    rig.emit(&session.tool_ended(tool, SpanOutcome::Ok));
                    rig.emit(&session.ended(SpanOutcome::Ok));
                }
            });
        }
        // In the middle of it all, somebody thinks that it is over, and asks how things stand.
        for _ in 0..20 {
            rig.sink.abandon();
            let stats = rig.sink.stats();
            assert!(stats.abandoned <= stats.begun);
            thread::yield_now();
        }
    });
    let (stats, spans) = (rig.sink.stats(), rig.spans());
    assert_eq!((stats.begun, stats.open), (8 * 50 * 3, 0));
    assert_eq!(spans.len(), 8 * 50 * 3);
    let abandoned = spans.iter().filter(|it| said(it).contains_key("error.type"));
    assert_eq!(abandoned.count() as u64, stats.abandoned);
    assert_eq!(stats.unmatched, stats.abandoned, "their own ends came later");
}
