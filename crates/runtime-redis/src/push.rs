//! What the server pushes, and who hears it.

use std::sync::{Mutex, PoisonError, Weak};
use std::time::Duration;

use runtime_fleet::{AccountPath, BreakerView, Change, MemberId, Watcher};

/// Who hears of changes.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<Vec<Weak<dyn Watcher>>>);

impl Watchers {
    pub(crate) fn add(&self, watcher: Weak<dyn Watcher>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(watcher);
    }

    pub(crate) fn connected(&self) {
        self.tell(&Change::Connected);
    }

    pub(crate) fn pushed(&self, payload: &[u8]) {
        // A later version may tell of more.
        if let Some(change) = std::str::from_utf8(payload).ok().and_then(change) {
            self.tell(&change);
        }
    }

    fn tell(&self, change: &Change) {
        let mut watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        watchers.retain(|watcher| watcher.strong_count() > 0);
        let heard: Vec<_> = watchers.iter().filter_map(Weak::upgrade).collect();
        drop(watchers);
        for watcher in heard {
            watcher.changed(change.clone());
        }
    }
}

/// What a push says: a word, numbers or a member, and a name to the end, each on a line.
fn change(payload: &str) -> Option<Change> {
    let (word, rest) = payload.split_once('\n')?;
    match word {
        "breaker" => {
            let mut fields = rest.splitn(4, '\n');
            let mut number = || fields.next()?.parse::<i64>().ok();
            let (generation, open, probing) = (number()?, number()?, number()?);
            let name = fields.next()?.into();
            let generation = u64::try_from(generation).ok()?;
            let open = u64::try_from(open).ok().map(Duration::from_micros);
            Some(Change::Breaker {
                name,
                view: BreakerView { generation, open, probing: probing == 1 },
            })
        }
        "pause" => {
            let (wait, name) = rest.split_once('\n')?;
            let wait = Duration::from_micros(wait.parse().ok()?);
            Some(Change::Pause { name: name.into(), wait })
        }
        "short" => {
            let (member, account) = rest.rsplit_once('\n')?;
            let account = AccountPath::new(account).ok()?;
            Some(Change::Short { account, member: MemberId::new(member) })
        }
        _ => None,
    }
}
