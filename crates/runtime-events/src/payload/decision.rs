//! What was decided about a turn or a tool.

use super::{Word, Words};

payload! {
    /// A turn or a tool was refused.
    pub struct Refused<'e> {
        /// What was refused: `turn` or `tool`.
        refused: Option<Word<'e>> = "refused",
        /// Why, in one word, such as `budget`.
        reason: Option<Word<'e>> = "reason",
        /// The tool that was refused.
        tool: Option<Word<'e>> = "tool",
        /// The model of the turn that was refused.
        model: Option<Word<'e>> = "model",
    }
}

payload! {
    /// Guardrails looked at what goes into a call, or at what came out.
    pub struct GuardrailChecked<'e> {
        /// When they looked: `pre` or `post`.
        stage: Option<Word<'e>> = "stage",
        /// The model of the turn they looked at.
        model: Option<Word<'e>> = "model",
        /// The tool they looked at.
        tool: Option<Word<'e>> = "tool",
        /// What else they looked at.
        subject: Option<Word<'e>> = "subject",
        /// The one guardrail that this is about, where the emitter tells each of them.
        guardrail: Option<Word<'e>> = "guardrail",
        /// Whether none of them objected.
        passed: Option<bool> = "passed",
        /// The names of those that objected.
        objections: Option<Words<'e>> = "objections",
    }
}

payload! {
    /// Whether the role may use a tool was asked.
    pub struct PermissionChecked<'e> {
        /// The name of the tool.
        tool: Option<Word<'e>> = "tool",
        /// Whether it may.
        allowed: Option<bool> = "allowed",
        /// Why, or why not.
        reason: Option<Word<'e>> = "reason",
    }
}

payload! {
    /// A policy was asked.
    pub struct PolicyDecided<'e> {
        /// The names of the rules that fired.
        rules: Option<Words<'e>> = "rules",
        /// Their actions.
        actions: Option<Words<'e>> = "actions",
    }
}

payload! {
    /// A quality gate was evaluated.
    pub struct GateEvaluated<'e> {
        /// The level that the gate requires, in capitals, such as `STRICT`.
        required_level: Option<Word<'e>> = "required_level",
        /// The level that was observed.
        observed_level: Option<Word<'e>> = "observed_level",
    }
}
