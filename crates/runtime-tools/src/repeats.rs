//! Notices a model that asks for the same call again and again.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Write;

use serde_json::Value;
use thiserror::Error;

/// The error for a call that was made too often with the same arguments.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "tool `{tool}` was already called {made} times with these arguments and is not called again; \
     use its results, change the arguments, or answer"
)]
#[non_exhaustive]
pub struct RepeatedCallError {
    /// The tool.
    pub tool: String,
    /// How often it was called.
    pub made: u32,
}

/// How often each call was asked for since something may have changed.
#[derive(Debug)]
pub(crate) struct Repeats {
    limit: u32,
    /// The number of the reply whose calls are asked for.
    reply: u64,
    /// How many calls came that may have changed something, each for the first time.
    changes: u64,
    asked: HashMap<(String, String), Asked>,
}

#[derive(Debug, Default)]
struct Asked {
    times: u32,
    /// The reply whose answer tells the model.
    told: Option<u64>,
    /// Which changes had come before.
    behind: u64,
}

/// The verdict on a call.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It may be made.
    Fresh,
    /// It was made often enough. The model is told, with the results of this reply.
    Told(RepeatedCallError),
    /// The model was told, and asks again.
    Stuck(RepeatedCallError),
}

impl Repeats {
    pub(crate) fn new(limit: u32) -> Self {
        Self { limit, reply: 0, changes: 0, asked: HashMap::new() }
    }

    pub(crate) fn limit(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// From here on, the calls are those of another reply.
    pub(crate) fn next_reply(&mut self) {
        self.reply += 1;
    }

    /// Counts a call. A new one that may change something begins all counts anew: a test may go another way
    /// after the next edit. A call that is only made again does not, or two calls in turn would never end.
    pub(crate) fn ask(&mut self, tool: &str, arguments: &Value, changes: bool) -> Verdict {
        let asked = match self.asked.entry((tool.to_owned(), canonical(arguments))) {
            Entry::Occupied(asked) => asked.into_mut(),
            Entry::Vacant(new) => {
                self.changes += u64::from(changes);
                new.insert(Asked::default())
            }
        };
        if asked.behind != self.changes {
            *asked = Asked { behind: self.changes, ..Asked::default() };
        }
        asked.times = asked.times.saturating_add(1);
        if asked.times <= self.limit {
            return Verdict::Fresh;
        }
        let repeated = RepeatedCallError { tool: tool.to_owned(), made: self.limit };
        if *asked.told.get_or_insert(self.reply) == self.reply {
            Verdict::Told(repeated)
        } else {
            Verdict::Stuck(repeated)
        }
    }
}

/// The JSON with its keys in order, so that two spellings of the same arguments are the same text.
fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write(&mut text, value);
    text
}

fn write(text: &mut String, value: &Value) {
    match value {
        Value::Object(fields) => {
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(key, _)| key.as_str());
            text.push('{');
            for (key, value) in fields {
                // Writing into a string cannot fail.
                let _ = write!(text, "{key:?}:");
                write(text, value);
                text.push(',');
            }
            text.push('}');
        }
        Value::Array(items) => {
            text.push('[');
            for item in items {
                write(text, item);
                text.push(',');
            }
            text.push(']');
        }
        scalar => {
            let _ = write!(text, "{scalar}");
        }
    }
}
