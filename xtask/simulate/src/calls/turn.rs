//! One turn of an agent, and what is known of it beside the library.

use std::time::Duration;

use fastrand::Rng;
use runtime_orchestrator::{Attempt, OrchestrationSession};
use runtime_resilience::{FaultError, Routes};
use runtime_testkit::simulation::{Reply, Sim};

use super::again::History;
use super::rows::{Began, Ended, Limits};
use super::{PLACES, Setup};
use crate::draw::millis;
use crate::watch::{Since, UnderWay, Watch};

/// A turn while it runs.
struct Running<'t> {
    sim: &'t Sim,
    setup: &'t Setup,
    watch: Watch,
    history: History,
    times: Times,
    /// When the turn and the session end, and the patience of the user.
    ends: [Option<Duration>; 3],
    recovers: bool,
    /// The place of the last call.
    last_place: std::cell::Cell<Option<usize>>,
}

/// The time limits of a turn.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub(super) attempt: Duration,
    pub(super) first: Option<Duration>,
    pub(super) total: Option<Duration>,
}

/// A turn, perhaps dropped on its way. The session may have a deadline.
pub(super) async fn one_turn(
    (sim, setup): (&Sim, &Setup),
    session: &OrchestrationSession,
    deadline: Option<Duration>,
    rng: &mut Rng,
) {
    let (turn, times) = setup.turn(rng, &sim.time());
    let patience = if rng.u8(..4) == 0 { millis(rng, 1..20_000) } else { Duration::MAX };
    let began = sim.elapsed();
    // Without recovery, a turn knows of no routes.
    let recovers = setup.routes.is_some() || rng.u8(..5) > 0;
    let ends = [times.total.map(|total| began + total), deadline, began.checked_add(patience)];
    let (watch, history) = Default::default();
    let last_place = std::cell::Cell::default();
    let running = Running { sim, setup, watch, history, times, ends, recovers, last_place };
    let ended = if recovers {
        let call = async |attempt: Attempt| {
            let place = PLACES.iter().position(|(provider, _)| *provider == attempt.provider());
            let call = Call { place: place.unwrap_or(0), hedge: attempt.is_hedge() };
            running.call(call, || attempt.token()).await
        };
        sim.time().within(patience, session.run_turn_recovering(turn, call)).await
    } else {
        let call = async || running.call(Call { place: 0, hedge: false }, || ()).await;
        sim.time().within(patience, session.run_turn(turn, call)).await
    };
    let Running { watch, .. } = running;
    setup.purses.pend(-i64::from(watch.resumes()));
    for (place, route) in setup.routes.iter().flat_map(Routes::snapshot).enumerate() {
        if let Some(rests) = route.rests {
            let until = sim.elapsed() + rests;
            setup.places.rest(place, until).unwrap_or_else(|why| sim.fail(why));
        }
    }
    if let (Some(Ok(answer)), Some((place, _))) = (&ended, watch.answered_by()) {
        let (provider, model) = PLACES[place];
        let said = answer.provider.as_deref().unwrap_or(provider);
        if said != provider || *answer.model != *model {
            sim.fail(format!("{provider} has answered, and not {said} with {}", answer.model));
        }
        if recovers {
            setup.purses.answered(place);
        }
    }
    if let Some(Err(error)) = &ended
        && recovers
        && watch.is_again()
        && error.is_refusal()
    {
        sim.fail(format!("a turn that has made calls ends as if it had made none: {error}"));
    }
    let took = sim.elapsed().saturating_sub(began);
    let Some(total) = times.total else { return };
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
    hedge: bool,
}

impl Running<'_> {
    /// What a turn calls, with an eye on what the place had asked for.
    async fn call(
        &self,
        Call { place, hedge }: Call,
        token: impl Fn(),
    ) -> Result<Reply, FaultError> {
        let (Self { sim, setup, watch, .. }, now) = (self, self.sim.elapsed());
        setup.places.begin(place, now);
        if self.ends[..2].iter().flatten().any(|end| now >= *end) {
            sim.fail(format!("a call begins at {now:?}, and was to end by then: {:?}", self.ends));
        }
        let may = self.history.begin((place, hedge), now, setup.routes.is_some());
        may.unwrap_or_else(|why| sim.fail(why));
        if hedge {
            let first = self.last_place.get();
            if first == Some(place)
                && setup.is_free(1 - place)
                && !self.history.has_failed(1 - place)
            {
                sim.fail(format!("a hedge goes to place {place} as well, and another one is free"));
            }
            setup.purses.hedged(place);
        } else if watch.is_again() && !self.history.shrinks() {
            setup.purses.again(place, setup.draws(self.history.last_place(), place));
        }
        setup.purses.pend(-i64::from(watch.resumes()));
        watch.began();
        self.last_place.set(Some(place));
        let Times { attempt, first, .. } = self.times;
        let first = first.map(|first| now + first);
        let limits = Limits { attempt: now + attempt, first, others: self.ends };
        let (began, bears) = (setup.rows.begin(place), setup.places.under_way(place));
        let mut under_way =
            Called { turn: self, place, limits, began, spoke: false.into(), bears, over: false };
        let told = || {
            under_way.spoke.set(self.recovers);
            token();
        };
        let answer = sim.provider(PLACES[place].0).stream("hi", told).await;
        under_way.ended(&answer);
        answer
    }

    /// Whether nothing of the turn runs any more but its recovery.
    fn stopped(&self, failed: bool) {
        let ended = Since { at: self.sim.elapsed(), ended: self.setup.places.ended() };
        let pends = self.watch.ended(failed.then_some(ended)) && self.recovers;
        if pends && self.watch.pends() {
            self.setup.purses.pend(1);
        }
    }
}

/// A call until its end.
struct Called<'c, 't> {
    turn: &'c Running<'t>,
    place: usize,
    limits: Limits,
    began: Began,
    /// Whether the library was told of a token.
    spoke: std::cell::Cell<bool>,
    bears: UnderWay,
    over: bool,
}

impl Called<'_, '_> {
    fn ended(&mut self, answer: &Result<Reply, FaultError>) {
        let (Running { sim, setup, watch, history, .. }, place) = (self.turn, self.place);
        self.over = true;
        self.bears.over();
        let ended = match answer {
            Ok(_) => {
                setup.places.answered(place);
                watch.answered((place, sim.elapsed()));
                Ended::Answered
            }
            Err(error) => {
                setup.places.failed(place, sim.elapsed(), &error.fault);
                history.failed(place, sim.elapsed(), error);
                if error.fault.counts { Ended::Failed } else { Ended::Ignored }
            }
        };
        setup.rows.end(place, self.began, ended);
        self.turn.stopped(answer.is_err());
    }
}

impl Drop for Called<'_, '_> {
    fn drop(&mut self) {
        if self.over {
            return;
        }
        let (Running { sim, setup, watch, history, .. }, now) =
            (self.turn, self.turn.sim.elapsed());
        let _ = sim;
        let beaten = watch.answered_by().is_some_and(|(_, at)| at == now);
        let ended = self.limits.ended(now, self.spoke.get(), beaten);
        setup.rows.end(self.place, self.began, ended);
        if ended != Ended::Ignored {
            history.late(self.place);
        }
        self.turn.stopped(true);
    }
}
