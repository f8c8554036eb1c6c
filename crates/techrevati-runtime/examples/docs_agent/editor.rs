//! The editor: accepts the notes and writes the answer.

use serde_json::{Value, json};
use techrevati_runtime::policy::QualityLevel;
use techrevati_runtime::resilience::BoxError;

use crate::desk::Desk;
use crate::notes;
use crate::steps::Steps;
use crate::text::one_line;
use crate::wire::Message;

/// Its role, for permissions and events.
pub(crate) const ROLE: &str = "editor";
/// The requirement for its answer: every quotation is genuine.
pub(crate) const REQUIRED: QualityLevel = QualityLevel::Standard;
/// The file of the answer.
pub(crate) const ANSWER: &str = "answer.md";
/// The maximum number of drafts.
const DRAFTS: usize = 2;

const PROMPT: &str = "You are an editor. You are given a question and a researcher's notes: \
    quotations with file and line. With read_file you see them in context. Write in Markdown, \
    with the question as heading. Quote word for word, in block quotes (> …) that hold nothing \
    else, and name the file of each quotation in backticks before it. Use only what the notes and \
    the documents say. End with a list of the sources.";

/// Writes the answer to the question of the researcher's notes, and returns it.
///
/// # Errors
///
/// The error that ended the session, or that no draft has a genuine quotation.
pub(crate) async fn run(
    desk: &Desk,
    session: &impl Steps,
    context: &Value,
) -> Result<String, BoxError> {
    let question = context.get("question").and_then(Value::as_str).unwrap_or_default();
    let notes = context.get("notes").and_then(Value::as_array).into_iter().flatten();
    let notes = notes.filter_map(Value::as_str).collect::<Vec<_>>();
    desk.progress.line(ROLE, &format!("takes over: {} notes", notes.len()));

    let assignment = format!(
        "Question: {question}\n\nNotes:\n{}\n\nLook up what you need, then say that you are ready.",
        notes.join("\n")
    );
    let mut talk = vec![Message::system(PROMPT), Message::user(assignment)];
    desk.converse(session, &mut talk, &["read_file"]).await?;
    talk.push(Message::user("Write the answer now."));

    for draft in 1..=DRAFTS {
        let answer = desk.stream(session, &talk).await?;
        let quotes = notes::block_quotes(&answer);
        let invented = quotes.iter().filter(|quote| !is_genuine(desk, quote)).collect::<Vec<_>>();
        let genuine = quotes.len() - invented.len();
        let quality =
            if genuine > 0 && invented.is_empty() { REQUIRED } else { QualityLevel::Minimal };
        let passed = session.session().evaluate_gate(quality).is_none_or(|gate| gate.satisfied);
        let verdict = if passed { "passed" } else { "failed" };
        desk.progress.line(
            ROLE,
            &format!(
                "draft {draft}: {genuine} of {} quotations genuine → gate {verdict}",
                quotes.len()
            ),
        );
        if passed || (draft == DRAFTS && genuine > 0) {
            let arguments = json!({ "path": ANSWER, "content": answer });
            let written = desk.run_tool(session, "write_file", &arguments).await?;
            let written = written.map_err(|refusal| refusal.text)?;
            let path = written["written"].as_str().unwrap_or(ANSWER).to_owned();
            desk.progress.line(ROLE, &format!("write_file → {path}"));
            return Ok(answer);
        }
        talk.push(Message::assistant(answer));
        talk.push(Message::user(format!(
            "These quotations are not in the documents word for word: {invented:?}. Write it again."
        )));
    }
    Err("the editor's drafts quote nothing that is in the documents".into())
}

fn is_genuine(desk: &Desk, quote: &str) -> bool {
    let quote = quote.trim_matches(['"', '“', '”']);
    desk.toolbox.folder.documents.iter().any(|document| one_line(&document.text).contains(quote))
}
