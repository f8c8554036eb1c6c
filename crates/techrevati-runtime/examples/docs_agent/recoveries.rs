//! The recoveries of failed calls, from the events of a session.

use std::sync::Arc;

use techrevati_runtime::events::payload::{self, TurnStarted, Word, Words};
use techrevati_runtime::events::{AgentEvent, AgentEventName, SpanId};

/// One failure of a turn's call, and its result.
#[derive(Debug, Default)]
pub(crate) struct Recovery {
    /// The number of the turn in its session, from 1.
    pub(crate) turn: usize,
    /// The numbers of the failed attempt and the next one.
    pub(crate) attempts: (u64, Option<u64>),
    /// Their routes.
    pub(crate) route: (String, Option<String>),
    pub(crate) plan: Plan,
    /// The end of the next attempt; empty until it has ended.
    pub(crate) outcome: String,
    span: Option<SpanId>,
}

/// The facts of a recovery event: the failure and the reaction.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The fault, with its status if it was a reply.
    pub(crate) fault: String,
    pub(crate) scenario: String,
    pub(crate) steps: Vec<String>,
    /// The wait before the next attempt, and its reason.
    pub(crate) wait: Option<String>,
}

impl Plan {
    pub(crate) fn of(event: &AgentEvent) -> Self {
        let told = payload::Recovery::of(event);
        let text = |word: Option<Word<'_>>| word.map_or("", Word::as_str).to_owned();
        let mut fault = text(told.fault).replace('_', " ");
        let status = told.http_status.map(|status| status.to_string());
        let phase = told.phase.map(|phase| phase.as_str().replace('_', " "));
        for part in [status, phase].into_iter().flatten() {
            fault = format!("{fault} ({part})");
        }
        let wait = told.wait_seconds.map(|wait| match told.asked_seconds {
            Some(asked) => format!("{wait:.2} s (Retry-After: {asked} s)"),
            None => format!("{wait:.2} s back-off"),
        });
        let steps = told.steps.into_iter().flat_map(Words::iter);
        // Without another attempt, the escalation policy of the recipe.
        let steps = steps.chain(told.policy.map(Word::as_str));
        let steps = steps.map(str::to_owned).collect();
        Self { fault, scenario: text(told.scenario), steps, wait }
    }
}

/// The recoveries of one session, in order.
pub(crate) fn of(events: &[Arc<AgentEvent>]) -> Vec<Recovery> {
    let (mut turns, mut rows) = (Vec::new(), Vec::<Recovery>::new());
    let mut failed = (0, String::new());
    for event in events {
        match event.event {
            AgentEventName::TurnStarted => turns.push(event.span),
            AgentEventName::AttemptFailed => {
                failed = (number(event), provider(event).unwrap_or_default().to_owned());
            }
            AgentEventName::RecoveryAttempted | AgentEventName::RecoveryEscalated => {
                let (attempt, from) = failed.clone();
                let given_up = event.event == AgentEventName::RecoveryEscalated;
                rows.push(Recovery {
                    turn: turns.iter().position(|turn| *turn == event.span).map_or(0, |at| at + 1),
                    attempts: (attempt, None),
                    route: (from, None),
                    plan: Plan::of(event),
                    outcome: if given_up { "given up".into() } else { String::new() },
                    span: event.span,
                });
            }
            // Spans below a turn are its attempts.
            AgentEventName::AttemptStarted => {
                if let Some(row) = open(&mut rows, event.parent) {
                    row.attempts.1 = Some(number(event));
                    row.route.1 = provider(event).map(str::to_owned);
                }
            }
            AgentEventName::RecoverySucceeded => close(&mut rows, event, "answered"),
            AgentEventName::RecoveryFailed => close(&mut rows, event, "failed again"),
            _ => {}
        }
    }
    rows
}

/// The route of an attempt.
pub(crate) fn provider(event: &AgentEvent) -> Option<&str> {
    TurnStarted::of(event).provider.map(Word::as_str)
}

/// The recovery of a running turn.
fn open(rows: &mut [Recovery], turn: Option<SpanId>) -> Option<&mut Recovery> {
    rows.iter_mut().rfind(|row| row.span == turn && row.outcome.is_empty())
}

fn close(rows: &mut [Recovery], event: &AgentEvent, outcome: &str) {
    if let Some(row) = open(rows, event.span) {
        row.outcome = outcome.into();
    }
}

fn number(event: &AgentEvent) -> u64 {
    TurnStarted::of(event).attempt.unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use techrevati_runtime::events::{FailureScenario, ManualClock};
    use techrevati_runtime::orchestrator::{Orchestrator, RecoveryConfig, Turn};
    use techrevati_runtime::resilience::{
        Backoff, FaultError, JitterMode, Provider, Route, Routes,
    };

    use super::*;

    fn refused(status: u16, headers: &[(&str, &str)]) -> FaultError {
        let now = techrevati_runtime::events::Clock::utc_now(&ManualClock::new());
        FaultError::from_response(Provider::Other, status, headers, b"", now)
    }

    fn orchestrator() -> Orchestrator {
        Orchestrator::new("writer", "draft").time(ManualClock::skipping()).recovery(
            RecoveryConfig::default()
                .backoff(Backoff::default().jitter(JitterMode::None))
                .routes(Routes::ordered(["one", "two"].map(|provider| Route::new(provider, "m")))),
        )
    }

    #[test]
    fn each_failure_is_a_row_with_its_result() {
        let session = orchestrator().session().unwrap();
        session
            .blocking()
            .run_turn_recovering(Turn::model("m"), |_| Ok::<_, FaultError>(()))
            .unwrap();
        let answer = session
            .blocking()
            .run_turn_recovering(Turn::model("m"), |attempt| match attempt.number() {
                1 => Err(refused(503, &[])),
                2 => Err(refused(429, &[("retry-after", "5")])),
                _ => Ok(()),
            })
            .unwrap();
        assert_eq!(answer.attempts, 3);

        let rows = of(&session.summary().agent_events);
        let [first, second] = &rows[..] else { panic!("{rows:?}") };
        assert_eq!(
            (first.turn, first.attempts, &*first.outcome),
            (2, (1, Some(2)), "failed again")
        );
        assert_eq!(first.route, ("one".into(), Some("two".into())));
        assert_eq!((&*first.plan.fault, &first.plan.wait), ("overload (503)", &None));
        assert_eq!((second.turn, second.attempts, &*second.outcome), (2, (2, Some(3)), "answered"));
        assert_eq!(second.route, ("two".into(), Some("two".into())));
        assert_eq!(second.plan.steps, ["retry_with_backoff"]);
        assert_eq!(second.plan.scenario, FailureScenario::LlmError.as_str());
        assert_eq!(second.plan.wait.as_deref(), Some("6.00 s (Retry-After: 5 s)"));
    }

    #[test]
    fn given_up_failure_is_a_row() {
        let session = orchestrator().session().unwrap();
        let failed = session
            .blocking()
            .run_turn_recovering(Turn::model("m"), |_| Err::<(), _>(refused(404, &[])));
        assert!(failed.is_err());
        let rows = of(&session.summary().agent_events);
        let last = rows.last().unwrap();
        assert_eq!((last.turn, &*last.outcome), (1, "given up"));
        assert_eq!(last.plan.fault, "request (404)");
        assert_eq!(last.attempts.1, None);
    }
}
