//! The atomics and locks of the standard library, or, with `--cfg runtime_loom`, those that loom
//! explores.

use std::hint;
use std::sync::{PoisonError, TryLockError};

#[cfg(runtime_loom)]
pub(crate) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering},
};
#[cfg(not(runtime_loom))]
pub(crate) use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicU64, Ordering},
};

/// Locks what its holders give up after some tens of nanoseconds, and that nobody leaves half-changed by a panic.
#[inline]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    match mutex.try_lock() {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => wait_for(mutex),
    }
}

/// Looks again after a while, then after twice that. In between it leaves the mutex alone, so that its holder goes on
/// at full speed and does several calls meanwhile. The mutex itself would look all the time, which takes the line from
/// its holder, and then have it wake a sleeper at each release.
#[cold]
fn wait_for<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // From one microsecond or two to ten in all: a holder that takes longer has lost its processor. For loom, a lock
    // is a lock.
    const PAUSES: &[u32] = if cfg!(runtime_loom) { &[] } else { &[64, 128, 256] };
    for pauses in PAUSES {
        (0..*pauses).for_each(|_| hint::spin_loop());
        match mutex.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {}
        }
    }
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(all(test, not(runtime_loom)))]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use super::*;

    #[test]
    fn threads_that_meet_enter_one_after_the_other() {
        let entered = Mutex::new(0);
        let enter = || (0..1_000).for_each(|_| *lock(&entered) += 1);
        thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(enter))));
        assert_eq!(*lock(&entered), 4_000);
    }

    #[test]
    fn holder_without_a_processor_is_waited_for() {
        let (held, looked) = (Mutex::new(1), AtomicBool::new(false));
        let mut guard = lock(&held);
        thread::scope(|scope| {
            let seen = scope.spawn(|| {
                looked.store(true, Ordering::Release);
                *lock(&held)
            });
            while !looked.load(Ordering::Acquire) {
                thread::yield_now();
            }
            // Longer than anybody looks.
            (0..10_000).for_each(|_| hint::spin_loop());
            *guard = 2;
            drop(guard);
            assert_eq!(seen.join().ok(), Some(2));
        });
    }

    #[test]
    fn panic_of_a_holder_keeps_nobody_out() {
        let held = Mutex::new(1);
        let panics = || {
            let _guard = lock(&held);
            panic!("on purpose");
        };
        thread::scope(|scope| assert!(scope.spawn(panics).join().is_err()));
        assert_eq!((held.is_poisoned(), *lock(&held)), (true, 1));
    }
}
