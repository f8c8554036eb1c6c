//! The thread that drives a member.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Wake, Waker};
use std::thread::{self, Builder, Thread};

use runtime_events::Sleeper as _;

use super::driver::FleetDriver;

/// Starts the thread. It ends when the member has left.
pub(super) fn start(driver: FleetDriver) -> io::Result<()> {
    Builder::new().name("techrevati-fleet".to_owned()).spawn(move || run(driver)).map(drop)
}

fn run(mut driver: FleetDriver) {
    let parker = Arc::new(Parker { thread: thread::current(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&parker));
    let clock = driver.clock();
    loop {
        // Relaxed: the drive itself sees what happened before it.
        parker.woken.store(false, Ordering::Relaxed);
        let Some(wait) = driver.drive_with(&mut Context::from_waker(&waker)) else { return };
        // Acquire: the next drive sees what happened before the wake-up. One that comes after this look leaves a
        // token, with which the park ends at once.
        if !parker.woken.load(Ordering::Acquire) {
            clock.park(wait);
        }
    }
}

struct Parker {
    thread: Thread,
    woken: AtomicBool,
}

impl Wake for Parker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // Release: pairs with the load in `run`.
        self.woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}
