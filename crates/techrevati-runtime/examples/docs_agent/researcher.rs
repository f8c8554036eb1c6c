//! The researcher: reads, takes notes, and hands over when its notes suffice.

use serde_json::json;
use techrevati_runtime::lifecycle::Handoff;
use techrevati_runtime::orchestrator::OrchestrationSession;
use techrevati_runtime::policy::{
    PhaseContext, PolicyAction, PolicyCondition, PolicyEngine, PolicyRule, QualityLevel,
};
use techrevati_runtime::resilience::BoxError;
use techrevati_runtime::usage::Usd;

use crate::desk::Desk;
use crate::notes::{self, FORMAT, Note};
use crate::wire::Message;

/// Its role, for permissions and events.
pub(crate) const ROLE: &str = "researcher";
/// How often it may hand in notes.
const ROUNDS: usize = 3;
/// What it is offered; writing is refused to it.
const TOOLS: &[&str] = &["list_files", "search", "read_file", "write_file"];

/// Nothing in the folder answers the question.
#[derive(Debug, thiserror::Error)]
#[error("nothing in `{folder}` answers the question")]
pub(crate) struct NothingFound {
    folder: String,
}

/// What its notes must be: taken from more than one document, where there is more than one.
pub(crate) const fn required(documents: usize) -> QualityLevel {
    if documents > 1 { QualityLevel::Strict } else { QualityLevel::Standard }
}

/// When it hands over, goes on, or gives up. "Phase completed" says that it was the last round.
pub(crate) fn policy(required: QualityLevel, budget: Usd) -> PolicyEngine {
    use PolicyCondition as If;
    let good = || If::quality_at(required);
    let usable = || If::quality_at(QualityLevel::Minimal);
    let last = If::phase_completed;
    PolicyEngine::new([
        PolicyRule::new("notes suffice", good()).action(PolicyAction::GenerateHandoff).priority(10),
        PolicyRule::new("money is spent", If::and([If::not(good()), If::cost_exceeded(budget)]))
            .action(PolicyAction::AbortPhase)
            .priority(20),
        PolicyRule::new("go on", If::and([If::not(good()), If::not(last())]))
            .action(PolicyAction::RetryAgent)
            .priority(30),
        PolicyRule::new("make do", If::and([If::not(good()), usable(), last()]))
            .action(PolicyAction::GenerateHandoff)
            .priority(40),
        PolicyRule::new("nothing found", If::and([If::not(usable()), last()]))
            .action(PolicyAction::AbortPhase)
            .priority(50),
    ])
}

/// Collects notes on the question and hands them over to `editor`.
///
/// # Errors
///
/// [`NothingFound`], or what ended the session.
pub(crate) async fn run(
    desk: &Desk,
    session: &OrchestrationSession,
    question: &str,
    editor: &str,
) -> Result<Handoff, BoxError> {
    let folder = &desk.toolbox.folder;
    let mut talk = vec![Message::system(prompt()), Message::user(format!("Question: {question}"))];
    let mut kept = Vec::<Note>::new();
    for round in 1..=ROUNDS {
        let text = desk.converse(session, &mut talk, TOOLS).await?;
        let found = notes::parse(&text);
        let claimed = found.len();
        let found = notes::genuine(found, |file| folder.read(file).ok());
        let before = kept.len();
        for note in found {
            if !kept.contains(&note) {
                kept.push(note);
            }
        }
        let quality = notes::quality(&kept);
        let verdict =
            verdict(session, quality, round == ROUNDS || (round > 1 && kept.len() == before));
        desk.progress.line(
            ROLE,
            &format!(
                "notes: {claimed} quotations, {} genuine in all → {}",
                kept.len(),
                verdict.because
            ),
        );
        match verdict.action {
            PolicyAction::GenerateHandoff => {
                let notes = kept.iter().map(ToString::to_string).collect::<Vec<_>>();
                let context = json!({ "question": question, "notes": notes });
                return Ok(session.handoff_to(editor, "the notes are ready", context)?);
            }
            PolicyAction::RetryAgent => talk.push(Message::user(GO_ON)),
            _ => break,
        }
    }
    Err(NothingFound { folder: folder.name.clone() }.into())
}

const GO_ON: &str = "That is not enough yet: quotations from more than one document are needed. \
    Search again, with other words, read further documents, and reply with all notes.";

struct Verdict {
    action: PolicyAction,
    because: String,
}

/// Asks the gate, then the policy: the first rule that fires decides.
fn verdict(session: &OrchestrationSession, quality: Option<QualityLevel>, last: bool) -> Verdict {
    let gate = quality.and_then(|quality| session.evaluate_gate(quality));
    let context = PhaseContext::default().quality_level(quality).phase_completed(last);
    let rules = session.explain_policy(context.clone());
    let rule = rules.iter().find(|rule| rule.fired).map_or("no rule", |rule| rule.rule.as_str());
    let gate = match gate {
        Some(gate) if gate.satisfied => "gate passed",
        Some(_) => "gate failed",
        None => "nothing for the gate",
    };
    let first = session.evaluate_policy(context).into_iter().next();
    let action = first.map_or(PolicyAction::AbortPhase, |first| first.action);
    Verdict { action, because: format!("{gate}, policy “{rule}”: {action}") }
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

    fn decide(quality: Option<QualityLevel>, last: bool) -> Vec<PolicyAction> {
        let engine = policy(QualityLevel::Strict, Usd::from_cents(5));
        let context = PhaseContext::default().quality_level(quality).phase_completed(last);
        engine.evaluate(&context).iter().map(|action| action.action).collect()
    }

    #[test]
    fn exactly_one_rule_decides_about_every_state_of_the_notes() {
        use PolicyAction::{AbortPhase, GenerateHandoff, RetryAgent};
        assert_eq!(decide(Some(QualityLevel::Release), false), [GenerateHandoff]);
        assert_eq!(decide(Some(QualityLevel::Standard), false), [RetryAgent]);
        assert_eq!(decide(Some(QualityLevel::Standard), true), [GenerateHandoff]);
        assert_eq!(decide(None, false), [RetryAgent]);
        assert_eq!(decide(None, true), [AbortPhase]);
    }

    #[test]
    fn a_single_document_cannot_be_asked_for_a_second_source() {
        assert_eq!(required(1), QualityLevel::Standard);
        assert_eq!(required(2), QualityLevel::Strict);
    }
}
