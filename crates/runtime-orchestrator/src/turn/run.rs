//! Running a turn: admission, the call, the answer.

use std::future::Future;

use crate::core::{Core, Hold};
use crate::error::{BoxError, TurnError};
use crate::turn::active::{ActiveTurn, Answer};
use crate::turn::admit::{admit_in_time, admit_now};
use crate::turn::describe::{Spec, Turn};
use crate::turn::guard;

/// Runs one turn, in the order of the architecture guide.
#[expect(clippy::manual_async_fn, reason = "an async fn keeps each argument twice")]
pub(crate) fn run<T, E, F>(
    core: &Core,
    turn: Turn<T>,
    call: impl FnOnce() -> F,
) -> impl Future<Output = Result<Answer<T>, TurnError>>
where
    F: Future<Output = Result<T, E>>,
    E: Into<BoxError> + 'static,
{
    async move {
        let (core, spec) = (Hold::Borrowed(core), &turn.spec);
        let mut active = if is_ready(&core, spec) {
            admit_now(core, spec)?
        } else {
            Box::pin(admit_in_time(core, spec)).await?
        };
        active.begin_call()?;
        match active.step(async { call().await }).await? {
            Ok(value) => {
                let (usage, review) = guard::read(&mut active, &value, turn.reader());
                let Some(review) = review else { return Ok(active.answer(value, usage.as_ref())) };
                active.observed_to_be(usage);
                // Guardrails are rare, so the future of a turn has no room for them.
                Box::pin(guard::check_output(&mut active, &review)).await?;
                Ok(active.answer(value, None))
            }
            Err(error) => Err(active.fail(error)),
        }
    }
}

/// Admits a turn whose call the caller makes.
pub(crate) async fn begin<'s>(core: Hold<'s>, spec: &Spec) -> Result<ActiveTurn<'s>, TurnError> {
    let mut active = if is_ready(&core, spec) {
        admit_now(core, spec)?
    } else {
        Box::pin(admit_in_time(core, spec)).await?
    };
    active.begin_call()?;
    Ok(active)
}

/// Whether there is nothing to await before the call: no limiter, money that is there, and no prompt to
/// check.
fn is_ready(core: &Core, spec: &Spec) -> bool {
    core.setup.limiter.is_none() && !core.money.is_funded() && spec.prompt.is_none()
}
