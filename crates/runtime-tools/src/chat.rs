//! [`Chat`]: your messages and your client, as the loop sees them.

use runtime_orchestrator::{Attempt, BoxError, Turn};

use crate::answer::InvalidAnswerError;
use crate::result::ToolResult;
use crate::tool_use::ToolUse;

/// What a model said in a reply.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Said {
    /// The text. It is the answer if the reply asks for no tools.
    pub text: String,
    /// The calls that it asks for.
    pub uses: Vec<ToolUse>,
}

impl Said {
    /// What a reply with this text and these calls says.
    pub fn new(text: impl Into<String>, uses: Vec<ToolUse>) -> Self {
        Self { text: text.into(), uses }
    }
}

/// Your messages and your client, as [`Agent`](crate::Agent) sees them.
///
/// The loop has no prompts, messages or client of its own. It keeps the order of things: a call of the
/// model is a turn of the session, its tools run, their results follow its reply.
pub trait Chat: Sync {
    /// A message of the conversation.
    type Message: Clone + Send + Sync;
    /// The reply of the client.
    type Reply: Send;
    /// The error of the client.
    type Error: Into<BoxError> + 'static;

    /// The turn of a call: its model, and where its usage is read from. A [guarded](Turn::guarded) turn
    /// shows the messages to guardrails and viewers.
    fn turn(&self, messages: &[Self::Message]) -> Turn<Self::Reply>;

    /// Calls the model. The attempt has the route, and the changes that a recovery asks for.
    fn ask(
        &self,
        messages: &[Self::Message],
        attempt: &Attempt,
    ) -> impl Future<Output = Result<Self::Reply, Self::Error>> + Send;

    /// Reads the text and the calls of a reply.
    fn read(&self, reply: &Self::Reply) -> Said;

    /// The message that stands for a reply in the conversation.
    fn reply(&self, reply: Self::Reply) -> Self::Message;

    /// The messages with the results of a reply's calls.
    fn results(&self, results: Vec<ToolResult>) -> Vec<Self::Message>;

    /// The message that asks for an answer again, because it was not of the type that was asked for.
    ///
    /// The text of the error says what is wrong with it.
    fn correction(&self, invalid: &InvalidAnswerError) -> Self::Message;

    /// Shortens a conversation that was too long for the model.
    ///
    /// [`Attempt::context_budget`] says to which part of its length, in characters, tokens or messages.
    /// It must keep the results of tools together with the reply that asked for them. By default nothing
    /// is shortened, and the same request is sent again.
    fn trim(&self, messages: &mut Vec<Self::Message>, attempt: &Attempt) {
        let _ = (messages, attempt);
    }
}
