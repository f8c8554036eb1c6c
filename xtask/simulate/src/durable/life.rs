//! The steps of a durable thread, and one life of it.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use runtime_durable::{DurableSession, DurableTool, Reconciled, StepError};
use runtime_orchestrator::{BoxError, Effect, Timeout, ToolCall, Turn};
use runtime_store::ThreadId;
use runtime_testkit::simulation::Sim;
use runtime_usage::UsageSnapshot;
use serde_json::json;

use super::changed::Change;
use super::spent::{Called, Crash};
use super::{DEADLINE, INPUT, LONGEST, MODEL, OUTPUT, Shared};
use crate::bank::Bank;
use crate::draw::{one_of, seconds};

/// A step of a thread. Those of one thread follow from its name, so that they are the same in each life.
#[derive(Clone, Copy)]
pub(super) enum Step {
    Turn,
    Recovering,
    Pay {
        effect: Effect,
        approved: bool,
        refused: u8,
        /// Whether an agent below makes it.
        below: bool,
    },
    Sleep(Duration),
    Value,
    /// The next life goes on from here.
    Checkpoint,
    /// Waits for a message.
    Ask,
}

impl Step {
    /// Whether it is a call of the thread's own session.
    const fn is_at_the_top(self) -> bool {
        matches!(self, Self::Turn | Self::Recovering | Self::Pay { below: false, .. })
    }
}

/// The steps of a thread.
pub(super) fn plan(sim: &Sim, thread: &ThreadId) -> Vec<Step> {
    let mut rng = sim.rng(thread.as_str());
    (0..rng.usize(1..6)).map(|_| step(&mut rng)).collect()
}

fn step(rng: &mut Rng) -> Step {
    match rng.u8(..14) {
        0 => Step::Turn,
        1..5 => Step::Recovering,
        5 => Step::Value,
        6 => Step::Sleep(seconds(rng, 1..60)),
        7 => Step::Ask,
        8 => Step::Checkpoint,
        _ => Step::Pay {
            effect: one_of(rng, &[Effect::Keyed, Effect::Irreversible]),
            approved: rng.bool(),
            refused: one_of(rng, &[0, 0, 1, 2]),
            below: rng.u8(..3) == 0,
        },
    }
}

