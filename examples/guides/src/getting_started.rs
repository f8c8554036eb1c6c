//! The code of `docs/getting-started.md`.
#![expect(clippy::print_stdout, reason = "the first program of a guide says what came of it")]

use techrevati_runtime::prelude::*;

#[derive(Clone, Debug)]
struct Reply {
    text: String,
    input_tokens: u64,
    output_tokens: u64,
}

/// Your provider's client goes here.
async fn chat(prompt: &str) -> Result<Reply, BoxError> {
    tokio::task::yield_now().await;
    Ok(Reply { text: format!("A haiku on {prompt}."), input_tokens: 400, output_tokens: 120 })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let orchestrator = Orchestrator::new("writer", "draft");

    let report = orchestrator
        .run(async |session| {
            let draft = session.run_turn(Turn::unmetered(), || chat("circuit breakers")).await?;
            Ok(draft.value)
        })
        .await;

    println!("{}", report.summary);
    let Reply { text, input_tokens, output_tokens } = report.result?;
    println!("{text} ({} tokens)", input_tokens + output_tokens);
    Ok(())
}

fn prices() -> Result<PricingTable, BoxError> {
    let prices = PricingTable::new();
    prices.register("gpt-5", ModelPricing::per_million("1.25".parse()?, "10".parse()?))?;
    Ok(prices)
}

async fn a_metered_turn() -> Result<(), BoxError> {
    use std::time::Duration;

    let session = Orchestrator::new("writer", "draft").pricing(prices()?).session()?;

    let turn = Turn::model("gpt-5")
        .timeout(Duration::from_secs(30))
        .usage_from(|reply: &Reply| UsageSnapshot::new(reply.input_tokens, reply.output_tokens));
    let draft = session.run_turn(turn, || chat("money")).await?;

    assert_eq!(draft.value.text, "A haiku on money.");
    assert_eq!(draft.cost.to_string(), "$0.0017");
    session.complete()?;
    Ok(())
}

async fn a_budget() -> Result<(), BoxError> {
    use techrevati_runtime::orchestrator::TurnError;

    let session = Orchestrator::new("writer", "draft")
        .pricing(prices()?)
        .budget(Limit::enforced("0.002".parse()?))
        .session()?;
    let turn = || Turn::model("gpt-5").usage(UsageSnapshot::new(400, 120));

    let first = session.run_turn(turn(), || chat("thrift")).await?;
    assert!(first.over_budget.is_none());

    // This one crosses the limit. It is paid for, so you get it, marked.
    let second = session.run_turn(turn(), || chat("excess")).await?;
    assert!(second.over_budget.is_some());

    // This one is refused before it spends anything.
    let third = session.run_turn(turn(), || chat("ruin")).await;
    assert!(matches!(third, Err(TurnError::Budget(_))));
    Ok(())
}

async fn a_breaker() -> Result<(), BoxError> {
    use techrevati_runtime::orchestrator::TurnError;

    // Clones share the state: give one breaker to every agent that calls this provider.
    let breaker = CircuitBreaker::new("provider");
    let session =
        Orchestrator::new("writer", "draft").circuit_breaker(breaker.clone()).session()?;

    for _ in 0..5 {
        let outage = || async { Err::<Reply, _>("503 Service Unavailable") };
        let failed = session.run_turn(Turn::model("gpt-5"), outage).await;
        assert!(matches!(failed, Err(TurnError::Failed(_))));
    }

    let refused = session.run_turn(Turn::model("gpt-5"), || chat("patience")).await;
    assert!(matches!(refused, Err(TurnError::CircuitOpen(_))));
    assert!(breaker.is_open());
    Ok(())
}

async fn tools() -> Result<(), BoxError> {
    use serde_json::json;

    let reader = RolePermissionConfig::new("researcher", PermissionMode::ReadOnly)?;
    let policy = PermissionPolicy::new()
        .role(reader)
        .requires("write_file", PermissionMode::WorkspaceWrite)
        .case_insensitive_tools();
    let session = Orchestrator::new("researcher", "reading")
        .permissions(PermissionEnforcer::new(policy))
        .session()?;

    let search = ToolCall::new("search").args(json!({ "query": "breaker" }));
    let notes = ToolCall::new("read_file").args(json!({ "path": "notes.md" }));
    let (hits, text) = tokio::join!(
        session.run_tool(search, || async { Ok::<_, BoxError>(vec!["notes.md"]) }),
        session.run_tool(notes, || async { Ok::<_, BoxError>("Leave it alone for a minute.") }),
    );
    assert_eq!(hits?, ["notes.md"]);
    assert_eq!(text?, "Leave it alone for a minute.");

    let write = ToolCall::new("write_file");
    let denied = session.run_tool(write, || async { Ok::<_, BoxError>(()) }).await;
    let Err(denied) = denied else { panic!("a reader has written") };
    assert_eq!(
        denied.to_string(),
        "role 'researcher' has READ_ONLY but tool requires WORKSPACE_WRITE",
    );
    Ok(())
}

