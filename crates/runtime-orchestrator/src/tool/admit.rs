//! A tool before its call, which can still be refused.

use std::mem;

use runtime_events::AgentFailureClass;
use runtime_policy::{
    GuardrailStage, GuardrailSubject, GuardrailViolatedError, PermissionDeniedError, PreCheck,
};
use serde_json::Value;

use super::active::{ActiveTool, interruption};
use super::describe::{Call, ToolCall};
use crate::core::{Entry, Hold, interrupts};
use crate::error::ToolError;
use crate::parts::pace::Pace;
use crate::tell;
use crate::wait::{Interrupted, race};

/// An admitted tool before its guardrails. Dropping it means that it never ran.
pub(super) struct PendingTool<'s> {
    core: Hold<'s>,
    call: Call,
    args: Value,
    pace: Pace,
    /// True exactly while guardrails run.
    polling: bool,
    /// `None` once the tool has started or was refused.
    entry: Option<Entry<'s>>,
}

impl<'s> PendingTool<'s> {
    pub(super) fn admit(core: &Hold<'s>, tool: ToolCall) -> Result<Self, ToolError> {
        let entry = Some(Entry::of(core.clone(), true)?);
        let ToolCall { call, args, timeout } = tool;
        let (pace, polling) = (Pace::default(), false);
        let mut pending = Self { core: core.clone(), call, args, pace, polling, entry };
        if let Err(refused) = core.life.accepting() {
            return Err(pending.refuse(refused.into()));
        }
        match core.time.until(timeout.as_deref()) {
            Ok(until) => pending.pace = until.into(),
            Err(deadline) => return Err(pending.refuse(deadline.into())),
        }
        if let Some(permissions) = &core.setup.permissions {
            let role = &**core.role();
            let Call { name, .. } = &pending.call;
            let outcome = pending.call.authorize(permissions, role);
            tell::permission(&core.stream, name, &outcome);
            if !outcome.allowed {
                let denied = PermissionDeniedError::new(role, &**name, outcome);
                return Err(pending.refuse(denied.into()));
            }
        }
        Ok(pending)
    }

    /// Admits a tool, and has guardrails check its arguments inside the tool's time limit.
    pub(super) async fn checked(
        core: Hold<'s>,
        tool: ToolCall,
    ) -> Result<ActiveTool<'s>, ToolError> {
        let mut pending = Self::admit(&core, tool)?;
        let core = &*core;
        let Self { call, args, pace, polling, .. } = &mut pending;
        let check = PreCheck::new(core.role(), GuardrailSubject::Tool(&call.name), args);
        let guardrails = call.guardrails(&core.setup.guardrails);
        let mut checked = race(core, pace, polling, guardrails.check_pre_async(&check)).await;
        // The checks took of the tool's time, also if they never waited.
        if let (Ok(Ok(())), Some(by)) = (&checked, interrupts(core, pace)) {
            checked = Err(by);
        }
        pending.start(checked)
    }

    fn refuse(mut self, error: ToolError) -> ToolError {
        self.told(error.failure_class(), error.reason(), error.to_string());
        error
    }

    pub(super) fn start(
        mut self,
        checked: Result<Result<(), GuardrailViolatedError>, Interrupted>,
    ) -> Result<ActiveTool<'s>, ToolError> {
        if let Ok(checked) = &checked {
            let subject = GuardrailSubject::Tool(&self.call.name);
            if self.call.is_guarded(&self.core.setup.guardrails, GuardrailStage::Pre) {
                tell::guardrails(&self.core.stream, GuardrailStage::Pre, subject, checked);
            }
        }
        match checked {
            Ok(Ok(())) => {}
            Ok(Err(violation)) => return Err(self.refuse(violation.into())),
            Err(interrupted) => {
                let error = interruption(&self.call.name, interrupted, false);
                return Err(self.refuse(error));
            }
        }
        let Some(entry) = self.entry.take() else { unreachable!("a pending tool starts once") };
        let (call, pace) = (self.call.clone(), mem::take(&mut self.pace));
        Ok(ActiveTool::begin((call, mem::take(&mut self.args)), pace, entry))
    }

    fn told(&mut self, class: AgentFailureClass, reason: &'static str, detail: String) {
        if let Some(mut entry) = self.entry.take() {
            entry.stop_working();
            tell::tool_refused(&self.core.stream, &self.call.name, (class, reason, detail));
        }
    }
}

impl Drop for PendingTool<'_> {
    fn drop(&mut self) {
        if self.entry.is_none() {
            return;
        }
        if self.polling {
            self.core.life.note_panic();
            let detail = "a guardrail panicked before the tool ran".to_owned();
            self.told(AgentFailureClass::ToolError, "panicked", detail);
        } else {
            let detail = "the tool was dropped before it ran".to_owned();
            self.told(AgentFailureClass::Cancelled, "cancelled", detail);
        }
    }
}
