//! The tools of the agents: list, search and read the folder, and write into the output folder.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};

use crate::folder::{Folder, FolderError};
use crate::passages::{self, Passage};
use crate::rank;
use crate::text::{content_words, cut, one_line, terms};
use crate::wire::Tool;

/// Limits of one call's result: entries of a listing, passages of a search, bytes of a passage and
/// bytes of a file.
const LISTED: usize = 200;
const HITS: usize = 8;
const HIT_BYTES: usize = 400;
const READ_BYTES: usize = 16 << 10;
/// The maximum size of a written file.
const WRITE_BYTES: usize = 1 << 20;

/// The reason why a tool failed, for the model.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolFailed {
    #[error("there is no tool `{0}`")]
    Unknown(String),
    #[error("`{tool}` needs the argument `{argument}`")]
    Argument { tool: &'static str, argument: &'static str },
    #[error(transparent)]
    Folder(#[from] FolderError),
    #[error("`{0}` is not a plain file name")]
    Name(String),
    #[error("cannot write `{path}`: {error}")]
    Write { path: PathBuf, error: io::Error },
}

/// The tools, over one folder of documents and one output folder.
#[derive(Clone, Debug)]
pub(crate) struct Toolbox {
    pub(crate) folder: Arc<Folder>,
    passages: Arc<[Passage]>,
    out: PathBuf,
}

impl Toolbox {
    /// Cuts the folder's documents into passages, once for all searches.
    pub(crate) fn new(folder: Folder, out: PathBuf) -> Self {
        let documents = folder.documents.iter();
        let passages =
            documents.flat_map(|document| passages::cut_up(&document.path, &document.text, 1));
        Self { passages: passages.collect(), folder: Arc::new(folder), out }
    }

    /// Runs a tool by name.
    ///
    /// # Errors
    ///
    /// [`ToolFailed`] if the tool does not exist, an argument is missing, or the work fails.
    pub(crate) fn run(&self, tool: &str, arguments: &Value) -> Result<Value, ToolFailed> {
        match tool {
            "list_files" => Ok(self.list_files()),
            "search" => Ok(self.search(text(arguments, "search", "query")?)),
            "read_file" => {
                let from_line =
                    arguments["from_line"].as_u64().and_then(|line| line.try_into().ok());
                self.read_file(text(arguments, "read_file", "path")?, from_line.unwrap_or(1).max(1))
            }
            "write_file" => self.write_file(
                text(arguments, "write_file", "path")?,
                text(arguments, "write_file", "content")?,
            ),
            _ => Err(ToolFailed::Unknown(cut(tool, 80).into())),
        }
    }

    fn list_files(&self) -> Value {
        let documents = &self.folder.documents;
        let files = documents
            .iter()
            .take(LISTED)
            .map(|document| json!({ "path": document.path, "bytes": document.text.len() }))
            .collect::<Vec<_>>();
        json!({ "files": files, "not_listed": documents.len().saturating_sub(LISTED) })
    }

    fn search(&self, query: &str) -> Value {
        let hits = rank::rank(query, &self.passages);
        let passages = hits.iter().take(HITS).map(|hit| {
            let Passage { file, line, heading, text, .. } = hit.passage;
            json!({ "file": file, "line": line, "heading": heading, "text": cut(&one_line(text), HIT_BYTES) })
        });
        let known = |word: &&String| {
            let term = terms(word);
            self.passages.iter().any(|passage| {
                let known = terms(&format!("{} {}", passage.heading, passage.text));
                term.iter().all(|term| known.contains(term))
            })
        };
        let words = content_words(query);
        let unknown = words.iter().filter(|word| !known(word)).collect::<Vec<_>>();
        json!({ "passages": passages.collect::<Vec<_>>(), "matches": hits.len(), "unknown_words": unknown })
    }

    fn read_file(&self, path: &str, from_line: usize) -> Result<Value, ToolFailed> {
        let text = self.folder.read(path)?;
        let start = text.split_inclusive('\n').take(from_line - 1).map(str::len).sum::<usize>();
        let rest = &text[start..];
        let mut shown = cut(rest, READ_BYTES);
        let mut result = json!({ "file": path, "from_line": from_line });
        if shown.len() < rest.len() {
            // A cut is between lines, unless one line is longer than the limit.
            shown = shown.rfind('\n').map_or(shown, |end| &shown[..=end]);
            result["goes_on_at_line"] = json!(from_line + shown.lines().count());
        }
        result["text"] = shown.into();
        Ok(result)
    }

    fn write_file(&self, name: &str, content: &str) -> Result<Value, ToolFailed> {
        let mut parts = Path::new(name).components();
        let plain = matches!((parts.next(), parts.next()), (Some(Component::Normal(_)), None));
        if !plain {
            return Err(ToolFailed::Name(cut(name, 80).into()));
        }
        let path = self.out.join(name);
        let content = cut(content, WRITE_BYTES);
        std::fs::write(&path, content)
            .map_err(|error| ToolFailed::Write { path: path.clone(), error })?;
        Ok(json!({ "written": path.display().to_string(), "bytes": content.len() }))
    }
}

/// The offers of tools to the model, by name.
pub(crate) fn offer(names: &[&str]) -> Vec<Tool> {
    let path = json!({ "type": "string", "description": "a path as list_files shows it" });
    let all = [
        Tool::new("list_files", "Lists the documents of the folder.", &json!({}), &[]),
        Tool::new(
            "search",
            "Finds the passages that match a few words best.",
            &json!({ "query": { "type": "string" } }),
            &["query"],
        ),
        Tool::new(
            "read_file",
            "Reads a document, a long one in parts.",
            &json!({ "path": path, "from_line": { "type": "integer", "minimum": 1 } }),
            &["path"],
        ),
        Tool::new(
            "write_file",
            "Saves a text under a plain file name.",
            &json!({ "path": { "type": "string" }, "content": { "type": "string" } }),
            &["path", "content"],
        ),
    ];
    all.into_iter().filter(|tool| names.contains(&tool.function.name.as_str())).collect()
}

fn text<'a>(
    arguments: &'a Value,
    tool: &'static str,
    argument: &'static str,
) -> Result<&'a str, ToolFailed> {
    arguments[argument].as_str().ok_or(ToolFailed::Argument { tool, argument })
}
