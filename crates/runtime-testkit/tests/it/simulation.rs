//! The simulator itself: what is the same in each run, what a crash cuts, what is found, and how small it gets.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

#[cfg(feature = "simulation-fleet")]
mod fleet;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use runtime_events::{AgentEvent, Clock};
use runtime_orchestrator::{Orchestrator, RecoveryConfig, Timeout, Turn};
use runtime_sinks::EventSink;
use runtime_testkit::simulation::{
    Broken, Case, LineTrouble, Ran, Reply, Sim, SimProvider, Simulation, World, shrink, simulate,
};

const SECOND: Duration = Duration::from_secs(1);

fn writer(sim: &Sim) -> Orchestrator {
    Orchestrator::new("writer", "draft")
        .time(sim.time())
        .ids(sim.ids())
        .event_sink(sim.events())
        .recovery(RecoveryConfig::default())
}

fn troubled(simulation: &Simulation) -> World {
    let mut rng = simulation.rng("world");
    World::new().provider("openai", SimProvider::healthy().troubled(&mut rng, 4, 60 * SECOND))
}

/// Agents that ask in a troubled world, and the events of all of them.
fn asking(seed: u64) -> (Ran, Vec<String>) {
    let simulation = Simulation::new(seed);
    let world = troubled(&simulation);
    let log = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&log);
    let ran = simulation.world(world).run(async |sim| {
        for number in 0..4 {
            let (writer, openai) = (writer(&sim), sim.provider("openai"));
            let limit = Timeout::on(20 * SECOND, Arc::new(sim.time()));
            sim.spawn(format!("agent {number}"), async move {
                let session = writer.session().unwrap();
                let turn = Turn::model("gpt-5").usage_from(Reply::usage).timeout(limit);
                let answer = session.run_turn_recovering(turn, |_| openai.call("hi")).await;
                session.finish(answer)
            });
        }
        let events = sim.events();
        sim.at_end("the log is kept", move || {
            *kept.borrow_mut() = events.events().iter().map(|event| event.to_json()).collect();
            Ok(())
        });
        Ok(())
    });
    let lines = log.take();
    (ran.unwrap(), lines)
}

#[test]
fn a_seed_gives_the_same_events_again_and_another_one_gives_others() {
    for seed in 0..40 {
        assert_eq!(asking(seed), asking(seed), "seed {seed}");
    }
    assert_ne!(asking(1).1, asking(2).1);
}

#[test]
fn time_jumps_to_what_is_next_and_a_wall_clock_may_jump_alone() {
    let world = World::new().jump(10 * SECOND, chrono::TimeDelta::hours(-2));
    let ran = Simulation::new(1).world(world).run(async |sim| {
        let (now, utc) = (sim.time().now(), sim.time().utc_now());
        sim.sleep(3_600 * SECOND).await;
        assert_eq!(sim.time().now() - now, 3_600 * SECOND);
        assert_eq!((sim.time().utc_now() - utc).num_hours(), -1);
        Ok(())
    });
    assert_eq!(ran.unwrap().took, 3_600 * SECOND);
}

#[test]
fn a_task_that_nobody_wakes_and_a_timer_that_is_left_are_found() {
    let stuck = Simulation::new(1).run(async |sim| {
        sim.spawn("waits", std::future::pending::<()>());
        Ok(())
    });
    assert_eq!(stuck.unwrap_err().why, "nobody wakes task `waits`");

    let long = Simulation::new(1).horizon(60 * SECOND).run(async |sim| {
        sim.sleep(61 * SECOND).await;
        Ok(())
    });
    assert_eq!(long.unwrap_err().why, "not over after 60s: the body of the simulation");
}

/// What a process emits when its tasks are dropped after a crash, and when they are dropped without one.
fn emitted_at_its_end(crashes: bool) -> usize {
    struct Last(Box<dyn EventSink>);

    impl Drop for Last {
        fn drop(&mut self) {
            let event = AgentEvent::started("worker", "last words");
            self.0.emit(&Arc::new(event)).unwrap();
        }
    }

    let lives = Rc::new(RefCell::new(0));
    let counted = Rc::clone(&lives);
    let mut world = World::new();
    if crashes {
        world = world.crash("worker", 5 * SECOND, SECOND);
    }
    let ran = Simulation::new(1).world(world).run(async |sim| {
        sim.process("worker", move |sim| {
            *lives.borrow_mut() += 1;
            async move {
                if sim.life() == 1 {
                    let _last = Last(Box::new(sim.events()));
                    sim.sleep(10 * SECOND).await;
                }
            }
        });
        Ok(())
    });
    assert_eq!(*counted.borrow(), 1 + u32::from(crashes));
    ran.unwrap().events
}

#[test]
fn a_crash_cuts_first_and_drops_then() {
    assert_eq!(emitted_at_its_end(true), 0);
    // The control: a task that is dropped while its ports are whole has a last word.
    assert_eq!(emitted_at_its_end(false), 1);
}

#[test]
fn a_process_that_stands_still_does_not_know() {
    let world = World::new().stall_after("worker", 2, 60 * SECOND);
    let ran = Simulation::new(1).world(world).run(async |sim| {
        sim.process("worker", |sim| async move {
            sim.sleep(SECOND).await;
            sim.sleep(SECOND).await;
            // Its sleep was over long before.
            assert_eq!((sim.elapsed(), sim.life()), (61 * SECOND, 1));
        });
        Ok(())
    });
    assert_eq!(ran.unwrap().took, 61 * SECOND);
}

