//! The loop of attempts.

use std::future::Future;

use super::attempt::Attempt;
use super::plan::Recovering;
use crate::core::{Core, Hold};
use crate::error::{BoxError, TurnError};
use crate::turn::{Answer, Turn, guard};

/// Runs a turn that repeats its call after a failure.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps each argument twice")]
pub(crate) fn run<T, E, F>(
    core: &Core,
    mut turn: Turn<T>,
    mut call: impl FnMut(Attempt) -> F,
) -> impl Future<Output = Result<Answer<T>, TurnError>>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError> + 'static,
{
    async move {
        let mut recovering = Box::new(Recovering::admit(Hold::Borrowed(core), &mut turn.spec)?);
        let (mut active, value) = loop {
            let started = Box::pin(recovering.next(turn.spec.prompt.as_deref())).await?;
            match recovering.call(started, &mut call).await {
                Ok(answered) => break answered,
                Err(failed) => Box::pin(recovering.recover(failed)).await?,
            }
        };
        let (usage, review) = guard::read(&mut active, &value, turn.reader());
        active.observed_to_be(usage);
        if let Some(review) = review
            && let Err(objected) = Box::pin(guard::check_output(&mut active, &review)).await
        {
            drop(active);
            return Err(recovering.passed(objected));
        }
        let answer = active.answer(value, None);
        drop(active);
        Ok(recovering.answered(answer))
    }
}
