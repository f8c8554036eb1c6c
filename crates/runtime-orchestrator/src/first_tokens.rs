//! How long first tokens usually take, for each model.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use runtime_resilience::FirstTokens;

/// So many models are told apart; those that come later are taken for one.
const MODELS: usize = 128;

/// Shared by cloning.
#[derive(Clone, Debug, Default)]
pub(crate) struct FirstTokensByModel(Arc<Mutex<BTreeMap<Arc<str>, FirstTokens>>>);

impl FirstTokensByModel {
    pub(crate) fn of(&self, model: &Arc<str>) -> FirstTokens {
        // Only the map's own code runs under the lock.
        let mut models = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let name = match models.len() {
            MODELS.. if !models.contains_key(model) => Arc::default(),
            _ => Arc::clone(model),
        };
        models.entry(name).or_default().clone()
    }
}
