//! [`ToolRunner`]: runs the calls of a model's replies in a session.

use std::any::Any;
use std::panic::{AssertUnwindSafe, resume_unwind};

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use runtime_orchestrator::{BoxError, Effect, OrchestrationSession, ToolCall};
use serde_json::Value;

use crate::arguments::parsed;
use crate::calls::Calls;
use crate::errors::ToolRunnerError;
use crate::repeats::{RepeatedCallError, Repeats, Verdict};
use crate::result::{NobodyToAskError, ToolResult, UnknownToolError};
use crate::results::Results;
use crate::task::{Task, Work};
use crate::tool::Tool;
use crate::tool_use::ToolUse;
use crate::toolbox::Toolbox;

/// Runs the calls of a model's replies, in parallel, and notices a model that is stuck.
///
/// Each call runs through [`OrchestrationSession::run_tool`]: it is admitted, and its events are in the
/// log. An error is a result for the model, which may do better, and so is a panic. See the [program](crate) of the
/// crate.
///
/// The same call with the same arguments is made a few times at most. After that the model is told so,
/// and if it asks again the run ends. A call that does more than read, and is made for the first time, begins the
/// counts anew: the tests of a program may be run after each edit. Where nothing else happens in between, as where
/// the status of a job is asked for until it is done, [`Tool::repeatable`] exempts the tool.
#[derive(Debug)]
pub struct ToolRunner<'a, S = OrchestrationSession> {
    session: &'a S,
    toolbox: &'a Toolbox,
    parallel: usize,
    repeats: Repeats,
}

impl<'a, S: Calls> ToolRunner<'a, S> {
    /// Creates a runner, for the tools and the replies of one run.
    pub fn new(session: &'a S, toolbox: &'a Toolbox) -> Self {
        Self { session, toolbox, parallel: 8, repeats: Repeats::new(3) }
    }

    /// Sets how many calls run at once; zero counts as one. Default: 8.
    #[must_use]
    pub fn parallel(mut self, calls: usize) -> Self {
        self.parallel = calls.max(1);
        self
    }

    /// Sets how often the same call with the same arguments is made, while nothing changes. Default: 3.
    #[must_use]
    pub fn repeats(mut self, calls: u32) -> Self {
        self.repeats.limit(calls);
        self
    }

    /// Runs the calls of a reply and returns their results, in the order of the calls.
    ///
    /// In a durable session, calls that a person has to approve are made behind the others, which do not
    /// wait for the person.
    ///
    /// # Errors
    ///
    /// [`ToolRunnerError`] if
    ///
    /// - the model is stuck: no call of the reply was made;
    /// - the session is over, drains or is past its deadline: calls under way are cancelled, others do not begin, and the
    ///   results that were there are dropped with this future;
    /// - in a durable session, a step ends the life, since a person has not decided yet or the store is away: calls that
    ///   have begun come to their end, and the next life has their results.
    ///
    /// A conversation that goes on needs a result for each call of the reply: [`ToolResult::cancelled`]. An
    /// [`Agent`](crate::Agent) puts it there, and keeps the results that came.
    ///
    /// # Panics
    ///
    /// In a durable session, with the panic of a call, once the others have come to their end: it is in doubt what the
    /// call did, which the thread's next life finds out. Elsewhere a panic is the result of its call.
    pub async fn run(&mut self, uses: Vec<ToolUse>) -> Result<Vec<ToolResult>, ToolRunnerError> {
        let mut results = Results::of(&uses);
        self.fill(uses, &mut results).await?;
        Ok(results.into_all())
    }

    /// Runs the calls of a reply, and puts each result into its place as it comes.
    pub(crate) async fn fill(
        &mut self,
        uses: Vec<ToolUse>,
        results: &mut Results,
    ) -> Result<(), ToolRunnerError> {
        self.repeats.next_reply();
        let mut tasks = Vec::with_capacity(uses.len());
        for (place, tool_use) in uses.into_iter().enumerate() {
            let task = self.plan(tool_use).inspect_err(|repeated| results.unmade(repeated))?;
            tasks.push((place, task));
        }
        let (asking, free): (Vec<_>, Vec<_>) = tasks.into_iter().partition(|(_, task)| task.asks());
        self.make(free.into_iter().map(|(place, task)| (place, task, None)), results).await?;
        if asking.is_empty() {
            return Ok(());
        }
        let (places, asking): (Vec<_>, Vec<_>) = asking.into_iter().unzip();
        let decided = self.session.decided(&asking).await?;
        let decided = places.into_iter().zip(asking).zip(decided);
        let decided = decided.map(|((place, task), yes)| (place, task, Some(yes)));
        self.make(decided, results).await
    }

