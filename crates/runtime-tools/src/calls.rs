//! [`Calls`]: the sessions that a loop can run in.

use std::sync::Arc;

use runtime_orchestrator::{Answer, Attempt, OrchestrationSession, Turn};

use self::sealed::Session;
use crate::chat::Chat;
use crate::errors::{AgentError, ToolRunnerError};
use crate::result::{ToolResult, read};
use crate::task::{Task, Work};

/// A session that tools run in: an [`OrchestrationSession`], or with feature `durable` a `DurableSession`.
pub trait Calls: Session {}

/// A session whose turns reply with `T`. A durable one records replies, and so asks that they can be written.
pub trait CallsFor<T>: Calls + sealed::Turns<T> {}

pub(crate) mod sealed {
    use super::{
        AgentError, Answer, Asking, Chat, OrchestrationSession, Task, ToolResult, ToolRunnerError,
        Turn,
    };

    #[expect(unnameable_types, reason = "sealed")]
    pub trait Session {
        /// The approval of a person.
        type Yes;

        /// Whether calls are recorded, and made again from their beginning.
        const DURABLE: bool;

        fn plain(&self) -> &OrchestrationSession;

        /// The id of a call that the model gave this id, or none if it is empty.
        fn id_of(&self, id: &str) -> Option<String>;

        /// What a person says about each call, or the text of their denial.
        fn decided(
            &self,
            asking: &[Task],
        ) -> impl Future<Output = Result<Vec<Result<Self::Yes, String>>, ToolRunnerError>>;

        fn call(
            &self,
            task: Task,
            decided: Option<Result<Self::Yes, String>>,
        ) -> impl Future<Output = Result<ToolResult, ToolRunnerError>>;
    }

    #[expect(unnameable_types, reason = "sealed")]
    pub trait Turns<T> {
        /// Asks a model.
        fn ask<C: Chat<Reply = T>>(
            &self,
            turn: Turn<T>,
            asking: &mut Asking<'_, C>,
        ) -> impl Future<Output = Result<Answer<T>, AgentError>>;
    }
}

impl Calls for OrchestrationSession {}

impl<T> CallsFor<T> for OrchestrationSession {}

impl Session for OrchestrationSession {
    /// Nobody is asked.
    type Yes = std::convert::Infallible;

    const DURABLE: bool = false;

    fn plain(&self) -> &OrchestrationSession {
        self
    }

    fn id_of(&self, id: &str) -> Option<String> {
        (!id.is_empty()).then(|| id.to_owned())
    }

    async fn decided(&self, _: &[Task]) -> Result<Vec<Result<Self::Yes, String>>, ToolRunnerError> {
        Ok(Vec::new())
    }

    async fn call(
        &self,
        task: Task,
        _: Option<Result<Self::Yes, String>>,
    ) -> Result<ToolResult, ToolRunnerError> {
        let Task { id, name, call, work } = task;
        let made = self
            .run_tool(call, || async {
                match work {
                    Work::Call(tool, arguments) => tool.run(arguments, None).await,
                    Work::Refused(error) => Err(error),
                }
            })
            .await;
        let (output, outcome) = read(made)?;
        Ok(ToolResult::new((id, name), output, outcome))
    }
}

impl<T> sealed::Turns<T> for OrchestrationSession {
    async fn ask<C: Chat<Reply = T>>(
        &self,
        turn: Turn<T>,
        asking: &mut Asking<'_, C>,
    ) -> Result<Answer<T>, AgentError> {
        Ok(self.run_turn_recovering(turn, |attempt| asking.ask(attempt)).await?)
    }
}

/// A conversation that a model is asked with, and its shorter form, once a recovery has asked for it.
#[expect(unnameable_types, reason = "part of a sealed trait")]
#[derive(Debug)]
pub struct Asking<'a, C: Chat> {
    chat: &'a C,
    whole: &'a [C::Message],
    trimmed: Option<Arc<Vec<C::Message>>>,
}

impl<'a, C: Chat> Asking<'a, C> {
    pub(crate) const fn new(chat: &'a C, whole: &'a [C::Message]) -> Self {
        Self { chat, whole, trimmed: None }
    }

    pub(crate) fn ask(
        &mut self,
        attempt: Attempt,
    ) -> impl Future<Output = Result<C::Reply, C::Error>> + use<'a, C> {
        let Self { chat, whole, .. } = *self;
        if is_reduced(&attempt) {
            let mut shorter = whole.to_vec();
            chat.trim(&mut shorter, &attempt);
            self.trimmed = Some(Arc::new(shorter));
        }
        let trimmed = self.trimmed.clone();
        async move {
            let messages = trimmed.as_deref().map_or(whole, |shorter| shorter);
            chat.ask(messages, &attempt).await
        }
    }

    /// The shorter form.
    pub(crate) fn trimmed(self) -> Option<Vec<C::Message>> {
        self.trimmed.map(Arc::unwrap_or_clone)
    }
}

/// Whether the recovery of the turn asks for a shorter context.
fn is_reduced(attempt: &Attempt) -> bool {
    const WHOLE: u64 = 1 << 20;
    attempt.context_budget(WHOLE) < WHOLE
}
