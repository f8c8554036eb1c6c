//! An error never says what its source says, so that a printed chain says each part once.

use std::error::Error;
use std::future::pending;
use std::io;
use std::iter::successors;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use futures_util::FutureExt as _;
use runtime_durable::{Durable, DurableSession, RunError, StepError};
use runtime_sqlite::SqliteStore;
use runtime_store::{JournalError, MemoryStore, StoreError};
use techrevati_runtime::events::{AgentEvent, FailureScenario, ManualClock};
use techrevati_runtime::orchestrator::RecoveryConfig;
use techrevati_runtime::resilience::{
    CallError, CircuitBreaker, Classifier, Failure, FaultError, FaultKind, chain_text,
};
use techrevati_runtime::usage::{Limit, PricingTable, Usd};
use techrevati_runtime::{BoxError, Orchestrator, Turn};

use super::support::now;

/// Such as a client has: two errors, each with words of its own.
fn cause() -> BoxError {
    FaultError::around(io::Error::new(io::ErrorKind::ConnectionReset, "reset by peer"), UNIX_EPOCH)
        .into()
}

fn parts(error: &(dyn Error + 'static)) -> Vec<String> {
    successors(Some(error), |&error| error.source()).map(ToString::to_string).collect()
}

/// Returns the chain as `{:#}` of `anyhow` prints it.
#[track_caller]
fn assert_says_nothing_twice(error: &(dyn Error + 'static)) -> String {
    let parts = parts(error);
    assert!(parts.iter().all(|part| !part.is_empty()), "{parts:?}");
    for (place, part) in parts.iter().enumerate() {
        let below = parts[place + 1..].iter().find(|below| part.contains(*below));
        assert_eq!(below, None, "{part:?} has it: {parts:?}");
    }
    let joined = parts.join(": ");
    for part in parts {
        assert_eq!(joined.matches(&part).count(), 1, "{part:?} in {joined:?}");
    }
    joined
}

#[test]
fn failure_of_each_kind_says_nothing_twice() {
    for kind in FaultKind::ALL {
        let caused = || FaultError::of(kind, "no answer").caused_by(io::Error::other("reset"));
        let failure = Failure::classified(caused(), &Classifier::default(), UNIX_EPOCH);
        assert_says_nothing_twice(&failure);
        assert!(failure.to_string().starts_with("the call failed"), "{failure}");
        assert_eq!(failure.chain_text(), chain_text(&caused()), "logs have the caller's words");
        assert_eq!(chain_text(&failure), failure.chain_text());
    }
    for scenario in FailureScenario::ALL {
        assert_says_nothing_twice(&Failure::new(cause(), *scenario, UNIX_EPOCH));
    }
}

#[test]
fn errors_of_turns_and_tools_say_nothing_twice() {
    let recovery = RecoveryConfig::default();
    let orchestrator = Orchestrator::new("a", "b")
        .time(ManualClock::skipping())
        .recovery(recovery)
        .max_iterations(200);
    let session = orchestrator.session().unwrap();
    let fails = async || Err::<(), _>(cause());
    let words = chain_text(&*cause());

    let turn = now(session.run_turn(Turn::model("m"), fails)).unwrap_err();
    assert_eq!(
        assert_says_nothing_twice(&turn),
        format!("the call failed: connection failed: {words}")
    );
    assert_eq!(chain_text(&turn), words);
    let tool = now(session.run_tool("search", fails)).unwrap_err();
    assert_says_nothing_twice(&tool);
    assert_eq!(chain_text(&tool), words);

    let retried = now(session.run_turn_recovering(Turn::model("m"), async |_| fails().await));
    let retried = retried.unwrap_err();
    let said = assert_says_nothing_twice(&retried);
    assert!(said.starts_with("gave up after "), "{said}");
    assert!(said.ends_with(&format!(": the call failed: connection failed: {words}")), "{said}");
    assert_eq!(chain_text(&retried), words);

    let broke = orchestrator.budget(Limit::enforced(Usd::ZERO)).session().unwrap();
    let turn = Turn::model("m").reserve(Usd::from_dollars(1));
    let refused = now(broke.run_turn_recovering(turn, async |_| fails().await)).unwrap_err();
    assert_says_nothing_twice(&refused);

    for kind in FaultKind::ALL {
        let fails = async |_| Err::<(), _>(FaultError::of(kind, "no answer"));
        let error = now(session.run_turn_recovering(Turn::model("m"), fails)).unwrap_err();
        assert_says_nothing_twice(&error);
        assert!(chain_text(&error).ends_with("no answer"));
    }

    let nested = now(session.run_turn(Turn::model("m"), async || Err::<(), _>(retried)));
    let nested = nested.unwrap_err();
    assert_eq!(chain_text(&nested), words, "however deep it is");
}

#[test]
fn wrapper_that_is_transparent_is_no_part_of_the_text() {
    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct Own(#[from] techrevati_runtime::orchestrator::TurnError);

    let session = Orchestrator::new("a", "b").session().unwrap();
    let fails = async || Err::<(), _>(cause());
    let own = Own::from(now(session.run_turn(Turn::model("m"), fails)).unwrap_err());
    assert_eq!(chain_text(&own), chain_text(&*cause()));
    assert_says_nothing_twice(&own);
}

#[test]
fn errors_of_durable_runs_say_nothing_twice() {
    let durable =
        Durable::new(Orchestrator::new("a", "b").time(ManualClock::new()), MemoryStore::new());
    let words = chain_text(&*cause());
    let fails = async |session: &DurableSession| {
        session.run_turn(Turn::model("m"), async || Err::<u8, _>(cause())).await?;
        Ok::<_, BoxError>(0)
    };
    let live = now(durable.run("t", fails)).unwrap_err();
    assert!(matches!(live, RunError::Failed { .. }), "{live:?}");
    let said = format!(
        "the code of thread `t` failed: turn `m` failed: the call failed: connection failed: {words}"
    );
    assert_eq!(assert_says_nothing_twice(&live), said);
    assert_eq!(chain_text(&live), words);

    // A process that dies after a failure: the next life has the record of it.
    let goes_on = async |session: &DurableSession| {
        let first = session.run_turn(Turn::model("m"), async || Err::<u8, _>(cause())).await;
        let failed = first.map(|_| ()).unwrap_err();
        if matches!(&failed, StepError::Failed(failure) if failure.live.is_some()) {
            assert_says_nothing_twice(&failed);
            pending::<()>().await;
        }
        Err::<u8, BoxError>(failed.into())
    };
    assert!(Box::pin(durable.run("u", goes_on)).now_or_never().is_none());
    let recorded = now(durable.run("u", goes_on)).unwrap_err();
    let said = format!("the code of thread `u` failed: turn `m` failed: {words}");
    assert_eq!(assert_says_nothing_twice(&recorded), said);
    assert_eq!(chain_text(&recorded), words, "each life has the same text");
}

#[test]
fn errors_around_others_say_nothing_twice() {
    let folder = env!("CARGO_TARGET_TMPDIR");
    let table = PricingTable::new();
    let breaker = CircuitBreaker::new("b");
    let errors: Vec<BoxError> = vec![
        cause(),
        CallError::Failed(Failure::classified(cause(), &Classifier::default(), UNIX_EPOCH)).into(),
        breaker.call(|| Err::<(), _>(io::Error::other("off"))).unwrap_err().into(),
        Orchestrator::new(" ", "b").session().unwrap_err().into(),
        AgentEvent::from_json("{").unwrap_err().into(),
        table.load_file("no such file").unwrap_err().into(),
        table.load_file(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap_err().into(),
        SqliteStore::open(folder).map(|_| ()).unwrap_err().into(),
        unavailable().into(),
        JournalError::from(unavailable()).into(),
        JournalError::Engine(Arc::from(cause())).into(),
        RunError::from(unavailable()).into(),
        RunError::from(JournalError::from(unavailable())).into(),
    ];
    for error in errors {
        assert_says_nothing_twice(&*error);
    }
}

fn unavailable() -> StoreError {
    StoreError::Unavailable { attempted: "append", source: cause() }
}

#[cfg(all(feature = "fleet-postgres", feature = "fleet-redis"))]
#[test]
fn errors_of_backends_say_nothing_twice() {
    use techrevati_runtime::fleet::{FleetError, StateError};
    use techrevati_runtime::postgres::PgError;
    use techrevati_runtime::redis::RedisFleetError;

    let state = || StateError::unavailable("open a breaker", cause());
    let names = || ("r".to_owned(), "s".to_owned());
    let (role, schema) = names();
    let errors: [BoxError; 6] = [
        state().into(),
        FleetError::from(state()).into(),
        FleetError::Thread(Arc::new(io::Error::other("no thread"))).into(),
        PgError::Failed { attempted: "connect", source: cause() }.into(),
        PgError::Forbidden { role, schema, attempted: "read", source: cause() }.into(),
        RedisFleetError::Failed { attempted: "connect", source: cause() }.into(),
    ];
    for error in errors {
        assert_says_nothing_twice(&*error);
    }
}

#[cfg(feature = "tools")]
#[test]
fn errors_of_the_loop_around_a_model_say_nothing_twice() {
    use techrevati_runtime::tools::AgentError;

    let session = Orchestrator::new("a", "b").session().unwrap();
    let fails = async || Err::<(), _>(cause());
    let error = AgentError::from(now(session.run_turn(Turn::model("m"), fails)).unwrap_err());
    assert_says_nothing_twice(&error);
    assert_eq!(chain_text(&error), chain_text(&*cause()));
}

#[cfg(feature = "cassette")]
#[test]
fn errors_of_cassettes_say_nothing_twice() {
    use techrevati_runtime::testing::cassette::Cassette;

    let error = Cassette::at("no such folder/case.jsonl").play().map(|_| ()).unwrap_err();
    assert_says_nothing_twice(&error);
}
