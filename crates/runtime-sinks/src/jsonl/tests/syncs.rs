//! Syncs that fail, and syncs that are shared.

use super::*;

#[test]
fn failed_sync_without_rotation_reports_loss() {
    let disk = Disk::default();
    let log = disk.log(1, SYNCED);
    log.emit(&[event(1)], true).unwrap();
    disk.set(|state| state.syncs = [false].into());
    let error = log.emit(&[event(2), event(3)], true).unwrap_err();
    assert_eq!(error.to_string(), "cannot sync `a disk`: the system could not write to the disk");
    assert_eq!(error.lost(), 2);
    // A sync that succeeds proves nothing about the lines of the failed one.
    log.emit(&[event(4)], true).unwrap();
    assert_eq!(disk.numbers(true), [1, 4]);
    let stats = log.stats();
    assert_eq!((stats.written, stats.synced, stats.errors), (4, 2, 1));
}

#[test]
fn failed_sync_writes_lines_to_the_next_file() {
    let disk = Disk::default();
    let log = disk.log(9, KEPT);
    log.emit(&[event(1)], true).unwrap();
    disk.set(|state| state.syncs = [false].into());
    log.emit(&[event(2), event(3)], true).unwrap();
    log.emit(&[event(4)], true).unwrap();
    assert_eq!(disk.state().files.len(), 2);
    assert_eq!(disk.numbers(true), [1, 2, 3, 4]);
    assert_eq!(disk.numbers(false), [1, 2, 3, 2, 3, 4]);
    let stats = log.stats();
    assert_eq!((stats.accepted, stats.written, stats.synced, stats.errors), (4, 4, 4, 1));
}

#[test]
fn failed_sync_of_the_next_file_leaves_doubt() {
    let disk = Disk::default();
    let log = disk.log(9, KEPT);
    disk.set(|state| state.syncs = [false, false].into());
    assert_eq!(log.emit(&[event(1)], true).unwrap_err().lost(), 1);
    log.emit(&[event(2)], true).unwrap();
    assert_eq!(disk.numbers(true), [2]);
}

#[test]
fn failed_sync_keeps_lines_until_a_file_opens() {
    let disk = Disk::default();
    let log = disk.log(9, KEPT);
    disk.set(|state| (state.syncs, state.opens) = ([false].into(), [false].into()));
    assert_eq!(log.emit(&[event(1)], true).unwrap_err().lost(), 0, "it is kept");
    let stats = log.stats();
    assert!(adds_up(stats) && stats.pending == 1);
    log.flush(true).unwrap();
    assert_eq!(disk.numbers(true), [1]);
    assert_eq!(log.stats().synced, 1);
}

#[test]
fn failed_background_sync_is_reported_by_flush() {
    let disk = Disk::default();
    let log = disk.log(1, SYNCED);
    log.emit(&[event(1)], false).unwrap();
    disk.set(|state| state.syncs = [false].into());
    log.sync_written();
    assert!(log.flush(true).is_err());
    assert!(log.flush(true).is_ok(), "that was said");
    let synced = disk.state().synced;
    log.sync_written();
    assert_eq!(disk.state().synced, synced, "there is nothing to sync");
}

#[test]
fn earlier_files_are_synced_as_well() {
    let disk = Disk::default();
    let log = disk.log(9, Rules { rotation: Some(Rotation::size(300)), ..KEPT });
    let events: Vec<_> = (1..=9).map(event).collect();
    log.emit(&events, true).unwrap();
    assert!(disk.state().files.len() > 3);
    assert!(disk.numbers(true).into_iter().eq(1..=9));
    assert_eq!(log.stats().synced, 9);
}

#[test]
fn concurrent_writers_share_a_sync() {
    const THREADS: u64 = 8;
    let disk = Disk::default();
    let log = disk.log(1, SYNCED);
    // The first sync takes until all have written; the second is for all that came during it.
    disk.set(|state| state.slow = 8);
    thread::scope(|scope| {
        for seq in 0..THREADS {
            let (log, disk) = (&log, &disk);
            scope.spawn(move || {
                log.emit(&[event(seq)], true).unwrap();
                assert!(disk.numbers(true).contains(&seq), "acknowledged, so it is there");
            });
        }
    });
    assert!((1..=2).contains(&disk.state().synced), "{} syncs", disk.state().synced);
    assert_eq!(log.stats().synced, THREADS);
}

#[test]
fn concurrent_emits_return_correct_results() {
    const EACH: u64 = 50;
    let disk = Disk::default();
    let log = disk.log(1_000, KEPT);
    disk.set(|state| state.syncs = (0..400).map(|n| n % 5 > 0).collect());
    thread::scope(|scope| {
        for id in 0..8 {
            let (log, disk) = (&log, &disk);
            scope.spawn(move || {
                for seq in id * EACH..(id + 1) * EACH {
                    let told = log.emit(&[event(seq)], true);
                    let there = disk.numbers(true).contains(&seq);
                    assert!(told.is_err() || there, "{seq} was acknowledged and is not there");
                }
            });
        }
    });
    assert!(adds_up(log.stats()));
}
