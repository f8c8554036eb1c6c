//! Lives whose code is not that of the lives before: they do not go on behind a recorded step that they have not.

use fastrand::Rng;
use runtime_durable::{DurableSession, StepError};
use runtime_orchestrator::{BoxError, Effect, ToolCall, Turn};
use runtime_testkit::simulation::Sim;
use serde_json::json;

/// What the code of a life has in place of a recorded step.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    /// Another value, or another model: a step of another name.
    Value,
    Turn,
    /// The same tool with other arguments.
    Arguments,
    /// Nothing: it comes to its end.
    End,
}

impl Change {
    /// Values may change places with payments, which have ids of their own.
    pub(super) fn draw(rng: &mut Rng, in_order: bool) -> Self {
        match rng.u8(..3) {
            0 if in_order => Self::Value,
            0 => Self::Arguments,
            1 => Self::Turn,
            _ => Self::End,
        }
    }

    /// Comes to the place of a recorded step. Returns the payments that it says it made, which nobody did.
    pub(super) async fn take(
        self,
        sim: &Sim,
        session: &DurableSession,
        number: usize,
    ) -> Result<Vec<String>, BoxError> {
        let went_on = || sim.fail(format!("a life with {self:?} in place of a step went on"));
        let taken = match self {
            Self::Value => session.value("another", went_on).await,
            Self::Turn => {
                let call = async || {
                    went_on();
                    Ok::<_, BoxError>(())
                };
                session.run_turn(Turn::model("another"), call).await.map(|answer| answer.value)
            }
            Self::Arguments => {
                let number = number.to_string();
                let call =
                    ToolCall::new(&*number).call_id(&*number).args(json!({ "of": "another" }));
                let made = session.run_tool(call.effect(Effect::Keyed), async |_| {
                    went_on();
                    Ok::<_, BoxError>(())
                });
                made.await
            }
            Self::End => return Ok(vec!["nothing".to_owned()]),
        };
        match taken {
            // It diverges, unless it has lost its lease or its store before.
            Err(StepError::Journal(_)) => {}
            ref other => sim.fail(format!("{self:?} in place of a step: {other:?}")),
        }
        taken.map(|()| Vec::new()).map_err(Into::into)
    }
}
