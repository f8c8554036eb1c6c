//! Guardrails around a turn: for the prompt before the call, for the answer after it.

use std::sync::Arc;

use runtime_policy::{GuardrailStage, GuardrailViolatedError};
use runtime_policy::{GuardrailSubject, PostCheck, PreCheck};
use runtime_usage::ReportedUsage;
use serde::Serialize;
use serde_json::Value;

use crate::capture::Content;
use crate::core::Core;
use crate::error::{BoxError, TurnError, text_of};
use crate::log::log;
use crate::tell;
use crate::turn::active::{ActiveTurn, Answer, in_time};
use crate::turn::describe::ReplyReader;

/// An answer for guardrails.
pub(crate) struct Review {
    input: Value,
    output: serde_json::Result<Value>,
}

/// Has guardrails check the prompt.
pub(crate) async fn check_input(turn: &mut ActiveTurn<'_>, input: &Value) -> Result<(), TurnError> {
    keep(turn, Content::Prompt, input);
    let (core, model) = (turn.core.clone(), Arc::clone(&turn.model));
    if !core.guards(GuardrailStage::Pre) {
        return Ok(());
    }
    let check = PreCheck::new(core.role(), turn_of(&model), input);
    let checked = turn.step(core.setup.guardrails.check_pre_async(&check)).await?;
    judge(turn, GuardrailStage::Pre, checked)?;
    // The checks took of the turn's time, also if they never waited.
    in_time(turn)
}

/// Reads the usage of an answer, and converts the answer for guardrails if they check it.
///
/// The breaker counts the success first: the readers are the caller's code, and a panic in them is
/// not a failure of the provider.
#[inline]
pub(crate) fn read<T>(
    active: &mut ActiveTurn<'_>,
    value: &T,
    reader: ReplyReader<T>,
) -> (Option<ReportedUsage>, Option<Box<Review>>) {
    active.call_succeeded();
    let ReplyReader { prompt, reading, shown } = reader;
    let usage = active.flagged(|| reading.usage(value));
    let usage = match usage {
        Some(Ok(usage)) => Some(usage),
        Some(Err(error)) => unread(active, &error),
        None => None,
    };
    let Some(shown) = shown else { return (usage, None) };
    let guards = active.core.guards(GuardrailStage::Post);
    if !guards && !active.core.captures() {
        return (usage, None);
    }
    let output = active.flagged(|| shown(value));
    if let Ok(output) = &output {
        keep(active, Content::Answer, output);
    }
    let input = prompt.map(|prompt| *prompt).unwrap_or_default();
    (usage, guards.then(|| Box::new(Review { input, output })))
}

/// Has guardrails check the answer.
pub(crate) async fn check_output(
    turn: &mut ActiveTurn<'_>,
    review: &Review,
) -> Result<(), TurnError> {
    let (core, model) = (turn.core.clone(), Arc::clone(&turn.model));
    let checked = match review.subject(core.role(), &model) {
        Ok(check) => turn.step(core.setup.guardrails.check_post_async(&check)).await?,
        Err(violation) => Err(violation),
    };
    judge(turn, GuardrailStage::Post, checked)
}

impl<T> ReplyReader<T> {
    /// Ends an answered turn as [`run_turn`](crate::OrchestrationSession::run_turn) does: reads the usage
    /// of the reply, has guardrails check it, and settles.
    ///
    /// # Errors
    ///
    /// [`TurnError`] if a guardrail rejects the reply, or the session ends meanwhile.
    pub async fn finish(self, mut turn: ActiveTurn<'_>, value: T) -> Result<Answer<T>, TurnError> {
        let (usage, review) = read(&mut turn, &value, self);
        let Some(review) = review else { return Ok(turn.answer(value, usage.as_ref())) };
        turn.observed_to_be(usage);
        Box::pin(check_output(&mut turn, &review)).await?;
        Ok(turn.answer(value, None))
    }
}

impl ActiveTurn<'_> {
    /// Captures the answer of a stream, if the session [captures](crate::Capture) content. No guardrail
    /// sees it.
    ///
    /// It is the caller who knows what the parts of a stream are together. To be called before the turn is
    /// settled.
    pub fn capture_answer(&mut self, answer: &impl Serialize) {
        if self.core.captures()
            && let Ok(answer) = self.flagged(|| serde_json::to_value(answer))
        {
            keep(self, Content::Answer, &answer);
        }
    }
}

/// A failed reader does not cost the answer.
#[cold]
fn unread(turn: &ActiveTurn<'_>, error: &BoxError) -> Option<ReportedUsage> {
    log!(warn, session = %turn.core.session_id(), model = %turn.model, error = %text_of(&**error), "cannot read the usage of an answer; its reservation is billed");
    None
}

fn judge(
    turn: &mut ActiveTurn<'_>,
    stage: GuardrailStage,
    checked: Result<(), GuardrailViolatedError>,
) -> Result<(), TurnError> {
    tell::guardrails(&turn.core.stream, stage, turn_of(&turn.model), &checked);
    checked.map_err(|violation| {
        turn.objected(&violation);
        violation.into()
    })
}

/// Captures a content on request.
fn keep(turn: &ActiveTurn<'_>, content: Content, value: &Value) {
    let Core { stream, setup, .. } = &*turn.core;
    let event = |name, status| turn.part.event(stream, name, status, turn.span);
    tell::content(stream, setup.telemetry.capture.as_ref(), (content, value), event);
}

impl Review {
    /// The check of the answer. An answer that does not convert to JSON is withheld.
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