async fn a_handoff() -> Result<(), BoxError> {
    use serde_json::json;

    // Agents that hand over to each other share a registry.
    let agents = AgentRegistry::new();
    let writer = Orchestrator::new("writer", "draft").registry(agents.clone());
    let editor = Orchestrator::new("editor", "draft").registry(agents);

    let session = writer.session()?;
    let draft = session.run_turn(Turn::model("gpt-5"), || chat("handoffs")).await?.value.text;
    let handoff = session.handoff_to("editor", "needs polish", json!({ "draft": draft }))?;

    let session = editor.accept(&handoff)?;
    assert_eq!(handoff.context["draft"], "A haiku on handoffs.");
    session.complete_with("polished")?;
    Ok(())
}

async fn events() -> Result<(), BoxError> {
    let events = RingBufferEventSink::new();
    let orchestrator =
        Orchestrator::new("writer", "draft").label("tenant", "acme").event_sink(events.clone());

    let report = orchestrator
        .run(async |session| {
            session.run_turn(Turn::model("gpt-5"), || chat("events")).await?;
            Ok(())
        })
        .await;
    report.result?;

    let names: Vec<_> = events.events().iter().map(|event| event.event.as_str()).collect();
    assert_eq!(
        names,
        [
            "agent.started",
            "agent.status_changed",
            "agent.status_changed",
            "agent.turn_started",
            "agent.turn_completed",
            "agent.status_changed",
            "agent.completed",
        ],
    );
    assert!(events.events()[3].to_json().contains(r#""labels":{"tenant":"acme"}"#));
    Ok(())
}

async fn a_stream() -> Result<(), BoxError> {
    use std::time::Duration;
    use tokio::sync::mpsc;

    let session = Orchestrator::new("writer", "draft").session()?;
    let (provider, mut chunks) = mpsc::channel(8);
    for chunk in ["Hel", "lo"] {
        provider.send(chunk).await?;
    }
    drop(provider);

    let mut turn =
        session.begin_turn(Turn::model("gpt-5").timeout(Duration::from_secs(30))).await?;
    let mut text = String::new();
    while let Some(chunk) = turn.run(chunks.recv()).await? {
        text.push_str(chunk);
        turn.observe(UsageSnapshot::new(9, 1));
    }
    let settled = turn.settle(UsageSnapshot::new(9, 2));

    assert_eq!(text, "Hello");
    assert_eq!(settled.usage.output_tokens, 2);
    Ok(())
}

fn chat_blocking(prompt: &str) -> Result<Reply, BoxError> {
    if prompt.is_empty() {
        return Err("400 Bad Request: the prompt is empty".into());
    }
    Ok(Reply { text: format!("A haiku on {prompt}."), input_tokens: 400, output_tokens: 120 })
}

fn blocking() -> Result<(), BoxError> {
    use std::time::Duration;

    let orchestrator = Orchestrator::new("writer", "draft");

    let report = orchestrator.run_blocking(|session| {
        let draft =
            session.blocking().run_turn(Turn::model("gpt-5"), || chat_blocking("threads"))?;
        let late = Duration::from_secs(30);
        let turn = Turn::model("gpt-5");
        let title = session.blocking().run_turn_within(turn, late, || chat_blocking("a title"))?;
        Ok(format!("{}\n{}", title.value.text, draft.value.text))
    });

    assert_eq!(report.result?, "A haiku on a title.\nA haiku on threads.");
    Ok(())
}

mod agent {
    use techrevati_runtime::BoxError;
    use techrevati_runtime::orchestrator::{OrchestrationSession, TurnError};
    use techrevati_runtime::prelude::*;

    /// The agent to be tested: it asks a second time when the provider was too slow.
    pub(crate) async fn patient<F>(
        session: &OrchestrationSession,
        mut ask: impl FnMut() -> F,
    ) -> Result<String, BoxError>
    where
        F: Future<Output = Result<String, BoxError>>,
    {
        let turn = || Turn::model("gpt-5").timeout(std::time::Duration::from_secs(30));
        match session.run_turn(turn(), &mut ask).await {
            Err(TurnError::TimedOut(_)) => Ok(session.run_turn(turn(), ask).await?.value),
            answer => Ok(answer?.value),
        }
    }
}

async fn the_agent_survives_a_slow_provider() -> Result<(), BoxError> {
    use techrevati_runtime::events::AgentEventName;
    use techrevati_runtime::testing::{ManualClock, RecordingEventSink, ScriptedModel};

    // Every sleep moves this clock on at once: the test takes no time.
    let clock = ManualClock::skipping();
    let events = RecordingEventSink::new();
    let model = ScriptedModel::new().hangs().replies("hello".to_owned());
    let orchestrator = Orchestrator::new("writer", "draft").time(clock).event_sink(events.clone());

    let report = orchestrator
        .run(async |session| agent::patient(session, || model.call("say hello")).await)
        .await;

    assert_eq!(report.result?, "hello");
    assert_eq!(model.prompts(), ["say hello", "say hello"]);
    assert_eq!(events.all(AgentEventName::TurnFailed).len(), 1);
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    std::thread::spawn(|| main().map_err(|error| error.to_string()))
        .join()
        .map_err(|_| "it panicked")??;
    a_metered_turn().await?;
    a_budget().await?;
    a_breaker().await?;
    tools().await?;
    a_handoff().await?;
    events().await?;
    a_stream().await?;
    blocking()?;
    the_agent_survives_a_slow_provider().await
}
