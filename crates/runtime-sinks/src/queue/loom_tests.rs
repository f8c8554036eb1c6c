//! Loom models: every interleaving of a few calls, as far as the memory model lets them differ.
//!
//! `cargo xtask loom` runs them. That a wake-up is lost shows as a deadlock.

use std::sync::{Arc, Mutex};

use loom::thread;

use super::mailbox::{Handed, Mailbox, Refused, Work};

/// Keeps the items that it is given, and wakes a waiting thread. Its locks are not loom's, because nothing
/// waits for them.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u32>>>, Arc<Mutex<Option<thread::Thread>>>);

impl Work<u32> for Kept {
    fn hand_on(&mut self, items: &[u32]) -> Handed {
        self.0.lock().unwrap().extend(items);
        if let Some(thread) = &*self.1.lock().unwrap() {
            thread.unpark();
        }
        Handed { written: items.len() as u64, ..Handed::default() }
    }

    fn flush(&mut self) -> Result<(), String> {
        Ok(())
    }

    /// The time may pass at once.
    fn linger(&self) {
        thread::yield_now();
    }
}

/// Runs a queue's thread concurrently with `pusher`, and returns the items that it has passed on.
fn beside(capacity: usize, pusher: impl FnOnce(&Mailbox<u32>, &Kept) + 'static) -> Vec<u32> {
    let mailbox = loom::sync::Arc::new(Mailbox::new(capacity, 0));
    let kept = Kept::default();
    let (served, work) = (mailbox.clone(), kept.clone());
    let server = thread::spawn(move || served.run(work));
    let (pushed, seen) = (mailbox.clone(), kept.clone());
    let pusher = thread::spawn(move || pusher(&pushed, &seen));
    pusher.join().unwrap();
    server.join().unwrap();
    let (books, queued) = mailbox.books();
    assert_eq!((queued, books.given), (0, books.written + books.lost + books.refused));
    let kept = kept.0.lock().unwrap().clone();
    assert_eq!(books.written, kept.len() as u64);
    kept
}

fn push(mailbox: &Mailbox<u32>, item: u32) -> Result<(), Refused> {
    mailbox.push(item, |_| false, |_| ())
}

#[test]
fn pushed_items_are_passed_on_in_order_before_the_end() {
    loom::model(|| {
        let kept = beside(4, |mailbox, _| {
            push(mailbox, 1).unwrap();
            push(mailbox, 2).unwrap();
            mailbox.close();
            assert_eq!(push(mailbox, 3), Err(Refused::Closed));
        });
        assert_eq!(kept, [1, 2]);
    });
}

/// Whatever the thread is doing: lingering, about to be idle, or idle.
#[test]
fn push_wakes_an_idle_thread() {
    loom::model(|| {
        beside(4, |mailbox, kept| {
            *kept.1.lock().unwrap() = Some(thread::current());
            for item in [1, 2] {
                push(mailbox, item).unwrap();
                while kept.0.lock().unwrap().last() != Some(&item) {
                    thread::park();
                }
            }
            mailbox.close();
        });
    });
}

#[test]
fn flush_completes_after_all_earlier_items() {
    loom::model(|| {
        beside(4, |mailbox, kept| {
            push(mailbox, 1).unwrap();
            let number = mailbox.ask();
            while mailbox.answered(number).is_none() {
                thread::park();
            }
            assert_eq!(*kept.0.lock().unwrap(), [1]);
            mailbox.close();
        });
    });
}

#[test]
fn full_queue_refuses_and_recovers() {
    loom::model(|| {
        let kept = beside(1, |mailbox, _| {
            push(mailbox, 1).unwrap();
            // Depends on whether the first was taken out.
            let _ = push(mailbox, 2);
            mailbox.close();
        });
        assert!(kept == [1] || kept == [1, 2]);
    });
}

#[test]
fn waiting_for_the_end_is_woken() {
    loom::model(|| {
        beside(4, |mailbox, _| {
            mailbox.close();
            while !mailbox.is_over() {
                thread::park();
            }
        });
    });
}
