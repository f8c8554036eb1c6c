//! The code of `docs/faults.md`.

use std::fmt;

use techrevati_runtime::orchestrator::{RecoveryConfig, TurnError};
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{Classifier, Fault, FaultKind};

// What the guide does not show.
use std::time::UNIX_EPOCH;

use techrevati_runtime::orchestrator::ToolError;
use techrevati_runtime::resilience::Failure;

#[derive(Debug, thiserror::Error)]
enum AskError {
    #[error("the model has not answered")]
    Found(#[from] TurnError),
    #[error(transparent)]
    Hidden(TurnError),
}

fn looks_inside() -> Classifier {
    Classifier::default().fault_rule(|error, _| match error.downcast_ref()? {
        AskError::Hidden(error) => error.fault(),
        AskError::Found(_) => None,
    })
}

pub(crate) async fn run() -> Result<(), BoxError> {
    let classifier = Classifier::default()
        .fault_rule(|error, _| error.is::<fmt::Error>().then(|| Fault::of(FaultKind::Request)));
    let orchestrator = Orchestrator::new("writer", "draft")
        .recovery(RecoveryConfig::default().classifier(classifier));

    let session = orchestrator.session()?;
    let failed = session.run_turn(Turn::model("gpt-5"), async || Err::<(), _>(fmt::Error)).await;
    let kind = failed.err().as_ref().and_then(TurnError::fault).map(|fault| fault.kind);
    assert_eq!(kind, Some(FaultKind::Request));
    errors_around_a_turn(&session).await
}

async fn errors_around_a_turn(session: &OrchestrationSession) -> Result<(), BoxError> {
    let failed = || async {
        let call = async || Err::<(), _>(fmt::Error);
        session.run_turn(Turn::model("gpt-5"), call).await.expect_err("it fails")
    };
    let found = session.run_tool("ask", async || Err::<(), AskError>(failed().await.into())).await;
    let Err(ToolError::Failed(found)) = found else { return Err("the tool fails".into()) };
    assert_eq!(found.fault().kind, FaultKind::Request);

    let hidden = AskError::Hidden(failed().await);
    let known = Failure::classified(hidden, &looks_inside(), UNIX_EPOCH);
    assert_eq!(known.fault().kind, FaultKind::Request);
    let hidden = AskError::Hidden(failed().await);
    assert_ne!(
        Failure::classified(hidden, &Classifier::default(), UNIX_EPOCH).fault().kind,
        FaultKind::Request
    );
    Ok(())
}
