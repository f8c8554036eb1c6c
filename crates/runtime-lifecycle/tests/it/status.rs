//! The transition table.

use runtime_lifecycle::AgentStatus::{
    self, Cancelled, Completed, Failed, Idle, Initializing, Running, WaitingForInput,
};
use runtime_lifecycle::{AgentWorker, InvalidTransitionError};

use crate::worker::{at, walked_to};

/// The allowed transitions. All others are not allowed.
const TABLE: &[(AgentStatus, &[AgentStatus])] = &[
    (Idle, &[Initializing, Failed, Cancelled]),
    (Initializing, &[WaitingForInput, Running, Failed, Cancelled]),
    (WaitingForInput, &[Running, Failed, Cancelled]),
    (Running, &[WaitingForInput, Completed, Failed, Cancelled]),
    (Completed, &[]),
    (Failed, &[]),
    (Cancelled, &[]),
];

#[test]
fn transitions_match_the_table() {
    assert_eq!(TABLE.len(), AgentStatus::ALL.len());
    for &(from, allowed) in TABLE {
        for &to in AgentStatus::ALL {
            assert_eq!(from.can_become(to), allowed.contains(&to), "{from} → {to}");

            let before = walked_to(from);
            let mut worker = before.clone();
            let moved = worker.transition(to, Some("why"), at(99)).cloned();
            if allowed.contains(&to) {
                assert_eq!(moved.map(|event| event.status), Ok(to));
                assert_eq!(worker.status(), to);
            } else {
                let error = moved.unwrap_err();
                assert_eq!((error.current, error.target), (from, to));
                assert_eq!(error.to_string(), format!("Invalid transition: {from} → {to}"));
                assert_eq!(worker, before, "a refused transition changed something");
            }
        }
    }
}

#[test]
fn terminal_states_have_no_successor() {
    for &(from, allowed) in TABLE {
        assert_eq!(from.is_terminal(), allowed.is_empty(), "{from}");
    }
}

#[test]
fn states_are_words_on_the_wire() {
    assert_eq!(serde_json::to_string(&WaitingForInput).unwrap(), r#""waiting_for_input""#);
    assert_eq!("cancelled".parse(), Ok(Cancelled));
    let error = "asleep".parse::<AgentStatus>().unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("unknown agent status `asleep`, expected `idle`, "), "{text}");
}

const fn shared<T: Send + Sync + 'static>() {}
const _: () = shared::<InvalidTransitionError>();
const _: () = shared::<AgentWorker>();
