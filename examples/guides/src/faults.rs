//! The code of `docs/faults.md`.

use std::fmt;

use techrevati_runtime::orchestrator::RecoveryConfig;
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{Classifier, Fault, FaultKind};

// What the guide does not show.
use techrevati_runtime::orchestrator::TurnError;

pub(crate) async fn run() -> Result<(), BoxError> {
    let classifier = Classifier::default()
        .fault_rule(|error| error.is::<fmt::Error>().then(|| Fault::of(FaultKind::Request)));
    let orchestrator = Orchestrator::new("writer", "draft")
        .recovery(RecoveryConfig::default().classifier(classifier));

    let session = orchestrator.session()?;
    let failed = session.run_turn(Turn::model("gpt-5"), async || Err::<(), _>(fmt::Error)).await;
    let kind = failed.err().as_ref().and_then(TurnError::fault).map(|fault| fault.kind);
    assert_eq!(kind, Some(FaultKind::Request));
    Ok(())
}
