//! [`PolicyAction`]: the actions that rules recommend.

use runtime_events::wire_names;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

wire_names! {
    /// An action that a rule can recommend. The caller decides whether to take it.
    #[non_exhaustive]
    pub enum PolicyAction: "policy action" {
        /// Go on to the next phase.
        AdvancePhase = "advance_phase",
        /// Run the failed agent again.
        RetryAgent = "retry_agent",
        /// Run the whole phase again.
        RetryPhase = "retry_phase",
        /// Run one recovery.
        RecoverOnce = "recover_once",
        /// Ask a person or another system.
        Escalate = "escalate",
        /// Keep the feedback of the gate for the next attempt.
        StoreGateFeedback = "store_gate_feedback",
        /// Hand over to another agent.
        GenerateHandoff = "generate_handoff",
        /// Send a notification.
        Notify = "notify",
        /// Abort the phase.
        AbortPhase = "abort_phase",
    }
}

/// An action with its parameters. The caller defines what they mean.
///
/// ```
/// use runtime_policy::{PolicyAction, PolicyActionData};
///
/// let action = PolicyActionData::new(PolicyAction::RetryAgent).param("role", "writer");
/// assert_eq!(
///     serde_json::to_string(&action)?,
///     r#"{"action":"retry_agent","params":{"role":"writer"}}"#,
/// );
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct PolicyActionData {
    /// The action.
    pub action: PolicyAction,
    /// The parameters. Left out of the JSON if there are none.
    #[serde(default, skip_serializing_if = "no_params")]
    pub params: Option<Map<String, Value>>,
}

impl PolicyActionData {
    /// Creates an action without parameters.
    pub const fn new(action: PolicyAction) -> Self {
        Self { action, params: None }
    }

    /// Sets one parameter.
    #[must_use]
    pub fn param(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.params.get_or_insert_default().insert(key.into(), value.into());
        self
    }
}

impl From<PolicyAction> for PolicyActionData {
    fn from(action: PolicyAction) -> Self {
        Self::new(action)
    }
}

#[expect(clippy::ref_option, reason = "serde hands out references")]
fn no_params(params: &Option<Map<String, Value>>) -> bool {
    params.as_ref().is_none_or(Map::is_empty)
}
