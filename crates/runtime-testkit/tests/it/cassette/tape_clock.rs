//! The clock of a replay.

use std::time::Duration;

use futures_util::{FutureExt as _, join, select_biased};
use runtime_events::{Clock as _, Sleeper as _};

use super::{Case, block_on};

const SECOND: Duration = Duration::from_secs(1);

fn clock() -> runtime_testkit::cassette::TapeClock {
    let case = Case::new();
    drop(case.record());
    case.play().clock()
}

#[test]
fn sleeps_end_in_the_order_of_their_times() {
    let clock = clock();
    let begun = clock.now();
    let order = std::cell::RefCell::new(Vec::new());
    let sleep = async |seconds: u32| {
        clock.sleep(SECOND * seconds).await;
        order.borrow_mut().push((seconds, (clock.now() - begun).as_secs()));
    };
    block_on(async { join!(sleep(3), sleep(1), sleep(2), sleep(1)) });
    assert_eq!(*order.borrow(), [(1, 1), (1, 1), (2, 2), (3, 3)]);
}

#[test]
fn tasks_that_work_go_before_the_time() {
    let clock = clock();
    let begun = clock.now();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (ask, mut asked) = tokio::sync::mpsc::channel(1);
        let worker = tokio::spawn(async move {
            while let Some(number) = asked.recv().await {
                tokio::task::yield_now().await;
                if number == 20 {
                    break;
                }
            }
        });
        let work = async {
            for number in 0..=20 {
                ask.send(number).await.unwrap();
            }
            worker.await.unwrap();
        };
        let mut work = Box::pin(work.fuse());
        let mut timeout = clock.sleep(SECOND).fuse();
        select_biased! {
            () = timeout => panic!("the work takes no time"),
            () = work => {}
        }
    });
    assert_eq!(clock.now(), begun);
}

#[test]
fn a_sleep_that_nobody_polls_holds_nothing_up() {
    let clock = clock();
    let begun = clock.now();
    let mut first = Box::pin(clock.sleep(SECOND));
    block_on(async {
        assert!(first.as_mut().now_or_never().is_none());
        clock.sleep(SECOND * 5).await;
        assert_eq!(clock.now() - begun, SECOND * 5);
        first.await;
    });
    assert_eq!(clock.now() - begun, SECOND * 5);
}

#[test]
fn a_thread_that_parks_moves_the_clock() {
    let clock = clock();
    let (begun, wall) = (clock.now(), clock.utc_now());
    clock.park(SECOND * 60);
    assert_eq!(clock.now() - begun, SECOND * 60);
    assert_eq!(clock.utc_now() - wall, chrono::TimeDelta::minutes(1));
}
