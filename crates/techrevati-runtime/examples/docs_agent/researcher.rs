//! The researcher: reads, takes notes, and hands over when they suffice.

use serde_json::{Value, json};
use techrevati_runtime::orchestrator::OrchestrationSession;
use techrevati_runtime::policy::{
    PhaseContext, PolicyAction, PolicyActionData, PolicyCondition, PolicyEngine, PolicyRule,
    QualityLevel,
};
use techrevati_runtime::resilience::BoxError;
use techrevati_runtime::usage::Usd;

use crate::desk::Desk;
use crate::notes::{self, FORMAT, Note};
use crate::steps::Steps;
use crate::wire::Message;

/// Its role, for permissions and events.
pub(crate) const ROLE: &str = "researcher";
/// The maximum number of rounds of notes.
const ROUNDS: usize = 3;
/// Its offered tools. Writing is refused.
const TOOLS: &[&str] = &["list_files", "search", "read_file", "write_file"];

/// The researcher gives up without a handover.
#[derive(Debug, thiserror::Error)]
#[error("no answer from `{folder}`: {reason}")]
pub(crate) struct GaveUp {
    folder: String,
    reason: String,
}

/// The requirement for its notes: more than one document, if there are several.
pub(crate) const fn required(documents: usize) -> QualityLevel {
    if documents > 1 { QualityLevel::Strict } else { QualityLevel::Standard }
}

/// When to hand over, continue or give up. "Phase completed" means that it was the last round.
pub(crate) fn policy(required: QualityLevel, budget: Usd) -> PolicyEngine {
    use PolicyCondition as If;
    let good = || If::QualityAt(required);
    let usable = || If::QualityAt(QualityLevel::Minimal);
    let last = || If::PhaseCompleted;
    PolicyEngine::new([
        PolicyRule::new("notes suffice", good()).action(PolicyAction::GenerateHandoff).priority(10),
        PolicyRule::new("money is spent", If::and([If::not(good()), If::CostExceeded(budget)]))
            .action(abort("the budget is spent, and the notes do not suffice"))
            .priority(20),
        PolicyRule::new("go on", If::and([If::not(good()), If::not(last())]))
            .action(PolicyAction::RetryAgent)
            .priority(30),
        PolicyRule::new("make do", If::and([If::not(good()), usable(), last()]))
            .action(PolicyAction::GenerateHandoff)
            .priority(40),
        PolicyRule::new("nothing found", If::and([If::not(usable()), last()]))
            .action(abort("nothing in it answers the question"))
            .priority(50),
    ])
}

fn abort(reason: &str) -> PolicyActionData {
    PolicyActionData::new(PolicyAction::AbortPhase).param("reason", reason)
}

/// Collects notes on the question, for the editor.
///
/// # Errors
///
/// [`GaveUp`], or the error that ended the session.
pub(crate) async fn run(
    desk: &Desk,
    session: &impl Steps,
    question: &str,
) -> Result<Value, BoxError> {
    let folder = &desk.toolbox.folder;
    let mut talk = vec![Message::system(prompt()), Message::user(format!("Question: {question}"))];
    let mut kept = Vec::<Note>::new();
    for round in 1.. {
        let text = desk.converse(session, &mut talk, TOOLS).await?;
        let before = kept.len();
        for note in notes::genuine(notes::parse(&text), |file| folder.read(file).ok()) {
            if !kept.contains(&note) {
                kept.push(note);
            }
        }
        // A later round without new notes is the last.
        let last = round == ROUNDS || (round > 1 && kept.len() == before);
        let decision = decide(desk, session.session(), &kept, last);
        match decision.action {
            PolicyAction::GenerateHandoff => {
                let notes = kept.iter().map(ToString::to_string).collect::<Vec<_>>();
                return Ok(json!({ "question": question, "notes": notes }));
            }
            PolicyAction::RetryAgent => talk.push(Message::user(go_on(folder.documents.len()))),
            _ => {
                let reason = decision.params.as_ref().and_then(|params| params.get("reason"));
                let reason = reason.and_then(Value::as_str).unwrap_or("no rule fired").to_owned();
                return Err(GaveUp { folder: folder.name.clone(), reason }.into());
            }
        }
    }
    unreachable!("the last round hands over or gives up")
}

/// Evaluates the gate and then the policy: the first rule that fires decides.
fn decide(
    desk: &Desk,
    session: &OrchestrationSession,
    kept: &[Note],
    last: bool,
) -> PolicyActionData {
    let quality = notes::quality(kept);
    let gate = match quality.and_then(|quality| session.evaluate_gate(quality)) {
        Some(gate) if gate.satisfied => "passed",
        Some(_) => "failed",
        None => "not asked",
    };
    let context = PhaseContext::default().quality_level(quality).phase_completed(last);
    let rules = session.explain_policy(context.clone());
    let rule = rules.iter().find(|rule| rule.fired).map_or("none", |rule| rule.rule.as_str());
    let decision = session.evaluate_policy(context).into_iter().next();
    let decision = decision.unwrap_or_else(|| PolicyActionData::new(PolicyAction::AbortPhase));
    let (count, action) = (kept.len(), decision.action);
    desk.progress.line(
        ROLE,
        &format!("genuine quotations: {count} → gate {gate}; policy “{rule}” → {action}"),
    );
    decision
}

fn go_on(documents: usize) -> String {
    let wanted = match documents {
        1 => "at least two quotations",
        _ => "at least three quotations, from more than one document",
    };
    format!(
        "That is not enough yet: {wanted} are needed. Search again, with other words, read on, \
         and reply with all notes."
    )
}

fn prompt() -> String {
    format!(
        "You are a researcher. You do not answer the question yourself: you collect quotations \
         that answer it from the documents of a folder. Find them with list_files, search and \
         read_file; quote only what you have read, word for word and on one line. Then save your \
         notes as notes.md with write_file. If that is refused, go on without. In the end reply \
         with the notes alone, each on a line of this form:\n{FORMAT}\n\
         If the documents do not answer the question, say so and give no notes."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(quality: Option<QualityLevel>, last: bool) -> Vec<PolicyAction> {
        let engine = policy(QualityLevel::Strict, Usd::from_cents(5));
        let context = PhaseContext::default().quality_level(quality).phase_completed(last);
        engine.evaluate(&context).iter().map(|action| action.action).collect()
    }

    #[test]
    fn exactly_one_rule_applies_to_each_state_of_the_notes() {
        use PolicyAction::{AbortPhase, GenerateHandoff, RetryAgent};
        assert_eq!(actions(Some(QualityLevel::Release), false), [GenerateHandoff]);
        assert_eq!(actions(Some(QualityLevel::Standard), false), [RetryAgent]);
        assert_eq!(actions(Some(QualityLevel::Standard), true), [GenerateHandoff]);
        assert_eq!(actions(None, false), [RetryAgent]);
        assert_eq!(actions(None, true), [AbortPhase]);
    }

    #[test]
    fn single_document_needs_no_second_source() {
        assert_eq!(required(1), QualityLevel::Standard);
        assert_eq!(required(2), QualityLevel::Strict);
    }
}
