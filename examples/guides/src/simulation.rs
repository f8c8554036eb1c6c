//! The code of `docs/simulation.md`.
#![expect(clippy::print_stdout, reason = "a guide shows what there is to see")]

use techrevati_runtime::orchestrator::TurnError;
use techrevati_runtime::prelude::*;
use techrevati_runtime::testing::simulation::{
    Broken, Case, Endpoint, Ran, Reply, Sim, SimProvider, Simulation, World, simulate,
};

// What the guide does not show.
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const CENTS: Usd = Usd::from_cents(2);

fn prices() -> Result<PricingTable, BoxError> {
    let prices = PricingTable::new();
    prices.register("gpt-5", ModelPricing::per_million("1.25".parse()?, "10".parse()?))?;
    Ok(prices)
}

/// Looks things up until it knows enough or its money is used up, and then answers.
async fn research(
    session: &OrchestrationSession,
    openai: &Endpoint,
    answer: Turn<Reply>,
) -> Result<String, BoxError> {
    for _ in 0..5 {
        let turn = Turn::model("gpt-5").usage_from(Reply::usage).reserve(CENTS);
        let turn = turn.timeout(10 * SECOND);
        let found = session.run_turn_recovering(turn, |_| openai.call("look up")).await;
        // After another failure it goes on with what it has.
        if matches!(found, Err(TurnError::Budget(_))) {
            break;
        }
    }
    let answer = answer.usage_from(Reply::usage).reserve(CENTS).timeout(10 * SECOND);
    Ok(session.run_turn_recovering(answer, |_| openai.call("answer")).await?.value.text)
}

/// The world of the agent: one provider, with up to three faults in the first minute.
fn world(simulation: &Simulation) -> World {
    let mut rng = simulation.rng("world");
    World::new().provider("openai", SimProvider::healthy().troubled(&mut rng, 3, 60 * SECOND))
}

/// Two runs of the agent. None may be left without money for its answer.
fn scenario(
    simulation: Simulation,
    limit: &Limit,
    answer: impl Fn() -> Turn<Reply>,
) -> Result<Ran, Box<Broken>> {
    let world = world(&simulation);
    simulation.world(world).run(async |sim: Sim| {
        let researcher = Orchestrator::new("researcher", "search")
            .time(sim.time())
            .ids(sim.ids())
            .event_sink(sim.events())
            .pricing(prices()?)
            .budget(limit.clone());
        for number in 0..2 {
            let (session, openai) = (researcher.session()?, sim.provider("openai"));
            let (answer, at) = (answer(), sim.clone());
            sim.spawn(format!("run {number}"), async move {
                let result = research(&session, &openai, answer).await;
                let starved =
                    |error: &BoxError| matches!(error.downcast_ref(), Some(TurnError::Budget(_)));
                if result.as_ref().is_err_and(starved) {
                    at.fail("no money is left for the answer");
                }
                session.finish(result)
            });
        }
        Ok(())
    })
}

fn the_bug_is_found() -> Result<Case, BoxError> {
    let limit = Limit::enforced(Usd::from_cents(10));
    let found =
        simulate(0..200, |simulation| scenario(simulation, &limit, || Turn::model("gpt-5")));
    let broken = found.err().ok_or("there is a case that fails")?;
    println!("{broken}");
    assert_eq!(broken.why, "no money is left for the answer");
    Ok(broken.case)
}

fn the_bug_is_repaired(case: Case) -> Result<(), BoxError> {
    let limit = Limit::enforced(Usd::from_cents(10)).wrap_up(CENTS);
    let repaired = |simulation| scenario(simulation, &limit, || Turn::model("gpt-5").wrap_up());
    repaired(Simulation::of(case))?;
    assert_eq!(simulate(0..200, repaired)?, 200);
    Ok(())
}

fn a_process_crashes() -> Result<(), BoxError> {
    let world =
        World::new().provider("openai", SimProvider::healthy()).crash("worker", SECOND, 5 * SECOND);
    let ran = Simulation::new(1).world(world).run(async |sim| {
        sim.process("worker", |sim| async move {
            let openai = sim.provider("openai");
            println!("life {} at {:?}", sim.life(), sim.elapsed());
            let _ = openai.call("hi").await;
            sim.sleep(SECOND).await;
        });
        Ok(())
    });
    assert!(ran?.took > 6 * SECOND);
    Ok(())
}

pub(crate) fn run() -> Result<(), BoxError> {
    let case = the_bug_is_found()?;
    the_bug_is_repaired(case)?;
    a_process_crashes()
}
