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

/// How spans are made.
///
/// | setting | unless set |
/// |---|---|
/// | [`profile`](Self::profile) | [`SemconvProfile::V1_41`] |
/// | [`provider`](Self::provider) | told from the model and from routes, or left out |
/// | [`details`](Self::details) | none |
/// | [`max_open`](Self::max_open) | 65,536 spans |
/// | [`conversation_label`](Self::conversation_label) | `conversation_id` |
/// | [`workflow_label`](Self::workflow_label) | `workflow` |
#[derive(Clone, Debug)]
pub struct OtelConfig {
    pub(crate) profile: SemconvProfile,
    pub(crate) provider: Option<Cow<'static, str>>,
    pub(crate) details: bool,
    pub(crate) max_open: NonZeroUsize,
    pub(crate) conversation: Cow<'static, str>,
    pub(crate) workflow: Cow<'static, str>,
}

impl Default for OtelConfig {
    fn default() -> Self {
        Self {
            profile: SemconvProfile::default(),
            provider: None,
            details: false,
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
    /// Unless set, the model's name tells the provider, or else the route that answered. Where neither
    /// does, the attribute is left out.
    #[must_use]
    pub fn provider(mut self, provider: impl Into<Cow<'static, str>>) -> Self {
        self.provider = Some(provider.into());
        self
    }

    /// Tells texts, too: details, reasons, and all data of the events inside spans.
    ///
    /// Users, models and providers may have written them. Off unless set.
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

    /// Sets the label that names a workflow. `workflow` unless set. A session of its own (no
    /// child) that has it gets a span `invoke_workflow` around its `invoke_agent`.
    #[must_use]
    pub fn workflow_label(mut self, label: impl Into<Cow<'static, str>>) -> Self {
        self.workflow = label.into();
        self
    }
}
