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
    Breaker { breaker: Arc<str>, generation: u64, open: Option<u64>, probing: bool },
    Pause { pause: Arc<str>, wait: u64 },
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
            Self::Breaker { breaker: name, generation, open, probing } => {
                let open = open.map(Duration::from_micros);
                Change::Breaker { name, view: BreakerView { generation, open, probing } }
            }
            Self::Pause { pause: name, wait } => {
                Change::Pause { name, wait: Duration::from_micros(wait) }
            }
            Self::Short { short, member } => Change::Short {
                account: AccountPath::new(short).ok()?,
                member: MemberId::new(member),
            },
            Self::Rules { rules } => Change::Rules { account: AccountPath::new(rules).ok()? },
        })
    }
}
