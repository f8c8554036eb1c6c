//! A session: its beginning, its states, what was said in it, and its end.

use std::borrow::Cow;

use serde_json::Value;

use super::{Any, Statement, Word};
use crate::fact::{Fact, Text};

payload! {
    /// A session begins.
    pub struct SessionStarted<'e> {
        /// The id of its worker. A handoff names the worker that takes over.
        worker_id: Option<Word<'e>> = "worker_id",
    }
}

payload! {
    /// A session ended.
    pub struct SessionEnded<'e> {
        /// Why, if a program may ask: `shutdown`.
        reason: Option<Word<'e>> = "reason",
        /// The handoff that ended it, as JSON; [`handoff`](Self::handoff) reads it.
        handoff_json: Option<Any<'e>> = "handoff",
        /// How its budgets stand; [`statements`](Self::statements) reads them.
        budgets: Option<Any<'e>> = "budgets",
    }
}

impl<'e> SessionEnded<'e> {
    /// To whom the work went.
    pub fn handoff(&self) -> Option<HandedOver<'e>> {
        let object = self.handoff_json?.as_json().and_then(Value::as_object)?;
        Some(HandedOver::read_json(object))
    }

    /// The statements of its budgets, its own first.
    pub fn statements(&self) -> impl Iterator<Item = Statement<'e>> {
        self.budgets.into_iter().flat_map(Any::objects).map(Statement::read_json)
    }
}

payload! {
    /// The work went to another agent.
    pub struct HandedOver<'e> {
        /// The role that takes over.
        target_role: Option<Word<'e>> = "target_role",
        /// The worker that takes over.
        target_worker_id: Option<Word<'e>> = "target_worker_id",
        /// Why, in the words of the agent that hands over.
        reason: Option<Word<'e>> = "reason",
        /// The session that takes over, where the emitter knows it.
        target_session: Option<Word<'e>> = "target_session",
    }
}

payload! {
    /// A step of a thread that survives its process: a life, a tool in doubt, an approval.
    pub struct DurableStep<'e> {
        /// The thread.
        thread: Option<Word<'e>> = "thread",
        /// The number of the life, from 1.
        life: Option<u32> = "life",
        /// The tool of the step.
        tool: Option<Word<'e>> = "tool",
        /// The key of the step, as hexadecimal digits.
        step: Option<Word<'e>> = "step",
        /// The approval.
        approval: Option<Word<'e>> = "approval",
        /// What was decided: `approved`, `denied`, `expired`; `done`, `not_done`.
        decision: Option<Word<'e>> = "decision",
        /// The person or program that decided.
        who: Option<Word<'e>> = "who",
    }
}

payload! {
    /// The session's worker changed its state.
    pub struct StatusChanged<'e> {
        /// The state before.
        from: Option<Word<'e>> = "from",
        /// The state after.
        to: Option<Word<'e>> = "to",
    }
}

impl StatusChanged<'_> {
    /// The pairs of a change, for [`Data::fixed`](crate::Data::fixed): every session makes some of them.
    pub const fn literals(from: &'static str, to: &'static str) -> [(Cow<'static, str>, Fact); 2] {
        [
            (Cow::Borrowed("from"), Fact::Text(Text::literal(from))),
            (Cow::Borrowed("to"), Fact::Text(Text::literal(to))),
        ]
    }
}

payload! {
    /// Something that was said, kept on request.
    pub struct ContentCaptured<'e> {
        /// What it is: `prompt`, `answer`, `arguments` or `result`.
        content: Option<Word<'e>> = "content",
        /// What is kept of it.
        value: Option<Any<'e>> = "value",
    }
}
