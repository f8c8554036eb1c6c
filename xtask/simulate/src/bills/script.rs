//! What a model does in one call, drawn beforehand.

use std::future::pending;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use runtime_events::Sleeper;
use runtime_policy::{
    AsyncGuardrail, GuardrailFuture, GuardrailOutcome, GuardrailStage, PostCheck, PreCheck,
};
use runtime_resilience::{FaultError, FaultKind, Reach};
use runtime_testkit::simulation::SimTime;
use runtime_usage::{ReportedUsage, UsageSnapshot, Usd};
use serde_json::{Value, json};

use super::known::{Known, Metered};
use crate::draw::one_of;

/// A call: its tokens come after these times, and then its end.
#[derive(Clone)]
pub(super) struct Script {
    pub(super) gaps: Vec<Duration>,
    /// Whether the usage so far comes with each token.
    pub(super) metered: bool,
    end: End,
    usage: UsageSnapshot,
}

#[derive(Clone, Copy)]
enum End {
    Answer {
        counted: bool,
        cost: Option<u64>,
        wrong: bool,
    },
    Fails(Reach, Option<Duration>),
    /// Nothing more is heard.
    Hangs,
}

impl Script {
    pub(super) fn draw(rng: &mut Rng, rests: bool) -> Self {
        // Times that end in 3 never meet a time limit, which ends in 0.
        let gap = |rng: &mut Rng| Duration::from_millis(10 * rng.u64(..250) + 3);
        let gaps = (0..rng.usize(1..6)).map(|_| gap(rng)).collect();
        let end = match rng.u8(..10) {
            0..5 => End::Answer {
                counted: rng.u8(..4) > 0,
                cost: (rng.u8(..4) == 0).then(|| rng.u64(..40_000_000)),
                wrong: rng.u8(..4) == 0,
            },
            5..9 => {
                let all = [Reach::NotSent, Reach::Refused, Reach::Failed, Reach::Unknown];
                let asked = rests.then(|| Duration::from_millis(rng.u64(1..6_000)));
                End::Fails(one_of(rng, &all), asked)
            }
            _ => End::Hangs,
        };
        let usage = UsageSnapshot::new(rng.u64(1..=350), rng.u64(1..=150));
        Self { gaps, metered: rng.u8(..3) == 0, end, usage }
    }

    /// The usage after so many of its tokens.
    pub(super) fn usage_after(&self, tokens: usize) -> UsageSnapshot {
        let part = self.usage.output_tokens * tokens as u64 / self.gaps.len() as u64;
        UsageSnapshot::new(self.usage.input_tokens, part)
    }

    /// The end of the call, once all tokens have come.
    pub(super) async fn end(&self, metered: Metered) -> Result<Value, FaultError> {
        match self.end {
            End::Answer { counted, cost, wrong } => {
                let UsageSnapshot { input_tokens, output_tokens, .. } = self.usage;
                let usage = counted.then_some(self.usage);
                let cost = cost.filter(|_| counted);
                metered.answered(usage, cost.map(Usd::from_nanos));
                let usage = usage.map(|_| [input_tokens, output_tokens]);
                Ok(json!({ "usage": usage, "cost": cost, "wrong": wrong }))
            }
            End::Fails(reach, asked) => {
                metered.failed(reach);
                let kind = if reach == Reach::Failed || reach == Reach::Refused {
                    FaultKind::Overload
                } else {
                    FaultKind::Network
                };
                let mut failed = FaultError::of(kind, "it fails");
                (failed.fault.reach, failed.fault.asked) = (reach, asked);
                Err(failed)
            }
            End::Hangs => {
                let _metered = metered;
                pending().await
            }
        }
    }

    /// The whole call.
    pub(super) async fn made(
        self,
        known: Rc<Known>,
        (admitted, reserved): (Duration, Usd),
        told: impl Fn(Option<UsageSnapshot>),
    ) -> Result<Value, FaultError> {
        let mut metered = known.begin(admitted, reserved);
        for (number, gap) in (1..).zip(&self.gaps) {
            known.sim.sleep(*gap).await;
            let usage = self.metered.then(|| self.usage_after(number));
            if let Some(usage) = usage {
                metered.observe(usage);
            }
            told(usage);
        }
        self.end(metered).await
    }
}

/// The usage that an answer tells.
pub(super) fn usage_of(answer: &Value) -> Option<ReportedUsage> {
    let usage = answer.get("usage")?;
    let usage = ReportedUsage::from(UsageSnapshot::new(usage[0].as_u64()?, usage[1].as_u64()?));
    Some(match answer["cost"].as_u64() {
        Some(cost) => usage.cost(Usd::from_nanos(cost)),
        None => usage,
    })
}

/// A prompt: how long it is looked at, and whether it is objected to.
pub(super) fn prompt(takes: Duration, wrong: bool) -> Value {
    json!({ "takes": u64::try_from(takes.as_millis()).unwrap_or(0), "wrong": wrong })
}

/// Objects to what is wrong, after a while.
pub(super) struct Guard(pub(super) SimTime);

impl Guard {
    fn look<'a>(&'a self, at: &Value, looked_at: &Value) -> GuardrailFuture<'a> {
        let takes = Duration::from_millis(at["takes"].as_u64().unwrap_or(0));
        let wrong = looked_at["wrong"].as_bool() == Some(true);
        Box::pin(async move {
            self.0.sleep(takes).await;
            if wrong { GuardrailOutcome::deny("it is wrong") } else { GuardrailOutcome::allow() }
        })
    }
}

impl AsyncGuardrail for Guard {
    fn name(&self) -> &'static str {
        "guard"
    }

    fn checks(&self, _: GuardrailStage) -> bool {
        true
    }

    fn check_pre<'a>(&'a self, check: &'a PreCheck<'a>) -> GuardrailFuture<'a> {
        self.look(check.arguments, check.arguments)
    }

    fn check_post<'a>(&'a self, check: &'a PostCheck<'a>) -> GuardrailFuture<'a> {
        self.look(check.arguments, check.result)
    }
}
