//! Properties, compared with naive models.

use std::num::NonZeroUsize;

use proptest::collection::vec;
use proptest::prelude::*;
use runtime_sinks::{EventSink, RingBufferEventSink};

use crate::common::{TempFile, buffered, event, number};

#[derive(Clone, Copy, Debug)]
enum Op {
    Emit,
    Clear,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![9 => Just(Op::Emit), 1 => Just(Op::Clear)]
}

proptest! {
    #[test]
    fn ring_agrees_with_a_truncated_list(
        capacity in 1..9_usize,
        ops in vec(op(), 0..64),
    ) {
        let capacity = NonZeroUsize::new(capacity).unwrap();
        let ring = RingBufferEventSink::with_capacity(capacity);
        let (mut list, mut dropped, mut emitted) = (Vec::new(), 0, 0);
        for op in ops {
            match op {
                Op::Emit => {
                    ring.emit(&event(emitted)).unwrap();
                    list.push(emitted);
                    emitted += 1;
                    if list.len() > capacity.get() {
                        list.remove(0);
                        dropped += 1;
                    }
                }
                Op::Clear => {
                    ring.clear();
                    list.clear();
                }
            }
            let held: Vec<u64> = ring.events().iter().map(|event| number(event)).collect();
            prop_assert_eq!(&held, &list);
            prop_assert_eq!((ring.len(), ring.dropped()), (list.len(), dropped));
        }
        // The next event is always held.
        ring.emit(&event(emitted)).unwrap();
        prop_assert_eq!(ring.events().last().map(|event| number(event)), Some(emitted));
    }

    #[test]
    fn log_keeps_every_event_in_order_for_any_buffer(
        buffer in 0..2_000_usize,
        runs in vec(1..20_u64, 1..4),
    ) {
        let file = TempFile::new("property");
        let mut emitted = 0;
        for run in runs {
            let log = buffered(file.path(), buffer);
            for _ in 0..run {
                log.emit(&event(emitted)).unwrap();
                emitted += 1;
            }
        }
        prop_assert!(file.events().iter().map(number).eq(0..emitted));
    }
}
