//! Sleeping tasks, compared with a list of times.

use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use proptest::prelude::*;
use runtime_events::{Clock, ManualClock, Sleep, Sleeper};

use crate::clock::{SECOND, Wakes};

#[derive(Clone, Debug)]
enum Op {
    Sleep(u32),
    Poll(usize),
    Drop(usize),
    Advance(u32),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0_u32..10).prop_map(Op::Sleep),
        3 => any::<usize>().prop_map(Op::Poll),
        1 => any::<usize>().prop_map(Op::Drop),
        3 => (0_u32..6).prop_map(Op::Advance),
    ];
    proptest::collection::vec(op, 0..50)
}

struct Task {
    sleep: Pin<Box<Sleep>>,
    wakes: Arc<Wakes>,
    /// In seconds.
    due: u32,
    /// Whether it was polled and has to be woken.
    waits: bool,
    woken: usize,
}

impl Task {
    fn poll(&mut self) -> Poll<()> {
        let waker = Waker::from(self.wakes.clone());
        self.sleep.as_mut().poll(&mut Context::from_waker(&waker))
    }
}

proptest! {
    #[test]
    fn each_sleep_is_woken_once_when_due(ops in ops()) {
        let clock = ManualClock::new();
        let start = clock.now();
        let (mut now, mut tasks) = (0, Vec::<Task>::new());
        for op in ops {
            match op {
                Op::Sleep(seconds) => tasks.push(Task {
                    sleep: Box::pin(clock.sleep(SECOND * seconds)),
                    wakes: Arc::default(),
                    due: now + seconds,
                    waits: false,
                    woken: 0,
                }),
                Op::Poll(pick) if !tasks.is_empty() => {
                    let place = pick % tasks.len();
                    if tasks[place].due > now {
                        prop_assert!(tasks[place].poll().is_pending());
                        tasks[place].waits = true;
                    } else {
                        prop_assert!(tasks[place].poll().is_ready());
                        tasks.swap_remove(place);
                    }
                }
                Op::Drop(pick) if !tasks.is_empty() => {
                    tasks.swap_remove(pick % tasks.len());
                }
                Op::Poll(_) | Op::Drop(_) => {}
                Op::Advance(seconds) => {
                    clock.advance(SECOND * seconds);
                    now += seconds;
                    for task in tasks.iter_mut().filter(|task| task.waits && task.due <= now) {
                        task.waits = false;
                        task.woken += 1;
                    }
                }
            }
            prop_assert_eq!(clock.now() - start, SECOND * now);
            prop_assert_eq!(clock.waiting(), tasks.iter().filter(|task| task.waits).count());
            for task in &tasks {
                prop_assert_eq!(task.wakes.count(), task.woken);
            }
        }

        // No task is stuck: an hour later all are done.
        clock.advance(Duration::from_hours(1));
        prop_assert!(tasks.iter_mut().all(|task| task.poll().is_ready()));
        prop_assert_eq!(clock.waiting(), 0);
    }
}
