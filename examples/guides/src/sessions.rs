//! The code of `docs/sessions.md`.

use std::time::Duration;

use serde_json::Value;
use techrevati_runtime::lifecycle::AgentStatus;
use techrevati_runtime::orchestrator::{Acceptance, SessionError, SessionHandle, TurnError};
use techrevati_runtime::prelude::*;
use tokio::time::timeout;

async fn a_person_decides() -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft").session()?;
    let handle = session.handle();

    // Elsewhere: a web request, a chat message, a terminal.
    let person = async { handle.provide_input("go ahead") };

    let (answer, given) = tokio::join!(session.pause_for_input("publish?"), person);
    given?;
    assert_eq!(answer?, "go ahead");
    assert_eq!(session.status(), AgentStatus::Running);
    session.complete()?;
    Ok(())
}

async fn cancelled_from_elsewhere() -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft").session()?;
    let handle = session.handle();

    let signal = async { handle.cancel("ctrl-c") };
    let (waited, cancelled) = tokio::join!(session.pause_for_input("publish?"), signal);
    cancelled?;

    assert!(matches!(waited, Err(SessionError::Closed(_))));
    assert_eq!(handle.status(), AgentStatus::Cancelled);
    Ok(())
}

async fn a_turn_outlives_its_function() -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft").session()?;
    let turn = session.handle().begin_turn(Turn::model("gpt-5")).await?;
    let reader = tokio::spawn(async move { turn.settle(UsageSnapshot::new(9, 2)) });
    assert_eq!(reader.await?.usage.output_tokens, 2);
    session.complete()?;
    Ok(())
}

fn who_am_i() -> Option<String> {
    SessionHandle::current().map(|session| session.id().to_owned())
}

async fn code_finds_its_session() -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft").session()?;
    assert_eq!(session.scope(async { who_am_i() }).await.as_deref(), Some(session.id()));
    assert_eq!(who_am_i(), None);
    Ok(())
}

async fn a_page_shows_the_run() -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft").session()?;
    let mut events = session.handle().events();
    let page = tokio::spawn(async move {
        let mut lines = Vec::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => lines.push(event.to_json()),
                Err(missed) => lines.push(missed.to_string()),
            }
        }
        lines
    });
    session.complete()?;
    assert!(page.await?.last().is_some_and(|line| line.contains("agent.completed")));
    Ok(())
}

async fn a_dropped_turn_is_a_cancelled_turn() -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft").session()?;

    let slow = session.run_turn(Turn::model("gpt-5"), || async {
        std::future::pending::<()>().await;
        Ok::<_, BoxError>("too late")
    });
    assert!(timeout(Duration::from_millis(1), slow).await.is_err());

    // The turn is settled, and the session goes on.
    let next = session.run_turn(Turn::model("gpt-5"), || async { Ok::<_, BoxError>("hello") });
    assert_eq!(next.await?.value, "hello");
    Ok(())
}

async fn the_process_has_to_end() -> Result<(), BoxError> {
    let orchestrator = Orchestrator::new("writer", "draft");
    let (quick, slow) = (orchestrator.session()?, orchestrator.session()?);

    let waits = slow.pause_for_input("publish?");
    // After SIGTERM; a real one has some 25 seconds.
    let drain = orchestrator.drain(Duration::from_millis(20));
    let ends = async {
        let call = || async { Ok::<_, BoxError>("hello") };
        let refused = quick.run_turn(Turn::model("gpt-5"), call).await;
        assert!(matches!(refused, Err(TurnError::ShuttingDown(_))));
        quick.complete()
    };
    let (cut, drained, ended) = tokio::join!(waits, drain, ends);
    ended?;

    assert!(cut.is_err_and(|error| error.is_shutdown()));
    assert_eq!(drained.ended, 1);
    let [left] = &*drained.left_over else { panic!("the slow one is left over") };
    assert_eq!(*left.session_id, *slow.id());
    assert!(left.waiting_for_input);
    Ok(())
}

async fn an_end_in_time() -> Result<(), BoxError> {
    let session =
        Orchestrator::new("writer", "draft").deadline(Duration::from_secs(300)).session()?;

    let turn = Turn::model("gpt-5").timeout(Duration::from_millis(1));
    let late = session
        .run_turn(turn, || async {
            std::future::pending::<()>().await;
            Ok::<_, BoxError>("too late")
        })
        .await;
    let Err(TurnError::TimedOut(late)) = late else { panic!("nobody answers") };
    assert_eq!(late.to_string(), "turn exceeded timeout of 0.001s");
    Ok(())
}

async fn over_is_over() -> Result<(), BoxError> {
    let agents = AgentRegistry::new();
    let writer = Orchestrator::new("writer", "draft").registry(agents.clone());
    let editor = Orchestrator::new("editor", "draft").registry(agents);

    let session = writer.session()?;
    let handoff = session.handoff_to("editor", "needs polish", Value::Null)?;

    let refused = session.run_turn(Turn::model("gpt-5"), || async { Ok::<_, BoxError>(()) }).await;
    assert!(matches!(refused, Err(TurnError::Closed(_))));

    editor.accept(&handoff)?.complete()?;
    assert!(editor.accept(&handoff).is_err(), "a worker is claimed once");
    Ok(())
}

fn one_budget() -> Result<(), BoxError> {
    let agents = AgentRegistry::new();
    let agent = |role| {
        let orchestrator = Orchestrator::new(role, "draft").registry(agents.clone());
        orchestrator.budget(Limit::enforced(Usd::from_cents(10)))
    };
    let (writer, editor) = (agent("writer"), agent("editor"));

    let mut session = writer.session()?;
    session.account().ok_or("it has a budget")?.charge(Usd::from_cents(9));
    session = editor.accept(&session.handoff_to("editor", "needs polish", Value::Null)?)?;
    assert_eq!(session.account().map(Account::available), Some(Usd::from_cents(1)));

    // With an account of its own; the rest is continued.
    let handoff = session.handoff_to("writer", "needs facts", Value::Null)?;
    session = writer.accept(Acceptance::of(&handoff).own_account())?;
    assert_eq!(session.account().map(Account::available), Some(Usd::from_cents(10)));

    // Handoffs are counted in any case.
    let refused = loop {
        let next = if session.role() == "writer" { "editor" } else { "writer" };
        let handoff = match session.handoff_to(next, "yours", Value::Null) {
            Ok(handoff) => handoff,
            Err(refused) => break refused,
        };
        session = if next == "editor" { &editor } else { &writer }.accept(&handoff)?;
    };
    assert!(refused.to_string().ends_with("the agents go in a circle, editor → writer → editor"));
    session.complete()?;
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    a_page_shows_the_run().await?;
    a_person_decides().await?;
    a_turn_outlives_its_function().await?;
    code_finds_its_session().await?;
    cancelled_from_elsewhere().await?;
    a_dropped_turn_is_a_cancelled_turn().await?;
    an_end_in_time().await?;
    the_process_has_to_end().await?;
    one_budget()?;
    over_is_over().await
}
