//! Values that another life would find different: times, random numbers, ids.

use chrono::{DateTime, Utc};
use runtime_events::{IdSource, RandomIds};
use runtime_store::{Entered, OutcomeRecord, Part, StepKind};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::StepError;
use crate::place::recorded;
use crate::session::DurableSession;

/// # Values
///
/// What another life would find different is recorded.
impl DurableSession {
    /// The time of the wall clock, recorded.
    ///
    /// # Errors
    ///
    /// [`StepError`] ends the life.
    pub async fn now(&self) -> Result<DateTime<Utc>, StepError> {
        self.value("now", || self.session.handle().utc_now()).await
    }

    /// A random number, recorded.
    ///
    /// # Errors
    ///
    /// [`StepError`] ends the life.
    pub async fn random(&self) -> Result<u128, StepError> {
        let digits = self.value("random", || format!("{:032x}", RandomIds.draw())).await?;
        Ok(u128::from_str_radix(&digits, 16).unwrap_or_default())
    }

    /// A value that is computed once and recorded, such as a setting of the environment. Its computation must
    /// have no effect: it may run again if a life is lost.
    ///
    /// # Errors
    ///
    /// [`StepError`] ends the life.
    pub async fn value<T: Serialize + DeserializeOwned>(
        &self,
        name: &str,
        compute: impl FnOnce() -> T,
    ) -> Result<T, StepError> {
        let begun = self.place.begin(self.place.name(StepKind::Value, name), &Value::Null, None)?;
        let step = &begun.step;
        match self.place.enter(step, Part::Outcome).await? {
            Entered::Recorded(body) => Ok(recorded(step, &body)?.0),
            Entered::Vacant(slot) => {
                let value = compute();
                let record = OutcomeRecord::of(Ok(&value)).named(Some(step.name.clone()));
                self.place.settle(step, Some(slot), &record).await?;
                Ok(value)
            }
        }
    }
}
