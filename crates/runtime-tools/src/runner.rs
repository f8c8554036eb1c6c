//! [`ToolRunner`]: runs the calls of a model's replies in a session.

use futures_util::stream::{self, StreamExt, TryStreamExt};
use runtime_orchestrator::{BoxError, OrchestrationSession, ToolCall, ToolError};
use serde_json::Value;
use thiserror::Error;

use crate::arguments::parsed;
use crate::dialect::ToolUse;
use crate::repeats::{RepeatedCallError, Repeats, Verdict};
use crate::result::{ToolResult, UnknownToolError, read};
use crate::tool::Tool;
use crate::toolbox::Toolbox;

/// Runs the calls of a model's replies, in parallel, and notices a model that is stuck.
///
/// Each call runs through [`OrchestrationSession::run_tool`]: it is admitted, and its events are in the
/// log. An error is a result for the model, which may do better. See the [program](crate) of the crate.
///
/// The same call with the same arguments is made a few times at most. After that the model is told so,
/// and if it asks again the run ends. [`Tool::repeatable`] exempts a tool.
#[derive(Debug)]
pub struct ToolRunner<'a> {
    session: &'a OrchestrationSession,
    toolbox: &'a Toolbox,
    parallel: usize,
    repeats: Repeats,
}

/// The run cannot go on.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum ToolRunnerError {
    /// The session is over, shuts down or has reached its deadline.
    Session(#[from] ToolError),
    /// The model asked again for a call that it was told not to repeat.
    Repeated(#[from] RepeatedCallError),
}

impl<'a> ToolRunner<'a> {
    /// Creates a runner, for the tools and the replies of one run.
    pub fn new(session: &'a OrchestrationSession, toolbox: &'a Toolbox) -> Self {
        Self { session, toolbox, parallel: 8, repeats: Repeats::new(3) }
    }

    /// Sets how many calls run at once; zero counts as one. Default: 8.
    #[must_use]
    pub fn parallel(mut self, calls: usize) -> Self {
        self.parallel = calls.max(1);
        self
    }

    /// Sets how often the same call with the same arguments is made. Default: 3.
    #[must_use]
    pub fn repeats(mut self, calls: u32) -> Self {
        self.repeats.limit(calls);
        self
    }

    /// Runs the calls of a reply and returns their results, in the order of the calls.
    ///
    /// # Errors
    ///
    /// [`ToolRunnerError`] if the session is over or the model is stuck. The other calls of the reply are
    /// then cancelled, or were not begun.
    pub async fn run(&mut self, uses: Vec<ToolUse>) -> Result<Vec<ToolResult>, ToolRunnerError> {
        let mut tasks = Vec::with_capacity(uses.len());
        for tool_use in uses {
            tasks.push(self.plan(tool_use)?);
        }
        let running = tasks.into_iter().map(|task| task.run(self.session));
        Ok(stream::iter(running).buffered(self.parallel).try_collect().await?)
    }

    /// Decides what becomes of a call, before any call of the reply begins.
    fn plan(&mut self, tool_use: ToolUse) -> Result<Task, RepeatedCallError> {
        let ToolUse { id, name, arguments } = tool_use;
        let Some(tool) = self.toolbox.get(&name) else {
            let permitted = self.toolbox.permitted(self.session).map(Tool::name);
            let known = permitted.collect::<Vec<_>>().join(", ");
            let call = ToolCall::new(shortened(&name));
            let unknown = UnknownToolError { name: name.clone(), known };
            return Ok(Task { id, name, call, work: Work::Refused(unknown.into()) });
        };
        let call = tool.call().clone();
        let (call, work) = match parsed(&name, arguments) {
            Ok(arguments) => {
                let call = call.args(arguments.clone());
                (call, self.admit(tool, arguments)?)
            }
            Err(invalid) => (call, Work::Refused(invalid.into())),
        };
        let call = if id.is_empty() { call } else { call.call_id(id.as_str()) };
        Ok(Task { id, name, call, work })
    }

    fn admit(&mut self, tool: &Tool, arguments: Value) -> Result<Work, RepeatedCallError> {
        let verdict = if tool.is_repeatable() {
            Verdict::Fresh
        } else {
            self.repeats.ask(tool.name(), &arguments)
        };
        match verdict {
            Verdict::Fresh => Ok(Work::Call(tool.clone(), arguments)),
            Verdict::Told(repeated) => Ok(Work::Refused(repeated.into())),
            Verdict::Stuck(repeated) => Err(repeated),
        }
    }
}

/// The name of a tool that the model invented, no longer than one that it could have been given.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}

/// A call that is decided and not yet made.
struct Task {
    id: String,
    name: String,
    call: ToolCall,
    work: Work,
}

enum Work {
    Call(Tool, Value),
    /// The tool is not called, and the model gets the error.
    Refused(BoxError),
}

impl Task {
    async fn run(self, session: &OrchestrationSession) -> Result<ToolResult, ToolError> {
        let Self { id, name, call, work } = self;
        let result = session
            .run_tool(call, || async {
                match work {
                    Work::Call(tool, arguments) => tool.run(arguments).await,
                    Work::Refused(error) => Err(error),
                }
            })
            .await;
        let (content, outcome) = read(result)?;
        Ok(ToolResult { id, name, content, outcome })
    }
}
