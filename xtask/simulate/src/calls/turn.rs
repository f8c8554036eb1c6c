//! One turn of an agent, and what is known of it beside the library.

use std::time::Duration;

use fastrand::Rng;
use runtime_orchestrator::{Attempt, OrchestrationSession};
use runtime_resilience::{FaultError, Routes};
use runtime_testkit::simulation::{Reply, Sim};

use super::{PLACES, Setup};
use crate::draw::millis;
use crate::watch::{Since, Watch};

/// A turn, perhaps dropped on its way.
pub(super) async fn one_turn(
    sim: &Sim,
    setup: &Setup,
    session: &OrchestrationSession,
    rng: &mut Rng,
) {
    let (turn, total) = setup.turn(rng, &sim.time());
    let patience = if rng.u8(..4) == 0 { millis(rng, 1..20_000) } else { Duration::MAX };
    let began = sim.elapsed();
    let watch = Watch::default();
    // Without recovery, a turn knows of no routes.
    let ended = if setup.routes.is_some() || rng.u8(..5) > 0 {
        let call = async |attempt: Attempt| {
            let place = PLACES.iter().position(|(provider, _)| *provider == attempt.provider());
            let retry = attempt.number() > 1 && setup.routes.is_none();
            let call = Call { place: place.unwrap_or(0), retry: retry || attempt.is_hedge() };
            one_call(sim, setup, &watch, call, || attempt.token()).await
        };
        sim.time().within(patience, session.run_turn_recovering(turn, call)).await
    } else {
        let call = async || {
            let call = Call { place: 0, retry: false };
            one_call(sim, setup, &watch, call, || ()).await
        };
        sim.time().within(patience, session.run_turn(turn, call)).await
    };
    for (place, route) in setup.routes.iter().flat_map(Routes::snapshot).enumerate() {
        if let Some(rests) = route.rests {
            let until = sim.elapsed() + rests;
            setup.places.rest(place, until).unwrap_or_else(|why| sim.fail(why));
        }
    }
    if let (Some(Ok(answer)), Some(place)) = (&ended, watch.answered_by()) {
        let (provider, model) = PLACES[place];
        let said = answer.provider.as_deref().unwrap_or(provider);
        if said != provider || *answer.model != *model {
            sim.fail(format!("{provider} has answered, and not {said} with {}", answer.model));
        }
    }
    let took = sim.elapsed().saturating_sub(began);
    let Some(total) = total else { return };
    if took > total {
        sim.fail(format!("a turn took {took:?} of {total:?}"));
    }
    // A call that ended since may have used up more than it had asked for, which nobody could foresee.
    if took == total
        && let (Some(Err(_)), Some(since)) = (ended, watch.waits_since())
        && since.at < sim.elapsed()
        && since.ended == setup.places.ended()
    {
        sim.fail(format!("a turn waited from {:?} to its end, where nothing can help", since.at));
    }
}

/// A call, as it is known beside the library.
#[derive(Clone, Copy)]
struct Call {
    place: usize,
    /// Whether it draws on the retry budget.
    retry: bool,
}

/// What a turn calls, with an eye on what the place had asked for.
async fn one_call(
    sim: &Sim,
    setup: &Setup,
    watch: &Watch,
    call: Call,
    token: impl Fn(),
) -> Result<Reply, FaultError> {
    let Call { place, retry } = call;
    setup.places.begin(place, sim.elapsed(), retry);
    let mut under_way = setup.places.under_way(place);
    watch.began();
    let answer = sim.provider(PLACES[place].0).stream("hi", token).await;
    under_way.over();
    match &answer {
        Ok(_) => {
            setup.places.answered(place);
            watch.answered(place);
        }
        Err(error) => setup.places.failed(place, sim.elapsed(), &error.fault),
    }
    let since = || Since { at: sim.elapsed(), ended: setup.places.ended() };
    watch.ended(answer.is_err().then(since));
    answer
}
