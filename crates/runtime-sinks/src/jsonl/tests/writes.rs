//! Writes that fail.

use super::*;

fn long(seq: u64) -> Arc<AgentEvent> {
    let data = Data::new().with("text", "x".repeat(BACKLOG / 4));
    Arc::new(AgentEvent::clone(&event(seq)).with_data(data))
}

#[test]
fn beyond_the_backlog_events_are_dropped_and_the_log_says_so_before_the_next_one() {
    let disk = Disk::default();
    let log = disk.log(1, PLAIN);
    disk.set(|state| state.writes = vec![Mood::Fail; 100].into());
    let lost: Vec<u64> = (1..=8).map(|n| log.emit(&[long(n)], false).unwrap_err().lost()).collect();
    assert_eq!(lost, [0, 0, 0, 0, 1, 1, 1, 1]);
    let stats = log.stats();
    assert_eq!((stats.accepted, stats.pending, stats.dropped), (8, 4, 4));
    assert!(stats.errors >= 8);

    disk.set(|state| state.writes.clear());
    log.emit(&[event(9)], false).unwrap();
    assert_eq!(disk.numbers(false), [1, 2, 3, 4, 9]);
    let told = &disk.events(false)[4];
    assert_eq!(told.event, AgentEventName::LogDropped);
    let data = serde_json::to_string(told.data.as_ref().unwrap()).unwrap();
    assert_eq!(
        data,
        r#"{"count":4,"sessions":[{"count":4,"first_seq":5,"last_seq":8,"session_id":"s"}]}"#
    );
    let stats = log.stats();
    assert_eq!((stats.accepted, stats.written, stats.dropped, stats.pending), (9, 5, 4, 0));
}

#[test]
fn a_flush_says_what_was_dropped_if_nothing_comes_after_it() {
    let disk = Disk::default();
    let log = disk.log(1, PLAIN);
    disk.set(|state| state.writes = vec![Mood::Fail; 100].into());
    assert_eq!((1..=6).filter(|n| log.emit(&[long(*n)], false).unwrap_err().lost() > 0).count(), 2);
    disk.set(|state| state.writes.clear());
    log.flush(false).unwrap();
    assert_eq!(disk.events(false).last().unwrap().event, AgentEventName::LogDropped);
}

#[test]
fn a_batch_says_how_many_of_it_are_lost() {
    let disk = Disk::default();
    let log = disk.log(1, PLAIN);
    disk.set(|state| state.writes = vec![Mood::Fail; 100].into());
    let events: Vec<_> = (1..=8).map(long).collect();
    assert_eq!(log.emit(&events, false).unwrap_err().lost(), 4);
    assert!(adds_up(log.stats()));
}

#[test]
fn a_file_that_cannot_be_followed_by_another_is_continued() {
    let disk = Disk::default();
    let rotation = Some(Rotation::size(1));
    let log = disk.log(9, Rules { rotation, ..PLAIN });
    log.flush(false).unwrap();
    disk.set(|state| state.opens = vec![false, false].into());
    for n in 1..=4 {
        log.emit(&[event(n)], false).unwrap();
    }
    let files: Vec<usize> = disk.state().files.iter().map(Vec::len).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    assert_eq!(disk.numbers(false), [1, 2, 3, 4]);
    assert_eq!(log.stats().errors, 2);
}
