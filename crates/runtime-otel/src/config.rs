//! [`OtelConfig`]: which conventions, and how much is told.

use std::borrow::Cow;
use std::num::NonZeroUsize;

use opentelemetry::InstrumentationScope;

use crate::names::SCOPE;

/// A version of the conventions for generative AI. All of them are marked as in development, and change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SemconvProfile {
    /// `open-telemetry/semantic-conventions` v1.41.1, the last version there that has them.
    #[default]
    V1_41,
    /// `open-telemetry/semantic-conventions-genai` v0.1.0, where they have moved.
    GenAi0_1,
}

impl SemconvProfile {
    /// The schema that the names are of. For the new repository there is none yet that could be
    /// relied upon.
    pub const fn schema_url(self) -> Option<&'static str> {
        match self {
            Self::V1_41 => Some("https://opentelemetry.io/schemas/1.41.1"),
            Self::GenAi0_1 => None,
        }
    }

    /// The instrumentation scope to make a tracer and a meter of: the name and version of this
    /// crate, and the schema.
    pub fn scope(self) -> InstrumentationScope {
        let scope = InstrumentationScope::builder(SCOPE).with_version(env!("CARGO_PKG_VERSION"));
        match self.schema_url() {
            Some(url) => scope.with_schema_url(url).build(),
            None => scope.build(),
        }
    }
}

/// A tool that shows traces, and reads facts under names that are its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Viewer {
    /// [Langfuse](https://langfuse.com/integrations/native/opentelemetry#property-mapping): the cost of a
    /// turn is in `gen_ai.usage.cost`.
    Langfuse,
    /// [MLflow](https://mlflow.org/docs/latest/genai/tracing/token-usage-cost): the cost of a turn is in
    /// `mlflow.llm.cost`. Without it, it is computed from a price list of its own.
    Mlflow,
    /// Whatever reads the
    /// [OpenInference](https://arize-ai.github.io/openinference/spec/attributes/semantic-conventions.html)
    /// conventions, as Phoenix does: contents are also in `input.value` and `output.value`, which lists of
    /// spans show, and the cost of a turn is in `llm.cost.total`. (Phoenix computes the cost in its columns
    /// from a price list of its own.)
    OpenInference,
}

/// How spans are made.
///
/// | setting | unless set |
/// |---|---|
/// | [`profile`](Self::profile) | [`SemconvProfile::V1_41`] |
/// | [`provider`](Self::provider) | told from routes and models, or left out |
/// | [`contents`](Self::contents), [`errors`](Self::errors), [`details`](Self::details) | none of them |
/// | [`viewer`](Self::viewer) | none |
/// | [`user_label`](Self::user_label), [`session_label`](Self::session_label) | none |
/// | [`max_open`](Self::max_open) | 65,536 spans |
/// | [`conversation_label`](Self::conversation_label) | `conversation_id` |
/// | [`workflow_label`](Self::workflow_label) | `workflow` |
#[derive(Clone, Debug)]
pub struct OtelConfig {
    pub(crate) profile: SemconvProfile,
    pub(crate) provider: Option<Cow<'static, str>>,
    pub(crate) contents: bool,
    pub(crate) errors: bool,
    pub(crate) details: bool,
    pub(crate) viewers: Vec<Viewer>,
    pub(crate) user: Option<Cow<'static, str>>,
    pub(crate) session: Option<Cow<'static, str>>,
    pub(crate) max_open: NonZeroUsize,
    pub(crate) conversation: Cow<'static, str>,
    pub(crate) workflow: Cow<'static, str>,
}

impl Default for OtelConfig {
    fn default() -> Self {
        Self {
            profile: SemconvProfile::default(),
            provider: None,
            contents: false,
            errors: false,
            details: false,
            viewers: Vec::new(),
            user: None,
            session: None,
            max_open: NonZeroUsize::MIN.saturating_add(65_535),
            conversation: "conversation_id".into(),
            workflow: "workflow".into(),
        }
    }
}

impl OtelConfig {
    /// Sets the version of the conventions. [`SemconvProfile::V1_41`] unless set.
    #[must_use]
    pub const fn profile(mut self, profile: SemconvProfile) -> Self {
        self.profile = profile;
        self
    }

    /// Sets `gen_ai.provider.name` for all spans, such as `azure.ai.openai`.
    ///
    /// Unless set, the route that answered tells the provider, or else the model's name. Where neither
    /// does, the attribute is left out.
    #[must_use]
    pub fn provider(mut self, provider: impl Into<Cow<'static, str>>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Tells captured contents: prompts and answers on the spans of turns and, of the first and the last
    /// turn, on the agent's; arguments and results on the spans of tools.
    ///
    /// They are the attributes `gen_ai.input.messages`, `gen_ai.output.messages`,
    /// `gen_ai.system_instructions`, `gen_ai.tool.call.arguments` and `gen_ai.tool.call.result`. The
    /// orchestrator has to capture them, too, and may redact them there. Off unless set.
    #[must_use]
    pub const fn contents(mut self, contents: bool) -> Self {
        self.contents = contents;
        self
    }

    /// Tells the texts of errors: in the status of a span that failed, in the `exception` on it, and in
    /// the events of failures.
    ///
    /// Providers write them, and may quote a prompt or an answer. Off unless set: then a failed span has
    /// its `error.type`, and an exception without a message.
    #[must_use]
    pub const fn errors(mut self, errors: bool) -> Self {
        self.errors = errors;
        self
    }

    /// Tells all other texts: details and reasons, and all data of the events inside spans.
    ///
    /// Users, models and callers may have written them. Off unless set.
    #[must_use]
    pub const fn details(mut self, details: bool) -> Self {
        self.details = details;
        self
    }

    /// Sets how many spans may be open at once; one more is refused and counted. 65,536 unless set.
    #[must_use]
    pub const fn max_open(mut self, max_open: NonZeroUsize) -> Self {
        self.max_open = max_open;
        self
    }

    /// Sets the label that holds `gen_ai.conversation.id`. `conversation_id` unless set. A session's
    /// own id is random, and the conventions forbid that for a fallback.
    #[must_use]
    pub fn conversation_label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.conversation = label.into();
        self
    }

    /// Tells what a viewer reads under names of its own. May be called for several.
    #[must_use]
    pub fn viewer(mut self, viewer: Viewer) -> Self {
        if !self.viewers.contains(&viewer) {
            self.viewers.push(viewer);
        }
        self
    }

    /// Sets the label that holds `user.id`, on every span of the session. None unless set.
    #[must_use]
    pub fn user_label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.user = Some(label.into());
        self
    }

    /// Sets the label that holds `session.id`, on every span of the session. None unless set.
    ///
    /// Viewers group traces by it. Phoenix and `MLflow` take `gen_ai.conversation.id` where there is none.
    #[must_use]
    pub fn session_label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.session = Some(label.into());
        self
    }

    /// Sets the label that names a workflow. `workflow` unless set. A session of its own (no
    /// child) that has it gets a span `invoke_workflow` around its `invoke_agent`.
    #[must_use]
    pub fn workflow_label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.workflow = label.into();
        self
    }
}
