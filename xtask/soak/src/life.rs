//! The sessions of one task, one after the other.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use runtime_durable::Run;
use runtime_events::{Clock, SystemClock};
use runtime_orchestrator::{BoxError, OrchestrationSession, Turn, TurnError};
use runtime_usage::UsageSnapshot;
use tokio::time::{sleep, timeout};

use crate::books::one_more;
use crate::world::{MODEL, World};

const USAGE: UsageSnapshot = UsageSnapshot::new(1_000, 200);

/// One task of so many has its sessions in a store.
const RECORDED: u64 = 1_000;

/// Sessions until the time is over.
pub(crate) async fn live(world: Arc<World>, number: u64) -> Result<(), BoxError> {
    let mut random = Rng::with_seed(number);
    // Not all at the same moment.
    sleep(Duration::from_millis(random.u64(0..2_000))).await;
    for session in 0_u64.. {
        if world.is_over() {
            break;
        }
        if number.is_multiple_of(RECORDED) {
            recorded(&world, &format!("{number}-{session}"), &mut random).await?;
        } else {
            ordinary(&world, &mut random).await?;
        }
    }
    Ok(())
}

async fn ordinary(world: &World, random: &mut Rng) -> Result<(), BoxError> {
    let session = world.orchestrator.session()?;
    for _ in 0..random.u32(3..12) {
        if !world.is_over() {
            turn(world, &session, random).await;
        }
    }
    let report = session.finish(Ok::<_, BoxError>(()));
    world.books.add(&report.summary);
    Ok(())
}

/// A turn of a model that takes a second or two.
async fn turn(world: &World, session: &OrchestrationSession, random: &mut Rng) {
    let takes = Duration::from_millis(random.u64(500..2_500));
    let (fails, dropped, late) = (random.u8(..) < 10, random.u8(..) < 8, random.u8(..) < 5);
    let mut turn = Turn::model(MODEL).usage(USAGE).estimate(USAGE);
    if late {
        turn = turn.timeout(takes / 2);
    }
    one_more(&world.books.asked);
    let asked = SystemClock.now();
    let call = async || {
        world.admission.add(SystemClock.now().saturating_duration_since(asked));
        sleep(takes).await;
        if fails || world.is_out() {
            Err(BoxError::from("503 service unavailable"))
        } else {
            Ok(())
        }
    };
    let patience = if dropped { takes / 3 } else { Duration::from_secs(3_600) };
    let end = match timeout(patience, session.run_turn(turn, call)).await {
        Err(_) => &world.books.dropped,
        Ok(Ok(_)) => &world.books.answered,
        Ok(Err(TurnError::TimedOut(_))) => &world.books.timed_out,
        Ok(Err(TurnError::Failed(_))) => &world.books.failed,
        Ok(Err(_)) => {
            sleep(Duration::from_millis(random.u64(200..1_000))).await;
            &world.books.refused
        }
    };
    one_more(end);
}

/// A thread with three turns, and the same again: the second run has to find all of them.
async fn recorded(world: &World, thread: &str, random: &mut Rng) -> Result<(), BoxError> {
    let takes = Duration::from_millis(random.u64(300..1_500));
    for calls in [true, false] {
        let run = world.durable.run(thread, async |session| {
            let mut sum = 0_u32;
            for number in 0..3_u32 {
                let call = async || {
                    sleep(takes).await;
                    if calls { Ok(number) } else { Err(BoxError::from("made again")) }
                };
                sum += session.run_turn(Turn::model(MODEL).usage(USAGE), call).await?.value;
            }
            Ok(sum)
        });
        match run.await {
            Ok(Run::Done(done)) if done.value == 3 => {}
            _ => one_more(&world.books.recorded_wrong),
        }
    }
    one_more(&world.books.recorded);
    Ok(())
}
