//! An event as OpenTelemetry attributes, under the original's names.

use serde::Serialize;

use crate::event::AgentEvent;
use crate::time::format_utc;

/// The value of one attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[expect(clippy::exhaustive_enums, reason = "the original's attributes are of these two kinds")]
pub enum AttributeValue {
    /// A text.
    Text(String),
    /// A whole number.
    Int(i64),
}

impl AgentEvent {
    /// The event as flat attributes: `agent.event`, `agent.event.status`,
    /// `agent.event.timestamp`, and those of `agent.role`, `agent.phase`, `agent.project_id`,
    /// `agent.failure_class` and `agent.detail` that are set.
    ///
    /// ```
    /// use runtime_events::AgentEvent;
    ///
    /// let attributes = AgentEvent::started("writer", "draft").to_otel_attributes();
    /// assert_eq!(attributes[0], ("agent.event", "agent.started".into()));
    /// ```
    pub fn to_otel_attributes(&self) -> Vec<(&'static str, AttributeValue)> {
        let mut attributes = vec![
            ("agent.event", self.event.as_str().into()),
            ("agent.event.status", self.status.as_str().into()),
            ("agent.event.timestamp", AttributeValue::Text(format_utc(self.emitted_at))),
        ];
        let mut set = |key, value: Option<AttributeValue>| {
            attributes.extend(value.map(|value| (key, value)));
        };
        set("agent.role", self.role.as_deref().map(Into::into));
        set("agent.phase", self.phase.as_deref().map(Into::into));
        set("agent.project_id", self.project_id.map(AttributeValue::Int));
        set("agent.failure_class", self.failure_class.map(|class| class.as_str().into()));
        set("agent.detail", self.detail.as_deref().map(Into::into));
        attributes
    }
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
