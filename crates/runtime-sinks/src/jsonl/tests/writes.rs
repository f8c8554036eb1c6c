//! Writes that fail.

use super::*;

fn long(seq: u64) -> Arc<AgentEvent> {
    let data = Data::new().with("text", "x".repeat(BACKLOG / 4));
    Arc::new(AgentEvent::clone(&event(seq)).with_data(data))
}

#[test]
fn dropped_events_are_reported_before_the_next_line() {
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
fn flush_reports_dropped_events() {
    let disk = Disk::default();
    let log = disk.log(1, PLAIN);
    disk.set(|state| state.writes = vec![Mood::Fail; 100].into());
    assert_eq!((1..=6).filter(|n| log.emit(&[long(*n)], false).unwrap_err().lost() > 0).count(), 2);
    disk.set(|state| state.writes.clear());
    log.flush(false).unwrap();
    assert_eq!(disk.events(false).last().unwrap().event, AgentEventName::LogDropped);
}

#[test]
fn batch_error_counts_lost_events() {
    let disk = Disk::default();
    let log = disk.log(1, PLAIN);
    disk.set(|state| state.writes = vec![Mood::Fail; 100].into());
    let events: Vec<_> = (1..=8).map(long).collect();
    assert_eq!(log.emit(&events, false).unwrap_err().lost(), 4);
    assert!(adds_up(log.stats()));
}

#[test]
fn file_that_cannot_be_followed_grows_by_a_sixteenth_before_the_next_try() {
    const BYTES: u64 = 16_000;
    let disk = Disk::default();
    let log = disk.log(99, Rules { rotation: Some(Rotation::size(BYTES)), ..PLAIN });
    disk.set(|state| state.opens = vec![false; 99].into());
    let length = |disk: &Disk| disk.state().files[0].len() as u64;
    let (mut tries, mut at) = (0, BYTES);
    for n in 0..500 {
        log.emit(&[event(n)], false).unwrap();
        if log.stats().errors > tries {
            tries += 1;
            // The next line would have made the file too long.
            assert!(length(&disk) >= at, "{tries} tries at {} bytes", length(&disk));
            at = length(&disk) + BYTES / 16 - 200;
        }
    }
    assert!(length(&disk) > 3 * BYTES);
    assert!(tries > 10, "{tries} tries");
}

#[test]
fn rotation_failure_continues_the_file() {
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
