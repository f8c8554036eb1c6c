//! The extractive model's view of its conversation.

use std::ops::Range;

use serde_json::{Value, json};

use crate::notes::{self, Note};
use crate::passages::{self, Passage};
use crate::rank;
use crate::text::content_words;
use crate::wire::{ChatRequest, FunctionUse, Message, ToolUse};

/// Passages below this part of the best score are ignored.
const WORTH: f64 = 0.3;
/// The maximum number of quotations from one file, and in all.
const PER_FILE: usize = 3;
const QUOTES: usize = 5;

/// A hit within this many lines of the top is read from the top.
const NEAR_THE_TOP: u64 = 120;

/// The parsed conversation.
pub(crate) struct Conversation<'a> {
    pub(crate) request: &'a ChatRequest,
}

impl Conversation<'_> {
    /// The user's question: the text after `Question:`, or else the first message.
    pub(crate) fn question(&self) -> String {
        let first = self.user().next().unwrap_or_default();
        let marked = first.lines().find_map(|line| line.strip_prefix("Question:"));
        marked.unwrap_or(first).trim().to_owned()
    }

    /// How often the user has said "go on".
    pub(crate) fn encouragements(&self) -> usize {
        self.user().count().saturating_sub(1)
    }

    fn user(&self) -> impl Iterator<Item = &str> {
        self.request.messages.iter().filter(|message| message.role == "user").map(Message::text)
    }

    /// The notes that the user passed on.
    pub(crate) fn notes(&self) -> Vec<Note> {
        self.user().flat_map(notes::parse).collect()
    }

    /// The results of a tool, call by call. A result that is not JSON, such as an error, is a
    /// string.
    pub(crate) fn results(&self, tool: &str) -> Vec<Value> {
        let calls = self.request.messages.iter().flat_map(|message| &message.tool_calls);
        calls
            .filter(|call| call.function.name == tool)
            .filter_map(|call| {
                let id = Some(&call.id);
                self.request.messages.iter().find(|message| message.tool_call_id.as_ref() == id)
            })
            .map(|result| {
                serde_json::from_str(result.text()).unwrap_or_else(|_| result.text().into())
            })
            .collect()
    }

    /// The tool whose result is the last message.
    pub(crate) fn last_tool(&self) -> Option<String> {
        let last = self.request.messages.last()?.tool_call_id.as_ref()?;
        let mut calls = self.request.messages.iter().flat_map(|message| &message.tool_calls);
        Some(calls.find(|call| call.id == *last)?.function.name.clone())
    }

    /// The passages of all files that were read.
    pub(crate) fn read(&self) -> Vec<Passage> {
        let mut passages = Vec::new();
        for file in self.results("read_file") {
            if let (Some(path), Some(text)) = (file["file"].as_str(), file["text"].as_str()) {
                let first = file["from_line"].as_u64().and_then(|line| line.try_into().ok());
                passages.extend(passages::cut_up(path, text, first.unwrap_or(1)));
            }
        }
        passages
    }

    /// The unread hits of searches, each as arguments of `read_file`. New files come first, the
    /// best ones in front.
    pub(crate) fn unread(&self, wanted: usize) -> Vec<Value> {
        let covered = self.read_parts();
        let mut places = Vec::<(bool, &str, u64)>::new();
        let searches = self.results("search");
        let hits = searches.iter().filter_map(|search| search["passages"].as_array()).flatten();
        for hit in hits {
            let Some(file) = hit["file"].as_str() else { continue };
            let line = hit["line"].as_u64().unwrap_or(1);
            let known = covered.iter().any(|(part, lines)| part == file && lines.contains(&line));
            if !known && places.iter().all(|(_, other, _)| *other != file) {
                places.push((covered.iter().any(|(part, _)| part == file), file, line));
            }
        }
        places.sort_by_key(|(seen, _, _)| *seen);
        places.truncate(wanted);
        places.into_iter().map(|(_, file, line)| read_around(file, line)).collect()
    }

    /// Files and their lines that were read.
    fn read_parts(&self) -> Vec<(String, Range<u64>)> {
        let parts = self.results("read_file").into_iter().filter_map(|part| {
            let first = part["from_line"].as_u64()?;
            let lines = part["text"].as_str()?.lines().count() as u64;
            Some((part["file"].as_str()?.to_owned(), first..first + lines))
        });
        parts.collect()
    }

    /// Whether most words of the question are unknown in the folder.
    pub(crate) fn is_foreign(&self) -> bool {
        let asked = content_words(&self.question()).len();
        let unknown = self
            .results("search")
            .first()
            .and_then(|search| search["unknown_words"].as_array().map(Vec::len));
        unknown.unwrap_or(0) * 2 > asked
    }

    /// Quotations from the best passages for the question.
    pub(crate) fn best_notes(&self) -> Vec<Note> {
        let question = self.question();
        let passages = self.read();
        let hits = rank::rank(&question, &passages);
        let worth = hits.first().map_or(0.0, |best| best.score * WORTH);
        let mut notes = Vec::<Note>::new();
        for hit in hits.iter().take_while(|hit| hit.score >= worth) {
            let Passage { file, line, text, .. } = hit.passage;
            let from_file = notes.iter().filter(|note| note.file == *file).count();
            if from_file < PER_FILE && notes.len() < QUOTES {
                let quote = rank::quotation(&question, text);
                notes.push(Note { file: file.clone(), line: Some(*line), quote });
            }
        }
        notes
    }

    /// A message that calls one tool.
    pub(crate) fn call(&self, tool: &str, arguments: Value) -> Message {
        self.call_each(tool, [arguments])
    }

    /// A message that calls a tool several times.
    pub(crate) fn call_each(
        &self,
        tool: &str,
        arguments: impl IntoIterator<Item = Value>,
    ) -> Message {
        let before =
            self.request.messages.iter().map(|message| message.tool_calls.len()).sum::<usize>();
        let tool_calls = arguments.into_iter().enumerate().map(|(index, arguments)| ToolUse {
            id: format!("call_{}", before + index + 1),
            kind: "function".into(),
            function: FunctionUse { name: tool.into(), arguments: arguments.to_string() },
        });
        Message { role: "assistant".into(), tool_calls: tool_calls.collect(), ..Message::default() }
    }
}

/// The arguments to read a line of a file: from the top, if the line is near it.
pub(crate) fn read_around(file: &str, line: u64) -> Value {
    if line <= NEAR_THE_TOP {
        json!({ "path": file })
    } else {
        json!({ "path": file, "from_line": line })
    }
}
