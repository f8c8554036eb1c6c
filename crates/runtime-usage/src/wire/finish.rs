//! Where providers say why an answer ended.

use serde_json::Value;

use super::path::{self, field};
use crate::finish::FinishReason;

/// Where a provider says it, in a body or in an event of a stream.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Finish {
    /// Under this name of each item of this list, which may have an index.
    Choices(&'static str, &'static str),
    /// At the first of these paths.
    Answer(&'static [&'static str]),
    /// In the status at the first of these paths, of an answer that may be unfinished.
    Status(&'static [&'static str]),
    /// In the status of a response of `OpenAI`: one that is complete may call functions.
    Response,
}

/// Why each of the first choices ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Finished(pub(crate) [Option<FinishReason>; 6]);

impl Finished {
    /// Reads the body of an answer, or of an event.
    pub(crate) fn read(&mut self, finish: &[Finish], body: &Value) {
        for place in finish {
            match place {
                Finish::Choices(list, name) => {
                    let Some(choices) = body.get(list).and_then(Value::as_array) else { continue };
                    for (at, choice) in choices.iter().enumerate() {
                        let index = choice.get("index").and_then(Value::as_u64);
                        let index = index.map_or(Some(at), |index| index.try_into().ok());
                        let told = choice.as_object().and_then(|choice| field(choice, name));
                        self.note(index, told.and_then(Value::as_str));
                    }
                    return;
                }
                Finish::Answer(paths) => {
                    self.note(Some(0), paths.iter().find_map(|path| path::text(body, path)));
                }
                Finish::Status(paths) => {
                    let status = paths.iter().find_map(|path| path::text(body, path));
                    self.note(Some(0), status.filter(|status| !is_unfinished(status)));
                }
                Finish::Response => self.note(Some(0), of_response(body)),
            }
        }
    }

    /// Notes why a choice has ended, unless it has not: watsonx.ai says that.
    fn note(&mut self, index: Option<usize>, told: Option<&str>) {
        let place = index.and_then(|index| self.0.get_mut(index));
        if let (Some(place), Some(told)) = (place, told.filter(|told| !NOT_YET.contains(told))) {
            *place = Some(FinishReason::of(told));
        }
    }
}

const NOT_YET: [&str; 2] = ["", "not_finished"];

/// Whether an interaction with this status goes on.
fn is_unfinished(status: &str) -> bool {
    ["in_progress", "queued"].iter().any(|going_on| going_on.eq_ignore_ascii_case(status))
}

/// The items of a response that wait for what its caller does. The other calls are made by the provider.
const CALLS: [&str; 7] = [
    "function_call",
    "custom_tool_call",
    "computer_call",
    "shell_call",
    "local_shell_call",
    "apply_patch_call",
    "mcp_approval_request",
];

fn of_response(body: &Value) -> Option<&str> {
    match path::text(body, "status")? {
        "completed" => {
            let items = body.get("output").and_then(Value::as_array).into_iter().flatten();
            let mut kinds = items.filter_map(|item| item.get("type")?.as_str());
            let calls = kinds.any(|kind| CALLS.contains(&kind));
            Some(if calls { "tool_calls" } else { "completed" })
        }
        // The latter in the realtime API.
        "incomplete" => path::text(body, "incomplete_details.reason")
            .or_else(|| path::text(body, "status_details.reason")),
        "failed" => Some("failed"),
        _ => None,
    }
}
