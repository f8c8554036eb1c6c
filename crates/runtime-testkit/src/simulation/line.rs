//! A line from a process to something outside of it.

use std::fmt;
use std::future::{Future, pending};
use std::sync::Arc;
use std::time::Duration;

use runtime_events::Sleeper;

use super::life::Life;
use super::time::SimTime;
use super::world::{LineSpell, LineTrouble};

/// A line to something outside of the process: a store, a backend, a payment server.
///
/// A call waits a little before it arrives and before its answer does, so that a process can crash at both points.
#[derive(Clone)]
pub struct Line {
    name: Arc<str>,
    spells: Arc<[LineSpell]>,
    time: SimTime,
    life: Arc<Life>,
}

/// A call over a [`Line`] failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LineError {
    /// It did not arrive.
    #[error("the line is cut")]
    Cut,
    /// It arrived, and its answer was lost.
    #[error("the answer is lost")]
    AnswerLost,
}

impl Line {
    pub(crate) fn new(
        name: &str,
        spells: Arc<[LineSpell]>,
        time: SimTime,
        life: Arc<Life>,
    ) -> Self {
        Self { name: name.into(), spells, time, life }
    }

    /// Whether the process has crashed. What it still does then must not arrive.
    pub fn is_cut(&self) -> bool {
        self.life.is_cut()
    }

    /// Makes a call. `there` is what happens at the other end.
    ///
    /// # Errors
    ///
    /// [`LineError`], by the faults of the line.
    pub async fn call<T, F: Future<Output = T>>(
        &self,
        there: impl FnOnce() -> F,
    ) -> Result<T, LineError> {
        self.time.begin();
        self.pass(self.life.way()).await;
        let trouble = self.trouble();
        if trouble == Some(LineTrouble::Cut) {
            return Err(LineError::Cut);
        }
        let answer = there().await;
        self.pass(self.life.way()).await;
        match trouble {
            Some(LineTrouble::Hangs) => pending().await,
            Some(LineTrouble::Deaf) => return Err(LineError::AnswerLost),
            Some(LineTrouble::Late(by)) => self.pass(by).await,
            _ => {}
        }
        Ok(answer)
    }

    /// How long it takes what the other end sends now, if it arrives.
    #[cfg(feature = "simulation-fleet")]
    pub(crate) fn way_back(&self) -> Option<Duration> {
        let way = self.life.way();
        match self.trouble() {
            _ if self.is_cut() => None,
            Some(LineTrouble::Cut | LineTrouble::Deaf | LineTrouble::Hangs) => None,
            Some(LineTrouble::Late(by)) => Some(way.saturating_add(by)),
            None => Some(way),
        }
    }

    fn trouble(&self) -> Option<LineTrouble> {
        let now = self.time.elapsed();
        let mut spells = self.spells.iter();
        spells
            .find(|spell| spell.line == self.name && spell.during.contains(&now))
            .map(|spell| spell.trouble)
    }

    /// Waits. A process that has crashed goes no further.
    async fn pass(&self, by: Duration) {
        self.time.sleep(by).await;
        if self.life.is_cut() {
            pending::<()>().await;
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Line").field("name", &self.name).finish_non_exhaustive()
    }
}
