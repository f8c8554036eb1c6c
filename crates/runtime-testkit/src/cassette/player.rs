//! The side that plays: the recordings by their keys, and what is nearest to a call without one.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use runtime_events::json_without_secrets;
use runtime_store::Fingerprint;
use serde_json::Value;

use super::difference::differences;
use super::error::{CassetteError, MissError, Nearest};
use super::format::{Port, Recording};
use super::key::{Volatile, key};

/// The recordings of a cassette.
#[derive(Debug)]
pub(crate) struct Player {
    path: PathBuf,
    volatile: Volatile,
    /// By the beginning of their calls.
    recordings: Vec<Arc<Recording>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Of each request, the places of the recordings that are left.
    left: HashMap<Fingerprint, VecDeque<usize>>,
    /// Of each port and name, the places of those that answer any request.
    any: HashMap<(Port, String), VecDeque<usize>>,
    missed: Option<MissError>,
}

impl Player {
    pub(crate) fn new(path: PathBuf, volatile: Volatile, mut recordings: Vec<Recording>) -> Self {
        recordings.sort_by_key(|recording| recording.call);
        let mut left: HashMap<_, VecDeque<usize>> = HashMap::new();
        let mut any: HashMap<_, VecDeque<usize>> = HashMap::new();
        for (place, recording) in recordings.iter().enumerate() {
            if recording.any {
                let asked = (recording.port, recording.name.clone());
                any.entry(asked).or_default().push_back(place);
                continue;
            }
            let request = volatile.strip(json_without_secrets(recording.request.clone()));
            let key = key(recording.port, &recording.name, &request);
            left.entry(key).or_default().push_back(place);
        }
        let recordings = recordings.into_iter().map(Arc::new).collect();
        let state = Mutex::new(State { left, any, missed: None });
        Self { path, volatile, recordings, state }
    }

    /// The next recording of a request, which has no secrets.
    pub(crate) fn take(
        &self,
        port: Port,
        name: &str,
        request: &Value,
    ) -> Result<Arc<Recording>, MissError> {
        let request = self.volatile.strip(request.clone());
        let key = key(port, name, &request);
        let mut state = self.state();
        let place = state.left.get_mut(&key).and_then(VecDeque::pop_front);
        let any = |state: &mut State| state.any.get_mut(&(port, name.to_owned()))?.pop_front();
        if let Some(place) = place.or_else(|| any(&mut state)) {
            // The places are those of this list.
            return Ok(Arc::clone(&self.recordings[place]));
        }
        let miss = self.miss(port, name, &request);
        state.missed.get_or_insert_with(|| miss.clone());
        drop(state);
        Err(miss)
    }

    /// The first miss, or the first call that was not made.
    pub(crate) fn finish(&self) -> Result<(), CassetteError> {
        let (missed, left) = {
            let state = self.state();
            let left = state.left.values().chain(state.any.values()).flatten().copied();
            (state.missed.clone(), left.collect::<Vec<_>>())
        };
        if let Some(miss) = missed {
            return Err(CassetteError::Miss(miss));
        }
        let Some(first) = left.iter().min() else { return Ok(()) };
        let Recording { call, port, .. } = *self.recordings[*first];
        Err(CassetteError::Left { path: self.path.clone(), left: left.len(), call, port })
    }

    fn miss(&self, port: Port, name: &str, request: &Value) -> MissError {
        let of_port = self.recordings.iter().filter(|it| it.port == port && it.name == name);
        let compared = of_port.map(|recording| {
            let was = || self.compared(&recording.request);
            // One that answers any request is gone if this one got no answer.
            let found = if recording.any { Vec::new() } else { differences(&was(), request) };
            (recording.call, found)
        });
        let compared: Vec<_> = compared.collect();
        let played = compared.iter().filter(|(_, found)| found.is_empty()).count();
        // Of several that are as near, the last: it is where the run has got to.
        let nearest = compared.into_iter().rev().min_by_key(|(_, found)| found.len());
        let nearest = nearest.map(|(call, differences)| Nearest { call, differences, played });
        MissError { path: self.path.clone(), port, name: name.to_owned(), nearest }
    }

    /// A request as it is compared. A file that people have written may have secrets.
    fn compared(&self, request: &Value) -> Value {
        self.volatile.strip(json_without_secrets(request.clone()))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic leaves no change half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
