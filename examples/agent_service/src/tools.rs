//! The tools of the clerk. A refund is made only if a person agrees.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::Deserialize;
use techrevati_runtime::BoxError;
use techrevati_runtime::orchestrator::{Effect, SessionHandle};
use techrevati_runtime::tools::{Tool, Toolbox};

use crate::questions::Questions;

#[derive(Deserialize, JsonSchema)]
struct Order {
    /// The order, as `A-7`.
    order: String,
}

#[derive(Deserialize, JsonSchema)]
struct Refund {
    /// The order, as `A-7`.
    order: String,
    cents: u64,
}

/// The tools of one run. `session` waits for the person.
pub(crate) fn toolbox(
    session: &SessionHandle,
    questions: &Arc<Questions>,
) -> Result<Toolbox, BoxError> {
    let look_up = Tool::new("look_up", "Tells the state of an order.", async |Order { order }| {
        Ok::<_, BoxError>(format!("order {order} was paid and has not arrived"))
    })
    .effect(Effect::Read);

    let (session, questions) = (session.clone(), Arc::clone(questions));
    let refund = Tool::new("refund", "Gives money back.", move |Refund { order, cents }| {
        let (session, questions) = (session.clone(), Arc::clone(&questions));
        async move {
            let question = format!("refund {cents} cents of order {order}?");
            let refunded = questions.ask(&session, &question).await?;
            let done = if refunded { "refunded" } else { "a person declined to refund" };
            Ok::<_, BoxError>(format!("{done} {cents} cents of order {order}"))
        }
    })
    .effect(Effect::Irreversible);

    Ok(Toolbox::new().with(look_up)?.with(refund)?)
}
