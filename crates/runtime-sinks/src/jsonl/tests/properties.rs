//! Histories of a disk that fails as it likes.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn mood() -> impl Strategy<Value = Mood> {
    prop_oneof![
        3 => (0..300_usize).prop_map(Mood::Take),
        1 => Just(Mood::Fail),
        1 => Just(Mood::Interrupt),
    ]
}

#[derive(Clone, Debug)]
enum Op {
    Emit(u64),
    Flush,
    Sync,
    /// What the disk does next.
    Moods(Vec<Mood>, Vec<bool>, Vec<bool>),
}

fn op() -> impl Strategy<Value = Op> {
    let mostly = || prop_oneof![1 => Just(false), 2 => Just(true)];
    prop_oneof![
        6 => (1..4_u64).prop_map(Op::Emit),
        1 => Just(Op::Flush),
        1 => Just(Op::Sync),
        2 => (vec(mood(), 0..6), vec(mostly(), 0..3), vec(mostly(), 0..2))
            .prop_map(|(writes, syncs, opens)| Op::Moods(writes, syncs, opens)),
    ]
}

fn rules() -> impl Strategy<Value = (usize, Rules)> {
    let rotation = || (100..2_000_u64).prop_map(|bytes| Some(Rotation::size(bytes)));
    let with = |rules: Rules| move |rotation| (1_000, Rules { rotation, ..rules });
    prop_oneof![
        (0..1_000_usize).prop_map(|threshold| (1, Rules { threshold, ..PLAIN })),
        Just((1, SYNCED)),
        rotation().prop_map(with(PLAIN)),
        rotation().prop_map(with(SYNCED)),
        rotation().prop_map(with(KEPT)),
    ]
}

proptest! {
    #[test]
    fn failing_disk_never_tears_or_miscounts_lines(
        (files, rules) in rules(),
        ops in vec(op(), 1..30),
    ) {
        let disk = Disk::default();
        let log = disk.log(files, rules);
        let waits = rules.synced;
        let (mut emitted, mut lost) = (0_u64, 0);
        let mut acknowledged = BTreeSet::new();
        // Written, and to be flushed.
        let mut open = BTreeSet::new();
        for op in ops {
            match op {
                Op::Emit(count) => {
                    let events: Vec<_> = (emitted + 1..=emitted + count).map(event).collect();
                    emitted += count;
                    let numbers = events.iter().filter_map(|event| event.seq);
                    match log.emit(&events, waits) {
                        Ok(()) if waits || rules.threshold == 0 => acknowledged.extend(numbers),
                        Ok(()) => open.extend(numbers),
                        Err(error) => {
                            prop_assert!(error.lost() <= count);
                            lost += error.lost();
                        }
                    }
                }
                Op::Flush => {
                    if log.flush(waits).is_ok() {
                        acknowledged.append(&mut open);
                    }
                }
                Op::Sync => {
                    if waits {
                        log.sync_written();
                    }
                }
                Op::Moods(writes, syncs, opens) => disk.set(|state| {
                    state.writes.extend(writes);
                    state.syncs.extend(syncs);
                    state.opens.extend(opens);
                }),
            }
            let stats = log.stats();
            prop_assert!(adds_up(stats), "{stats:?}");
            prop_assert_eq!(stats.accepted, emitted);
            let there: BTreeSet<u64> = disk.numbers(waits).into_iter().collect();
            let missing: Vec<_> = acknowledged.difference(&there).collect();
            prop_assert!(missing.is_empty(), "acknowledged and not there: {missing:?}");
        }
        // Never stuck: a disk that works again takes all that was kept, each line whole.
        disk.set(|state| {
            state.writes.clear();
            state.syncs.clear();
            state.opens.clear();
        });
        let _ = log.flush(waits);
        prop_assert!(log.flush(waits).is_ok());
        let stats = log.stats();
        prop_assert_eq!(stats.pending, 0);
        prop_assert!(stats.dropped <= lost);
        let there: BTreeSet<u64> = disk.numbers(false).into_iter().collect();
        prop_assert_eq!(there.len() as u64, stats.written);
        if !rules.keeps {
            let (lines, events) = (disk.lines(false), disk.events(false));
            prop_assert_eq!(lines.len(), events.len(), "a line is torn");
            prop_assert!(disk.numbers(false).is_sorted_by(|a, b| a < b), "once each, in order");
        }
    }
}
