//! The tools of the clerk. A refund is made only if a person agrees.

use schemars::JsonSchema;
use serde::Deserialize;
use techrevati_runtime::BoxError;
use techrevati_runtime::orchestrator::{Effect, SessionHandle};
use techrevati_runtime::tools::{Tool, Toolbox};

/// The answer of a person that lets a refund be made.
pub(crate) const YES: &str = "yes";

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
pub(crate) fn toolbox(session: &SessionHandle) -> Result<Toolbox, BoxError> {
    let look_up = Tool::new("look_up", "Tells the state of an order.", async |Order { order }| {
        Ok::<_, BoxError>(format!("order {order} was paid and has not arrived"))
    })
    .effect(Effect::Read);

    let session = session.clone();
    let refund = Tool::new("refund", "Gives money back.", move |Refund { order, cents }| {
        let session = session.clone();
        async move {
            let question = format!("refund {cents} cents of order {order}?");
            let refunded = session.pause_for_input(question).await? == YES;
            let done = if refunded { "refunded" } else { "a person declined to refund" };
            Ok::<_, BoxError>(format!("{done} {cents} cents of order {order}"))
        }
    })
    .effect(Effect::Irreversible);

    Ok(Toolbox::new().with(look_up)?.with(refund)?)
}
