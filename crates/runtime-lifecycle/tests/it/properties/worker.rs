//! The worker, compared with a list of all transitions.

use std::num::NonZeroUsize;

use proptest::prelude::*;
use runtime_lifecycle::AgentStatus;

use crate::worker::{at, idle};

type Step = (AgentStatus, Option<&'static str>);

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Only pausing and resuming make a long history, so they are drawn more often.
    let state = prop_oneof![
        6 => Just(AgentStatus::WaitingForInput),
        6 => Just(AgentStatus::Running),
        2 => Just(AgentStatus::Initializing),
        1 => proptest::sample::select(AgentStatus::ALL),
    ];
    let detail = proptest::sample::select(vec![None, Some(""), Some("why")]);
    proptest::collection::vec((state, detail), 0..60)
}

proptest! {
    #[test]
    fn worker_agrees_with_a_naive_model(steps in steps(), history in 1_usize..8) {
        let history = NonZeroUsize::new(history).unwrap();
        let mut worker = idle().with_history(history);
        let (mut status, mut happened, mut error) = (AgentStatus::Idle, Vec::new(), None);

        for (&(to, detail), second) in steps.iter().zip(1..) {
            let before = worker.clone();
            let moved = worker.transition(to, detail, at(second)).is_ok();
            prop_assert_eq!(moved, status.can_become(to));
            if moved {
                status = to;
                let detail = detail.filter(|text| !text.is_empty());
                happened.push((happened.len() as u64 + 1, to, detail, at(second)));
                if to == AgentStatus::Failed {
                    error = detail;
                }
            } else {
                prop_assert_eq!(&worker, &before, "a refused step changed something");
            }

            prop_assert_eq!(worker.status(), status);
            prop_assert_eq!(worker.status().is_terminal(), status.is_terminal());
            prop_assert_eq!(worker.last_error().map(|error| &*error.message), error);
            prop_assert_eq!(worker.updated_at(), happened.last().map_or_else(|| at(0), |last| last.3));
            let kept = happened.len().min(history.get());
            prop_assert_eq!(worker.events_dropped(), (happened.len() - kept) as u64);
            let log: Vec<_> = worker
                .events()
                .map(|event| (event.seq, event.status, event.detail.as_deref(), event.timestamp))
                .collect();
            prop_assert_eq!(&log, &happened[happened.len() - kept..]);
            prop_assert!(worker.events().all(|event| event.kind == event.status));
        }

        // A worker that has not ended can be ended.
        let ends = worker.transition(AgentStatus::Cancelled, None, at(99)).is_ok();
        prop_assert_eq!(ends, !status.is_terminal());
        prop_assert!(worker.status().is_terminal());
    }
}