    /// Makes calls, in parallel.
    async fn make(
        &self,
        tasks: impl Iterator<Item = (usize, Task, Option<Result<S::Yes, String>>)>,
        results: &mut Results,
    ) -> Result<(), ToolRunnerError> {
        let running = tasks.map(|(place, task, decided)| {
            // A call that panicked is not looked at again.
            let made = AssertUnwindSafe(self.session.call(task, decided)).catch_unwind();
            async move { (place, made.await) }
        });
        let mut running = stream::iter(running).buffer_unordered(self.parallel);
        let mut ended: Option<(usize, Ended)> = None;
        while let Some((place, made)) = running.next().await {
            let end = match made {
                Ok(Ok(result)) => {
                    results.put(place, result);
                    continue;
                }
                Ok(Err(error)) if !S::DURABLE => return Err(error),
                Ok(Err(error)) => Ended::Error(error),
                Err(panic) if !S::DURABLE => {
                    results.panicked(place, &*panic);
                    continue;
                }
                Err(panic) => Ended::Panic(panic),
            };
            // A call that is dropped would be in doubt. Each life ends with the same one.
            if ended.as_ref().is_none_or(|(first, _)| place < *first) {
                ended = Some((place, end));
            }
        }
        match ended {
            None => Ok(()),
            Some((_, Ended::Error(error))) => Err(error),
            Some((_, Ended::Panic(panic))) => resume_unwind(panic),
        }
    }

    /// Decides what becomes of a call, before any call of the reply begins.
    fn plan(&mut self, tool_use: ToolUse) -> Result<Task, RepeatedCallError> {
        let ToolUse { id, name, arguments } = tool_use;
        let Some(tool) = self.toolbox.get(&name) else {
            let permitted = self.toolbox.permitted(self.session.plain()).map(Tool::name);
            let known = permitted.collect::<Vec<_>>().join(", ");
            let call = self.named(ToolCall::new(shortened(&name)), &id);
            let unknown = UnknownToolError { name: name.clone(), known };
            let work = self.refused(&name, &arguments, unknown.into())?;
            return Ok(Task { id, name, call, work });
        };
        let call = tool.call().clone();
        let (call, work) = match parsed(&name, &arguments) {
            Ok(arguments) => {
                let call = call.args(arguments.clone());
                (call, self.admit(tool, arguments)?)
            }
            Err(invalid) => (call, self.refused(&name, &arguments, invalid.into())?),
        };
        let call = self.named(call, &id);
        let work = match work {
            Work::Call(tool, arguments) => self.able(&call, tool, arguments),
            refused @ Work::Refused(_) => refused,
        };
        Ok(Task { id, name, call, work })
    }

    /// Refuses a call that cannot be made: it gets no intent, and nobody is asked about it.
    fn able(&self, call: &ToolCall, tool: Tool, arguments: Value) -> Work {
        if S::DURABLE
            && let Err(invalid) = tool.check(&arguments)
        {
            return Work::Refused(invalid.into());
        }
        if tool.asks() && !(S::DURABLE && self.session.plain().handle().permits(call)) {
            return Work::Refused(NobodyToAskError(tool.name().to_owned()).into());
        }
        Work::Call(tool, arguments)
    }

    /// The call with its id, if it has one.
    fn named(&self, call: ToolCall, id: &str) -> ToolCall {
        match self.session.id_of(id) {
            Some(id) => call.call_id(id),
            None => call,
        }
    }

    fn admit(&mut self, tool: &Tool, arguments: Value) -> Result<Work, RepeatedCallError> {
        let changes = tool.call().declared_effect() != Effect::Read;
        let verdict = if tool.is_repeatable() {
            Verdict::Fresh
        } else {
            self.repeats.ask(tool.name(), &arguments, changes)
        };
        by_verdict(verdict, Work::Call(tool.clone(), arguments))
    }

    /// A call that no tool can take. A model may be stuck with it as well.
    fn refused(
        &mut self,
        name: &str,
        arguments: &Value,
        why: BoxError,
    ) -> Result<Work, RepeatedCallError> {
        by_verdict(self.repeats.ask(name, arguments, false), Work::Refused(why))
    }
}

/// The work of a call, unless the model repeats itself.
fn by_verdict(verdict: Verdict, work: Work) -> Result<Work, RepeatedCallError> {
    match verdict {
        Verdict::Fresh => Ok(work),
        Verdict::Told(repeated) => Ok(Work::Refused(repeated.into())),
        Verdict::Stuck(repeated) => Err(repeated),
    }
}

/// Why no call of a durable session is made behind these.
enum Ended {
    Error(ToolRunnerError),
    Panic(Box<dyn Any + Send>),
}

/// The name of a tool that the model invented, no longer than one that it could have been given.
fn shortened(name: &str) -> String {
    name.chars().take(64).collect()
}
