//! Waits: for an answer from outside, and for a time.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use runtime_store::{IntentRecord, OutcomeRecord, StepKind, StepName};
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::{ParkedError, StepError};
use crate::place::{Opened, recorded};
use crate::session::DurableSession;

/// # Waiting
impl DurableSession {
    /// Waits for an answer from outside, of any type. If it is not there yet, the thread is parked.
    ///
    /// It is left by [`Inbox::deliver`](runtime_store::Inbox::deliver) under this key, in any process, also
    /// before the thread asks for it.
    ///
    /// ```
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// use runtime_durable::{Durable, DurableSession};
    /// use runtime_orchestrator::{BoxError, Orchestrator};
    /// use runtime_store::{Inbox, MemoryStore};
    /// use serde_json::json;
    ///
    /// let durable = Durable::new(Orchestrator::new("clerk", "orders"), MemoryStore::new());
    /// let order = async |session: &DurableSession| {
    ///     let address: Vec<String> = session.wait_for("address").await?;
    ///     Ok(address.join(", "))
    /// };
    /// assert!(durable.run("order-4711", order).await?.done().is_none());
    ///
    /// let thread = "order-4711".try_into()?;
    /// durable.store().deliver(&thread, "address", &json!(["1 Main St", "Springfield"])).await?;
    /// assert_eq!(durable.run("order-4711", order).await?.done().unwrap(), "1 Main St, Springfield");
    /// # Ok::<_, BoxError>(()) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// [`StepError::Parked`] ends the life until the answer is there; [`StepError::Value`] if it has another
    /// type. A thread that fails of that can be told another one, and is then run again.
    pub async fn wait_for<T: DeserializeOwned>(&self, key: &str) -> Result<T, StepError> {
        let name = self.place.name(StepKind::Wait, key);
        let begun = self.place.begin(name, &Value::Null, Some(key))?;
        let step = &begun.step;
        let shape = |source| StepError::Value { step: step.name.clone(), source };
        let (mut places, first) = match self.place.open(step).await? {
            Opened::Known(body) => return Ok(recorded(step, &body)?.0),
            Opened::Vacant(vacant) => (vacant, true),
            Opened::InDoubt(_, vacant) => (vacant, false),
        };
        if first {
            self.place.intend(step, &mut places, &waits(&step.name, None)).await?;
        }
        let message = self.place.life.store.message(self.thread(), key).await;
        let Some(message) = message.map_err(|error| self.place.life.store_failed(error))? else {
            let waits_for = format!("an answer under the key `{key}`");
            return Err(self.place.park(ParkedError { waits_for, wake_at: None }));
        };
        // One that does not fit is not recorded, so that another one can take its place.
        let answer = T::deserialize(&message).map_err(shape)?;
        self.place.settle(step, places.outcome, &OutcomeRecord::of(Ok(&message))).await?;
        Ok(answer)
    }

    /// Waits until a time, by the clock of the store. A long wait parks the thread, and
    /// [`resume_runnable`](crate::Durable::resume_runnable) goes on with it.
    ///
    /// # Errors
    ///
    /// [`StepError::Parked`] ends the life until the time.
    pub async fn sleep_until(&self, at: DateTime<Utc>) -> Result<(), StepError> {
        self.wait_until(|_| at).await
    }

    /// [`sleep_until`](Self::sleep_until) a time from now on: from the first life that sleeps.
    ///
    /// # Errors
    ///
    /// [`StepError::Parked`] ends the life until the time.
    pub async fn sleep(&self, time: Duration) -> Result<(), StepError> {
        self.wait_until(|now| {
            let time = TimeDelta::from_std(time).ok();
            time.and_then(|time| now.checked_add_signed(time)).unwrap_or(DateTime::<Utc>::MAX_UTC)
        })
        .await
    }

    async fn wait_until(
        &self,
        at: impl FnOnce(DateTime<Utc>) -> DateTime<Utc>,
    ) -> Result<(), StepError> {
        let begun = self.place.begin(self.place.name(StepKind::Sleep, ""), &Value::Null, None)?;
        let step = &begun.step;
        let (places, until) = match self.place.open(step).await? {
            Opened::Known(body) => return recorded(step, &body).map(|((), _)| ()),
            Opened::Vacant(mut vacant) => {
                let until = at(self.place.life.writer.store_now());
                self.place.intend(step, &mut vacant, &waits(&step.name, Some(until))).await?;
                (vacant, until)
            }
            Opened::InDoubt(intent, vacant) => {
                let shape = |source| StepError::Value { step: step.name.clone(), source };
                let intent: IntentRecord = serde_json::from_slice(&intent).map_err(shape)?;
                (vacant, intent.until.unwrap_or(DateTime::UNIX_EPOCH))
            }
        };
        let left = (until - self.place.life.writer.store_now()).to_std().unwrap_or_default();
        if !left.is_zero() {
            let here = self
                .session
                .handle()
                .sleep(left)
                .filter(|_| left <= self.place.life.settings.park_after);
            let Some(sleep) = here else {
                let (waits_for, wake_at) = (format!("the time {until}"), Some(until));
                return Err(self.place.park(ParkedError { waits_for, wake_at }));
            };
            sleep.await;
        }
        let record = OutcomeRecord::of(Ok(()));
        self.place.settle(step, places.outcome, &record).await
    }
}

fn waits(step: &StepName, until: Option<DateTime<Utc>>) -> IntentRecord {
    IntentRecord { until, ..IntentRecord::of(step) }
}
