//! What the database pushes.

use std::sync::Arc;
use std::time::Duration;

use runtime_fleet::{AccountPath, BreakerView, Change, MemberId, Watchers};
use serde::Deserialize;

use crate::link::Listener;

/// Times are in microseconds.
#[derive(Deserialize)]
#[serde(untagged)]
enum Push {
    Breaker { breaker: Arc<str>, generation: u64, open: Option<u64>, probing: bool, at: u64 },
    Pause { pause: Arc<str>, wait: u64, at: u64 },
    Short { short: Arc<str>, member: Arc<str> },
    Rules { rules: Arc<str> },
}

impl Listener for Watchers {
    fn connected(&self) {
        self.tell(&Change::Connected);
    }

    fn notified(&self, payload: &str) {
        // A later version may tell of more.
        if let Some(change) = serde_json::from_str(payload).ok().and_then(Push::read) {
            self.tell(&change);
        }
    }
}

impl Push {
    fn read(self) -> Option<Change> {
        Some(match self {
            Self::Breaker { breaker: name, generation, open, probing, at } => {
                let at = Duration::from_micros(at);
                let open = open.map(Duration::from_micros);
                Change::Breaker { name, view: BreakerView { generation, open, probing }, at }
            }
            Self::Pause { pause: name, wait, at } => {
                let [wait, at] = [wait, at].map(Duration::from_micros);
                Change::Pause { name, wait, at }
            }
            Self::Short { short, member } => Change::Short {
                account: AccountPath::new(short).ok()?,
                member: MemberId::new(member),
            },
            Self::Rules { rules } => Change::Rules { account: AccountPath::new(rules).ok()? },
        })
    }
}
