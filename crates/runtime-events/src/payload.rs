//! What each kind of event carries in its [`Data`](crate::Data): one struct per kind.
//!
//! A payload is a view in both directions. An emitter fills one and calls `data`; a reader calls `of`
//! with an event. Its fields are the keys, in the order in which they are written. What is not set is
//! not written: `None`, a count of zero that says so, `false`. Reading is lenient: what is missing, or
//! of another kind, is as if it were not set. Keys that a payload does not know stay in the event's
//! data, where they are.
//!
//! | event | payload |
//! |---|---|
//! | `agent.started`, `agent.completed`, `agent.failed` | [`SessionStarted`], [`SessionEnded`] |
//! | `agent.turn_*`, `agent.attempt_*` | [`TurnStarted`], [`TurnEnded`] |
//! | `agent.tool_called`, `agent.tool_completed` | [`ToolRun`] |
//! | `agent.blocked` | [`Refused`] |
//! | `agent.wait_*` | [`Wait`] |
//! | `agent.recovery.*` | [`Recovery`], [`ProviderSwitched`] |
//! | `agent.status_changed`, `agent.breaker_changed` | [`StatusChanged`], [`BreakerChanged`] |
//! | `agent.budget_mark`, and `agent.failed` for a budget | [`MarkCrossed`], [`BudgetExceeded`] |
//! | `agent.guardrail_checked` | [`GuardrailChecked`] |
//! | `agent.permission_checked` | [`PermissionChecked`] |
//! | `agent.policy_decided` | [`PolicyDecided`] |
//! | `phase.gate_*` | [`GateEvaluated`] |
//! | `agent.handed_over` | [`HandedOver`] |
//! | `agent.content_captured` | [`ContentCaptured`] |
//! | `thread.resumed`, `tool.in_doubt`, `tool.reconciled`, `approval.*`, `journal.fenced` | [`DurableStep`] |
//! | `fleet.*` | [`FleetReach`] |
//! | `log.*` | [`LogRecord`] |
//!
//! `agent.paused` and `agent.resumed` carry nothing: their detail is the prompt, and how it ended.
//!
//! Amounts are in US dollars, times in seconds, tokens in single ones. A later version may add fields:
//! end a literal with `..Default::default()`.
//!
//! ```
//! use runtime_events::payload::{TurnEnded, Word};
//! use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Clock, ManualClock};
//!
//! let ended = TurnEnded {
//!     model: Some(Word::Literal("gpt-5")),
//!     input_tokens: Some(200),
//!     cache_read_tokens: 1_000,
//!     ..TurnEnded::default()
//! };
//! let (name, status) = (AgentEventName::TurnCompleted, AgentEventStatus::Completed);
//! let event = AgentEvent::new(name, status, ManualClock::new().utc_now()).with_data(ended.data());
//! assert!(event.to_json().ends_with(
//!     r#""data":{"model":"gpt-5","input_tokens":200,"cache_read_tokens":1000}}"#
//! ));
//!
//! let read = TurnEnded::of(&event);
//! assert_eq!(read, ended);
//! assert_eq!(read.total_input(), 1_200, "cached input is input");
//! ```

use crate::event::AgentEvent;

/// Declares a payload: a struct whose fields are keys, how it is written, and how it is read.
macro_rules! payload {
    (
        $(#[$meta:meta])*
        pub struct $name:ident<$e:lifetime> {
            $( $(#[$field_meta:meta])* $field:ident: $type:ty = $key:literal, )+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq)]
        #[expect(
            clippy::exhaustive_structs,
            reason = "emitters write literals, which end in `..Default::default()`"
        )]
        pub struct $name<$e> {
            $( $(#[$field_meta])* pub $field: $type, )+
        }

        impl<$e> $name<$e> {
            /// The pairs that are set, in the order of the fields.
            pub fn data(&self) -> $crate::Data {
                // Of a few keys, often one is set or none, which needs no memory.
                if [$($key,)+].len() < 8 {
                    let mut data = $crate::Data::new();
                    self.each(|key, fact| data.push(key.into(), fact));
                    return data;
                }
                let mut pairs = ::std::vec::Vec::with_capacity(8);
                self.each(|key, fact| $crate::data::add(&mut pairs, key, fact));
                $crate::Data::of(pairs)
            }

            /// Sets the pairs that are set in `data`, which may hold others.
            pub fn write(&self, data: &mut $crate::Data) {
                self.each(|key, fact| drop(data.insert(key, fact)));
            }

            #[inline]
            fn each(&self, mut set: impl FnMut(&'static str, $crate::Fact)) {
                $( if let Some(fact) = $crate::payload::field::Field::fact(&self.$field) {
                    set($key, fact);
                } )+
            }

            /// What `event` carries.
            pub fn of(event: &$e $crate::AgentEvent) -> Self {
                event.data.as_ref().map(Self::read).unwrap_or_default()
            }

            /// What `data` holds.
            pub fn read(data: &$e $crate::Data) -> Self {
                Self::collect(data.iter().map(|(key, fact)| (key, fact.into())))
            }

            /// What a JSON object holds.
            pub fn read_json(object: &$e ::serde_json::Map<String, ::serde_json::Value>) -> Self {
                Self::collect(object.iter().map(|(key, value)| (key.as_str(), value.into())))
            }

            fn collect(
                pairs: impl Iterator<Item = (&$e str, $crate::payload::field::Source<$e>)>,
            ) -> Self {
                let mut held = Self::default();
                for (key, source) in pairs {
                    match key {
                        $( $key => held.$field = $crate::payload::field::Field::of(source), )+
                        _ => {}
                    }
                }
                held
            }
        }
    };
}

/// What an event is about: the tool, the provider, the model, what is waited for, the role that takes
/// over, the breaker, the budget. The first of them that it names.
pub fn subject(event: &AgentEvent) -> Option<&str> {
    const NAMES: [&str; 9] = [
        "tool",
        "provider",
        "model",
        "for",
        "content",
        "guardrail",
        "target_role",
        "breaker",
        "account",
    ];
    let data = event.data.as_ref()?;
    NAMES.into_iter().find_map(|name| data.get(name)?.as_str())
}

mod decision;
mod field;
mod fleet;
mod log;
mod money;
mod recovery;
mod session;
mod turn;

pub use self::{
    decision::{GateEvaluated, GuardrailChecked, PermissionChecked, PolicyDecided, Refused},
    field::{Any, Word, Words},
    fleet::FleetReach,
    log::{LogRecord, Loss},
    money::{BudgetExceeded, MarkCrossed, Statement},
    recovery::{BreakerChanged, ProviderSwitched, Recovery, Rest},
    session::{
        ContentCaptured, DurableStep, HandedOver, SessionEnded, SessionStarted, StatusChanged,
    },
    turn::{ToolRun, TurnEnded, TurnStarted, Wait},
};