#[test]
fn a_line_loses_calls_and_answers_and_a_dead_process_sends_nothing() {
    let world = World::new()
        .line("bank", LineTrouble::Cut, SECOND..2 * SECOND)
        .line("bank", LineTrouble::Deaf, 2 * SECOND..3 * SECOND)
        .line("bank", LineTrouble::Late(SECOND), 3 * SECOND..4 * SECOND);
    let ran = Simulation::new(1).world(world).run(async |sim| {
        let paid = Rc::new(RefCell::new(0));
        let bank = sim.line("bank");
        let mut answers = Vec::new();
        for _ in 0..4 {
            let answer = bank.call(async || *paid.borrow_mut() += 1).await;
            answers.push((*paid.borrow(), answer.is_ok()));
            sim.sleep(SECOND).await;
        }
        assert_eq!(answers, [(1, true), (1, false), (2, false), (3, true)]);
        Ok(())
    });
    assert!(ran.unwrap().took >= 5 * SECOND);
}

/// Fails if agents 1 and 3 call in a storm.
fn pair(simulation: Simulation) -> Result<Ran, Box<Broken>> {
    let openai = SimProvider::healthy()
        .overload(90 * SECOND..100 * SECOND)
        .storm(Duration::ZERO..50 * SECOND, SECOND)
        .cut(70 * SECOND..80 * SECOND);
    simulation.world(World::new().provider("openai", openai)).run(async |sim| {
        let refused = Rc::new(RefCell::new(Vec::new()));
        for number in 0..5 {
            let (openai, refused) = (sim.provider("openai"), Rc::clone(&refused));
            sim.spawn(format!("agent {number}"), async move {
                if openai.call("hi").await.is_err() {
                    refused.borrow_mut().push(number);
                }
            });
        }
        sim.always("not both", move || {
            let both = [1, 3].iter().all(|number| refused.borrow().contains(number));
            if both { Err("both were refused".to_owned()) } else { Ok(()) }
        });
        Ok(())
    })
}

#[test]
fn a_failing_case_is_shrunk_to_what_matters_and_repeated_by_its_line() {
    let broken = simulate(7..9, pair).unwrap_err();
    let names: Vec<_> = broken.parts.iter().map(|part| &*part.name).collect();
    let mut sorted = names.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, ["agent 1", "agent 3", "openai#1"]);
    let line = broken.to_string();
    let line = line.lines().next().unwrap();
    assert!(
        line.starts_with("case 7-agent_0-agent_2-agent_4-openai#0-openai#2: not both"),
        "{line}"
    );
    let case: Case = line.split([' ', ':']).nth(1).unwrap().parse().unwrap();
    let again = pair(Simulation::of(case)).unwrap_err();
    assert_eq!((&again.why, again.step), (&broken.why, broken.step));
    // What cannot be made smaller stays as it is.
    assert_eq!(shrink(again, pair).case, broken.case);
}

#[test]
fn a_shutdown_cancels_what_is_left_on_the_one_thread_there_is() {
    let ran = Simulation::new(1).run(async |sim| {
        let (writer, at) = (writer(&sim), sim.clone());
        let sessions = [writer.session()?, writer.session()?];
        sim.spawn("shutdown", async move {
            let limit = Timeout::on(SECOND, Arc::new(at.time()));
            let drained = writer.drain(limit).await;
            assert_eq!((drained.left_over.len(), drained.in_time), (2, false));
            assert_eq!(at.elapsed(), SECOND);
            assert!(sessions.iter().all(|session| session.status().is_terminal()));
        });
        Ok(())
    });
    assert!(ran.unwrap().events > 0);
}

/// Somebody waits for a flag, for ten seconds at the most. Whether who sets it wakes the one that waits.
fn flagged(simulation: Simulation, tells: bool) -> Result<Ran, Box<Broken>> {
    simulation.spurious_polls().run(async |sim| {
        let flag: Rc<RefCell<(bool, Option<Waker>)>> = Rc::default();
        let (seen, time, set) = (Rc::clone(&flag), sim.time(), sim.clone());
        sim.spawn("waits", async move {
            let is_set = poll_fn(move |cx| {
                let mut flag = seen.borrow_mut();
                flag.1 = Some(cx.waker().clone());
                if flag.0 { Poll::Ready(()) } else { Poll::Pending }
            });
            time.within(10 * SECOND, is_set).await;
        });
        sim.spawn("sets", async move {
            for second in 0..9 {
                set.sleep(SECOND).await;
                if second == 0 {
                    let waker = {
                        let mut flag = flag.borrow_mut();
                        flag.0 = true;
                        flag.1.take()
                    };
                    waker.filter(|_| tells).iter().for_each(Waker::wake_by_ref);
                }
            }
        });
        Ok(())
    })
}

#[test]
fn a_task_that_could_go_on_and_is_not_woken_is_found() {
    assert_eq!(simulate(0..50, |simulation| flagged(simulation, true)).unwrap(), 50);
    let broken = simulate(0..50, |simulation| flagged(simulation, false)).unwrap_err();
    assert_eq!(broken.why, "task `waits` could go on, and nobody woke it");
}
