//! Guardrails around a turn: the prompt before the call, the answer after it.

use std::sync::Arc;

use runtime_policy::{GuardrailStage, GuardrailViolatedError};
use runtime_policy::{GuardrailSubject, PostCheck, PreCheck};
use runtime_resilience::without_keys;
use runtime_usage::ReportedUsage;
use serde_json::Value;

use crate::capture::Content;
use crate::error::{BoxError, TurnError};
use crate::log::log;
use crate::tell;
use crate::turn::active::ActiveTurn;
use crate::turn::describe::Turn;

type Checked = Result<(), GuardrailViolatedError>;

/// An answer as guardrails see it.
pub(crate) struct Review {
    input: Value,
    output: serde_json::Result<Value>,
}

impl ActiveTurn<'_> {
    pub(crate) async fn check_input(&mut self, input: &Value) -> Result<(), TurnError> {
        self.keep(Content::Prompt, input);
        let (core, model) = (self.core(), Arc::clone(self.model()));
        if !core.guards(GuardrailStage::Pre) {
            return Ok(());
        }
        let check = PreCheck::new(core.role(), turn_of(&model), input);
        let checked = self.step(core.setup.guardrails.check_pre_async(&check)).await?;
        tell::guardrails(&core.stream, GuardrailStage::Pre, turn_of(&model), &checked);
        self.judge_input(checked)
    }

    /// The call has returned `value`: the breaker and the bill know of it, whatever guardrails
    /// say next. Returns its usage, and what is to be looked at, if anything.
    ///
    /// The breaker first: reading the answer is the caller's code, and its panic is not the
    /// provider's.
    pub(crate) fn returned<T>(
        &mut self,
        value: &T,
        turn: Turn<T>,
    ) -> (Option<ReportedUsage>, Option<Review>) {
        self.call_succeeded();
        let Turn { spec, reading, shown } = turn;
        let usage = self.flagged(|| reading.usage(value));
        let usage = usage.and_then(|read| self.read(read));
        let guards = self.core().guards(GuardrailStage::Post);
        let Some(shown) = shown.filter(|_| guards || self.core().captures()) else {
            return (usage, None);
        };
        let output = self.flagged(|| shown(value));
        if let Ok(output) = &output {
            self.keep(Content::Answer, output);
        }
        let input = spec.prompt.map(|prompt| *prompt).unwrap_or_default();
        (usage, guards.then_some(Review { input, output }))
    }

    /// The usage that was read. A reader that failed costs nobody the answer.
    fn read(&self, read: Result<ReportedUsage, BoxError>) -> Option<ReportedUsage> {
        let error = match read {
            Ok(usage) => return Some(usage),
            Err(error) => error,
        };
        let core = self.core();
        log!(warn, session = %core.session_id(), model = %self.model(), error = %without_keys(&error.to_string()), "the usage of an answer could not be read; it is billed by what it reserved");
        None
    }

    pub(crate) async fn check_output(&mut self, review: &Review) -> Result<(), TurnError> {
        let (core, model) = (self.core(), Arc::clone(self.model()));
        let checked = match review.subject(core.role(), &model) {
            Ok(check) => self.step(core.setup.guardrails.check_post_async(&check)).await?,
            Err(violation) => Err(violation),
        };
        tell::guardrails(&core.stream, GuardrailStage::Post, turn_of(&model), &checked);
        self.judge_output(checked)
    }

    fn judge_input(&mut self, checked: Checked) -> Result<(), TurnError> {
        checked.map_err(|violation| {
            self.rejected(&violation);
            violation.into()
        })
    }

    fn judge_output(&mut self, checked: Checked) -> Result<(), TurnError> {
        checked.map_err(|violation| {
            self.withheld(&violation);
            violation.into()
        })
    }
}

impl Review {
    /// What is to be checked. An answer that is not JSON cannot be, and is withheld.
    fn subject<'a>(
        &'a self,
        role: &'a str,
        model: &'a str,
    ) -> Result<PostCheck<'a>, GuardrailViolatedError> {
        match &self.output {
            Ok(output) => Ok(PostCheck::new(role, turn_of(model), &self.input, output)),
            Err(error) => Err(GuardrailViolatedError::unserializable(role, turn_of(model), error)),
        }
    }
}

const fn turn_of(model: &str) -> GuardrailSubject<'_> {
    GuardrailSubject::Turn { model }
}
