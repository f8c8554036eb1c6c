//! Guardrails around a turn: the prompt before the call, the answer after it.

use std::sync::Arc;

use runtime_policy::{
    GuardrailStage, GuardrailSubject, GuardrailViolatedError, PostCheck, PreCheck,
};
use serde_json::Value;

use crate::capture::Content;
use crate::error::TurnError;
use crate::session::active::ActiveTurn;
use crate::turn::{Reading, Shown};

type Checked = Result<(), GuardrailViolatedError>;

/// An answer as guardrails see it.
pub(crate) struct Review {
    input: Value,
    output: Option<Result<Value, serde_json::Error>>,
}

impl ActiveTurn<'_> {
    pub(crate) async fn check_input(&mut self, input: Option<&Value>) -> Result<(), TurnError> {
        self.keep(Content::Prompt, input);
        let Some(input) = input.filter(|_| self.core().guards(GuardrailStage::Pre)) else {
            return Ok(());
        };
        let (core, model) = (self.core(), Arc::clone(self.model()));
        let check = PreCheck::new(&core.setup.role, turn_of(&model), input);
        let checked = self.step(core.setup.guardrails.check_pre_async(&check)).await?;
        core.tell_guardrails(GuardrailStage::Pre, turn_of(&model), &checked);
        self.judge_input(checked)
    }

    pub(crate) fn check_input_blocking(&mut self, input: Option<&Value>) -> Result<(), TurnError> {
        self.keep(Content::Prompt, input);
        let Some(input) = input.filter(|_| self.core().guards(GuardrailStage::Pre)) else {
            return Ok(());
        };
        let (core, model) = (self.core(), Arc::clone(self.model()));
        let check = PreCheck::new(&core.setup.role, turn_of(&model), input);
        let checked = self.step_blocking(core.setup.guardrails.check_pre_async(&check))?;
        core.tell_guardrails(GuardrailStage::Pre, turn_of(&model), &checked);
        self.judge_input(checked)
    }

    /// The call has returned `value`: the breaker and the bill know of it, whatever guardrails
    /// say next.
    ///
    /// The breaker first: reading the answer is the caller's code, and its panic is not the
    /// provider's.
    pub(crate) fn returned<T, R: Reading<T>, G: Shown<T>>(
        &mut self,
        value: &T,
        reading: R,
        guard: &G,
    ) -> Review {
        self.call_succeeded();
        let usage = self.flagged(|| reading.usage(value));
        self.observed_to_be(usage);
        let guards = self.core().guards(GuardrailStage::Post);
        if !(guards || self.core().captures()) {
            return Review { input: Value::Null, output: None };
        }
        let output = self.flagged(|| guard.output(value));
        if let Some(Ok(output)) = &output {
            self.keep(Content::Answer, Some(output));
        }
        let input = guard.input().cloned().unwrap_or_default();
        Review { input, output: output.filter(|_| guards) }
    }

    pub(crate) async fn check_output(&mut self, review: &Review) -> Result<(), TurnError> {
        let (core, model) = (self.core(), Arc::clone(self.model()));
        let checked = match review.subject(&core.setup.role, &model) {
            Ok(None) => return Ok(()),
            Ok(Some(check)) => self.step(core.setup.guardrails.check_post_async(&check)).await?,
            Err(violation) => Err(violation),
        };
        core.tell_guardrails(GuardrailStage::Post, turn_of(&model), &checked);
        self.judge_output(checked)
    }

    pub(crate) fn check_output_blocking(&mut self, review: &Review) -> Result<(), TurnError> {
        let (core, model) = (self.core(), Arc::clone(self.model()));
        let checked = match review.subject(&core.setup.role, &model) {
            Ok(None) => return Ok(()),
            Ok(Some(check)) => {
                self.step_blocking(core.setup.guardrails.check_post_async(&check))?
            }
            Err(violation) => Err(violation),
        };
        core.tell_guardrails(GuardrailStage::Post, turn_of(&model), &checked);
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
    /// What is to be checked, if anything. An answer that is not JSON cannot be, and is withheld.
    fn subject<'a>(
        &'a self,
        role: &'a str,
        model: &'a str,
    ) -> Result<Option<PostCheck<'a>>, GuardrailViolatedError> {
        match &self.output {
            None => Ok(None),
            Some(Ok(output)) => Ok(Some(PostCheck::new(role, turn_of(model), &self.input, output))),
            Some(Err(error)) => {
                Err(GuardrailViolatedError::unserializable(role, turn_of(model), error))
            }
        }
    }
}

const fn turn_of(model: &str) -> GuardrailSubject<'_> {
    GuardrailSubject::Turn { model }
}