/// One life of a thread. Its value is the payments that were made.
pub(super) async fn life(
    (sim, process, changed): (&Sim, &str, bool),
    shared: &Shared,
    session: &DurableSession,
) -> Result<Vec<String>, BoxError> {
    let began = sim.elapsed();
    let limit = || Timeout::on(Duration::from_secs(20), Arc::new(sim.time()));
    let openai = sim.provider("openai");
    let thread = session.thread();
    let known = shared.bank.lived(thread.as_str());
    if session.session().time_left().is_some_and(|left| left > DEADLINE.saturating_sub(known)) {
        sim.fail(format!(
            "a deadline begins anew with {:?}, though its thread has lived for {known:?}",
            session.session().time_left()
        ));
    }
    let steps = plan(sim, thread);
    let rng = RefCell::new(sim.rng(&format!("{thread} from {began:?}")));
    let (mut from, mut made) = (0, Vec::new());
    if steps.iter().any(|step| matches!(step, Step::Checkpoint)) {
        (from, made) = session.resume_point().await?.unwrap_or_default();
    }
    for (number, step) in steps.into_iter().enumerate().skip(from) {
        let name = format!("{thread}/{number}");
        let bank = &shared.bank;
        if changed && step.is_at_the_top() && bank.is_recorded(&name, began) {
            let in_order = matches!(step, Step::Turn | Step::Recovering);
            let change = Change::draw(&mut rng.borrow_mut(), in_order);
            return change.take(sim, session, number).await;
        }
        match step {
            Step::Turn | Step::Recovering => {
                let turn = Turn::model(MODEL).timeout(limit()).usage_from(usage_of);
                let turn = turn.estimate(UsageSnapshot::new(INPUT, OUTPUT)).max_output(OUTPUT);
                let ended = std::cell::Cell::default();
                let mut entered = shared.spending.turn(thread.as_str(), sim.line("store"));
                let ask = async |mut called: Called| {
                    // A life that was replaced may ask a model once more: it costs, and does nothing.
                    bank.make(&name, (false, began));
                    let crashes = called.crashes(&mut rng.borrow_mut());
                    if crashes == Some(Crash::Before) {
                        sim.crash(process, Duration::ZERO);
                    }
                    let said = openai.call("hi").await;
                    if crashes == Some(Crash::After) {
                        sim.crash(process, Duration::ZERO);
                    }
                    called.ended(&said);
                    ended.set(sim.elapsed());
                    let said = said?;
                    let tokens =
                        said.usage().map(|usage| [usage.input_tokens, usage.output_tokens]);
                    Ok::<_, BoxError>((said.text, tokens))
                };
                let answer = if matches!(step, Step::Turn) {
                    session.run_turn(turn, || ask(entered.call())).await
                } else {
                    // Whether it is polled or not: from here on it may have been sent.
                    session.run_turn_recovering(turn, |_| ask(entered.call())).await
                };
                if matches!(answer, Ok(_) | Err(StepError::Failed(_))) {
                    entered.known();
                }
                answer?;
                if ended.get() > began {
                    // What was recorded after the call has at least this time.
                    bank.live(thread.as_str(), (began, ended.get()));
                }
                bank.record(&name, sim.elapsed());
            }
            Step::Ask => {
                let heard: String = session.wait_for(&name).await?;
                if !bank.said(&name, &heard) {
                    sim.fail(format!("`{name}` heard {heard}, which did not count"));
                }
                bank.know(&name, &heard);
            }
            Step::Sleep(time) => session.sleep(time).await?,
            Step::Value => {
                let drawn = session.value("lucky", || sim.rng(&format!("{began:?}")).u64(..));
                let values = (drawn.await?, session.random().await?, session.now().await?);
                bank.know(&name, &format!("{values:?}"));
            }
            Step::Checkpoint => session.checkpoint(&(number + 1, &made)).await?,
            Step::Pay { effect, approved, refused, below } => {
                let call = Payment { name, effect, approved, refused };
                let paid = if below {
                    call.make(sim, bank, &session.child("cashier")?).await?
                } else {
                    call.make(sim, bank, session).await?
                };
                if paid {
                    made.push(call.name);
                }
            }
        }
    }
    Ok(made)
}

/// A payment of a thread.
struct Payment {
    name: String,
    effect: Effect,
    approved: bool,
    /// How often the bank refuses it.
    refused: u8,
}

impl Payment {
    /// Asks, and pays. `false` if people say no.
    async fn make(
        &self,
        sim: &Sim,
        bank: &Bank,
        session: &DurableSession,
    ) -> Result<bool, BoxError> {
        let number = self.name.rsplit('/').next().unwrap_or_default();
        let pay = ToolCall::new(number).call_id(number).args(json!({ "of": number }));
        let pay = pay.effect(self.effect);
        let mut tool = DurableTool::from(pay.clone());
        if self.approved {
            match session.approval(&pay, "payments", LONGEST).await {
                Ok(yes) => tool = tool.approved(yes),
                Err(StepError::Failed(_)) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        let asked = bank.clone();
        let tool = tool.reconcile(async move |key| {
            let done = asked.books().keys.contains(&key);
            Ok(if done { Reconciled::Done(12) } else { Reconciled::NotDone })
        });
        let line = sim.line("bank");
        let dedupes = self.effect == Effect::Keyed;
        let paid = session.run_tool(tool, async |attempt| {
            bank.make(&self.name, (self.approved, Duration::MAX));
            let refused = bank.books().failed.get(&self.name).copied().unwrap_or_default();
            if refused < u32::from(self.refused) {
                return Err(BoxError::from("the bank refuses"));
            }
            // At once: what stops on its way and arrives after another life has paid, no library can hold back.
            bank.pay(&self.name, attempt.key(), dedupes);
            line.call(async || 12).await.map_err(BoxError::from)
        });
        match paid.await {
            Ok(_) => bank.record(&self.name, sim.elapsed()),
            Err(StepError::Failed(failed)) => {
                if failed.live.is_some() {
                    bank.fail(&self.name);
                }
                return Err(StepError::Failed(failed).into());
            }
            Err(error) => return Err(error.into()),
        }
        Ok(true)
    }
}

type Said = (String, Option<[u64; 2]>);

fn usage_of((_, tokens): &Said) -> Option<UsageSnapshot> {
    tokens.map(|[input, output]| UsageSnapshot::new(input, output))
}
