//! What the fold reads of a record, without a copy of its texts: a thread has many entries and few names.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use runtime_usage::{UsageSnapshot, Usd};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::digest::StepKey;
use crate::record::{FailureRecord, nanos};
use crate::step::{StepKind, StepName};

/// An intent.
#[derive(Deserialize)]
pub(super) struct IntentView<'e> {
    #[serde(borrow)]
    pub(super) step: NameView<'e>,
    #[serde(default, with = "nanos")]
    pub(super) reserved: Usd,
    #[serde(default, borrow)]
    pub(super) model: Option<Text<'e>>,
    #[serde(default)]
    pub(super) of: Option<StepKey>,
}

/// A further attempt.
#[derive(Deserialize)]
pub(super) struct AttemptView<'e> {
    #[serde(borrow)]
    pub(super) before: BillView<'e>,
    #[serde(default, with = "nanos")]
    pub(super) reserved: Usd,
    #[serde(default, borrow)]
    pub(super) model: Option<Text<'e>>,
}

/// An outcome. Its value is read when it is asked for.
#[derive(Deserialize)]
pub(super) struct OutcomeView<'e> {
    #[serde(default, borrow)]
    pub(super) step: Option<NameView<'e>>,
    #[serde(default, rename = "ok")]
    _ok: IgnoredAny,
    #[serde(default)]
    pub(super) error: Option<FailureRecord>,
    #[serde(default, borrow)]
    pub(super) bill: Option<BillView<'e>>,
}

#[derive(Deserialize)]
pub(super) struct BillView<'e> {
    #[serde(borrow)]
    pub(super) model: Text<'e>,
    pub(super) usage: UsageSnapshot,
    #[serde(default, with = "nanos")]
    pub(super) cost: Usd,
}

#[derive(Deserialize)]
pub(super) struct NameView<'e> {
    kind: StepKind,
    #[serde(borrow)]
    name: Text<'e>,
    #[serde(default, borrow)]
    scope: Text<'e>,
    #[serde(default)]
    keyed: bool,
}

/// A text that is borrowed, unless it has escapes.
#[derive(Default, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'e>(#[serde(borrow)] Cow<'e, str>);

/// The names in a thread, each once.
#[derive(Debug, Default)]
pub(super) struct Names {
    all: HashSet<Arc<str>>,
    /// Those that were asked for last: most entries have the same few.
    last: [Arc<str>; 4],
}

impl Names {
    pub(super) fn text(&mut self, text: &Text<'_>) -> Arc<str> {
        if let Some(known) = self.last.iter().find(|known| ***known == *text.0) {
            return Arc::clone(known);
        }
        let known = self.all.get(&*text.0).map(Arc::clone);
        let name = known.unwrap_or_else(|| {
            let name: Arc<str> = Arc::from(&*text.0);
            self.all.insert(Arc::clone(&name));
            name
        });
        self.last.rotate_right(1);
        self.last[0] = Arc::clone(&name);
        name
    }

    pub(super) fn step(&mut self, view: &NameView<'_>) -> StepName {
        let (name, scope) = (self.text(&view.name), self.text(&view.scope));
        StepName { kind: view.kind, name, scope, keyed: view.keyed }
    }
}

/// A hash of keys that are digests: any eight bytes of one will do.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyHasher(u64);

pub(super) type ByKey = BuildHasherDefault<KeyHasher>;

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(first) = bytes.first_chunk() {
            self.0 ^= u64::from_ne_bytes(*first);
        }
    }

    /// The length of the array, which is that of any other key.
    fn write_usize(&mut self, _: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}
