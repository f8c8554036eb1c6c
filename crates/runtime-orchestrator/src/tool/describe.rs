//! The description of a tool call.

use std::fmt;
use std::sync::Arc;

use runtime_events::payload::{self, Word};
use runtime_policy::{
    GuardrailStage, Guardrails, PermissionMode, PermissionOutcome, PermissionPolicy,
};
use serde_json::Value;

use super::effect::Effect;
use crate::limits::Timeout;

/// The description of one tool call.
///
/// ```
/// use runtime_orchestrator::{Effect, ToolCall};
/// use serde_json::json;
///
/// let args = json!({ "query": "circuit breaker" });
/// let call = ToolCall::new("search").effect(Effect::Read).args(args);
/// # let _ = call;
/// ```
#[derive(Clone)]
#[must_use = "a tool call does nothing by itself; pass it to `run_tool`"]
pub struct ToolCall {
    pub(super) call: Call,
    pub(super) args: Value,
    pub(crate) timeout: Option<Box<Timeout>>,
}

/// A call without what is needed only to begin it.
#[derive(Clone)]
pub(super) struct Call {
    pub(super) name: Arc<str>,
    terms: Option<Arc<Terms>>,
}

/// What most calls leave out.
#[derive(Clone, Default)]
struct Terms {
    id: Option<Arc<str>>,
    effect: Option<Effect>,
    requires: Option<PermissionMode>,
    guardrails: Guardrails,
}

impl ToolCall {
    /// Creates a call of the tool with this name, without arguments.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        let call = Call { name: name.into(), terms: None };
        Self { call, args: Value::Null, timeout: None }
    }

    /// Sets the id under which the model asked for the call. `agent.tool_called` has it.
    pub fn call_id(mut self, id: impl Into<Arc<str>>) -> Self {
        self.call.terms_mut().id = Some(id.into());
        self
    }

    /// Limits the duration of the call, from its admission.
    pub fn timeout(mut self, timeout: impl Into<Timeout>) -> Self {
        self.timeout = Some(Box::new(timeout.into()));
        self
    }

    /// Sets the arguments for guardrails. They are not sent to the tool.
    pub fn args(mut self, args: impl Into<Value>) -> Self {
        self.args = args.into();
        self
    }

    /// Sets what the call does to the world. `agent.tool_called` has it. Default:
    /// [`Effect::Irreversible`].
    pub fn effect(mut self, effect: Effect) -> Self {
        self.call.terms_mut().effect = Some(effect);
        self
    }

    /// Sets the mode that the call requires of its role. Of this and the requirement of the session's
    /// permissions, the stricter one counts. Default: [`PermissionMode::ReadOnly`].
    pub fn requires(mut self, mode: PermissionMode) -> Self {
        self.call.terms_mut().requires = Some(mode);
        self
    }

    /// Adds guardrails for this call, behind those of the session.
    pub fn guardrails(mut self, guardrails: &Guardrails) -> Self {
        let own = &mut self.call.terms_mut().guardrails;
        *own = std::mem::take(own).with_all(guardrails);
        self
    }

    /// The name of the tool.
    pub fn name(&self) -> &Arc<str> {
        &self.call.name
    }

    /// The arguments. Null without any.
    pub const fn arguments(&self) -> &Value {
        &self.args
    }

    /// The [id](Self::call_id) under which the model asked for the call.
    pub fn id(&self) -> Option<&Arc<str>> {
        self.call.terms.as_deref()?.id.as_ref()
    }

    /// The [effect](Self::effect) that was declared, or the default.
    pub fn declared_effect(&self) -> Effect {
        self.call.terms.as_deref().and_then(|terms| terms.effect).unwrap_or_default()
    }

    pub(crate) fn is_permitted(&self, permissions: &PermissionPolicy, role: &str) -> bool {
        self.call.authorize(permissions, role).allowed
    }
}

impl Call {
    /// Whether a role may make the call, and why.
    pub(super) fn authorize(
        &self,
        permissions: &PermissionPolicy,
        role: &str,
    ) -> PermissionOutcome {
        let required = self.terms.as_ref().and_then(|terms| terms.requires);
        let required = required.unwrap_or(PermissionMode::ReadOnly);
        permissions.authorize_requiring(role, &self.name, required)
    }

    fn terms_mut(&mut self) -> &mut Terms {
        Arc::make_mut(self.terms.get_or_insert_default())
    }

    /// Whether guardrails of the session or of the call check at this stage.
    pub(super) fn is_guarded(&self, session: &Guardrails, stage: GuardrailStage) -> bool {
        session.has_any(stage)
            || self.terms.as_ref().is_some_and(|terms| terms.guardrails.has_any(stage))
    }

    /// The guardrails of the session, and then those of the call.
    pub(super) fn guardrails(&self, session: &Guardrails) -> Guardrails {
        let session = session.clone();
        match &self.terms {
            Some(terms) => session.with_all(&terms.guardrails),
            None => session,
        }
    }

    /// What the event says that begins the call.
    pub(super) fn payload(&self) -> payload::ToolRun<'_> {
        let (id, effect) = match self.terms.as_deref() {
            Some(terms) => (terms.id.as_ref(), terms.effect),
            None => (None, None),
        };
        payload::ToolRun {
            tool: Some(Word::Shared(&self.name)),
            call_id: id.map(Word::Shared),
            effect: effect.map(|effect| Word::Literal(effect.as_str())),
        }
    }
}

impl From<&str> for ToolCall {
    fn from(name: &str) -> Self {
        Self::new(name)
    }
}

impl From<String> for ToolCall {
    fn from(name: String) -> Self {
        Self::new(name)
    }
}

/// Omits the arguments, which must not be logged.
impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, timeout, .. } = self;
        f.debug_struct("ToolCall")
            .field("name", &call.name)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}
