//! The attributes of a span: those of its beginning, and those of its end.
//!
//! The SDK does not look whether a key is there already, so each is set in one place.

use std::borrow::Cow;
use std::sync::Arc;

use opentelemetry::trace::{SpanBuilder, SpanKind};
use opentelemetry::{Array, KeyValue, StringValue, Value};
use runtime_events::payload::{ToolRun, TurnEnded, TurnStarted, Word};
use runtime_events::{AgentEvent, AgentFailureClass, SpanOutcome};
use serde_json::json;

use crate::call::{Call, Sole};
use crate::config::{OtelConfig, SemconvProfile, Viewer};
use crate::names::{error, gen_ai, op, own, viewer};
use crate::provider::provider_of;
use crate::table::{Agent, Chat, Open, What};
use crate::tokens::Tokens;

/// A span as it begins.
pub(crate) struct Beginning {
    pub(crate) span: SpanBuilder,
    pub(crate) what: What,
}

impl OtelConfig {
    pub(crate) fn agent(&self, event: &AgentEvent) -> Beginning {
        let mut said = vec![KeyValue::new(gen_ai::OPERATION, op::INVOKE_AGENT)];
        let mut say = |key: &'static str, value: Option<Value>| {
            said.extend(value.map(|value| KeyValue::new(key, value)));
        };
        say(gen_ai::AGENT_NAME, event.role.clone().map(Into::into));
        if self.profile == SemconvProfile::V1_41 {
            say(gen_ai::PROVIDER, self.provider.clone().map(Into::into));
        }
        say(gen_ai::CONVERSATION, self.conversation_of(event).map(Into::into));
        say(own::SESSION, event.session_id.clone().map(Into::into));
        say(own::PHASE, event.phase.clone().map(Into::into));
        say(own::PROJECT, event.project_id.map(Into::into));
        for (label, value) in event.labels.iter().flat_map(|labels| labels.iter()) {
            said.push(KeyValue::new(format!("{}{label}", own::LABEL), value.clone()));
        }
        self.whose(event, &mut said);
        let span = named(op::INVOKE_AGENT, event.role.as_deref(), SpanKind::Internal, said);
        let agent = Agent { role: event.role.clone(), ..Agent::default() };
        Beginning { span, what: What::Agent(agent) }
    }

    /// The span around an agent whose session is of a workflow.
    pub(crate) fn workflow(&self, event: &AgentEvent) -> Option<SpanBuilder> {
        let name = event.labels.as_ref()?.get(&*self.workflow)?;
        let key = match self.profile {
            SemconvProfile::V1_41 => gen_ai::WORKFLOW_NAME,
            SemconvProfile::GenAi0_1 => gen_ai::AGENT_NAME,
        };
        let mut said = vec![
            KeyValue::new(gen_ai::OPERATION, op::INVOKE_WORKFLOW),
            KeyValue::new(key, name.clone()),
        ];
        self.whose(event, &mut said);
        Some(named(op::INVOKE_WORKFLOW, Some(name), SpanKind::Internal, said))
    }

    pub(crate) fn chat(&self, event: &AgentEvent) -> Beginning {
        let call = self.call(event);
        let mut said = Vec::with_capacity(2 * ROOM);
        said.push(KeyValue::new(gen_ai::OPERATION, op::CHAT));
        said.extend(call.model.clone().map(|model| KeyValue::new(gen_ai::REQUEST_MODEL, model)));
        // Any other is known at the end: the routes of its attempts tell it.
        said.extend(self.provider.clone().map(|it| KeyValue::new(gen_ai::PROVIDER, it)));
        said.extend(self.conversation_of(event).map(|it| KeyValue::new(gen_ai::CONVERSATION, it)));
        self.whose(event, &mut said);
        let span = named(op::CHAT, call.model.as_deref(), SpanKind::Client, said);
        Beginning { span, what: What::Chat(Chat { call, ..Chat::default() }) }
    }

    /// What a turn or an attempt asks, and whom.
    fn call(&self, event: &AgentEvent) -> Call {
        let begun = TurnStarted::of(event);
        let (route, model) = (told(begun.provider), told(begun.model));
        let provider = self.provider.clone().or_else(|| provider_of(route, model));
        Call { model: shared(begun.model), provider }
    }

    pub(crate) fn tool(&self, event: &AgentEvent) -> Beginning {
        // A tool without a name has none to tell, and the conventions require one.
        let called = ToolRun::of(event);
        let tool = shared(called.tool).unwrap_or_else(|| "unknown".into());
        let mut said = Vec::with_capacity(ROOM);
        said.push(KeyValue::new(gen_ai::OPERATION, op::EXECUTE_TOOL));
        said.push(KeyValue::new(gen_ai::TOOL_NAME, Arc::clone(&tool)));
        said.push(KeyValue::new(gen_ai::TOOL_TYPE, gen_ai::FUNCTION));
        said.extend(shared(called.call_id).map(|call| KeyValue::new(gen_ai::TOOL_CALL, call)));
        if self.profile == SemconvProfile::GenAi0_1 {
            said.extend(event.role.clone().map(|it| KeyValue::new(gen_ai::AGENT_NAME, it)));
        }
        self.whose(event, &mut said);
        let span = named(op::EXECUTE_TOOL, Some(&tool), SpanKind::Internal, said);
        Beginning { span, what: What::Tool(tool) }
    }

    pub(crate) fn attempt(&self, event: &AgentEvent) -> Beginning {
        let mut said = Vec::with_capacity(4);
        let begun = TurnStarted::of(event);
        said.extend(begun.attempt.map(|it| KeyValue::new(own::ATTEMPT_NUMBER, i64::from(it))));
        for (word, name) in [(begun.provider, own::PROVIDER), (begun.model, own::MODEL)] {
            said.extend(shared(word).map(|text| KeyValue::new(name, text)));
        }
        if begun.hedge {
            said.push(KeyValue::new(own::HEDGE, true));
        }
        self.whose(event, &mut said);
        let span = named(own::ATTEMPT, None, SpanKind::Internal, said);
        Beginning { span, what: What::Attempt(self.call(event)) }
    }

    /// The text of an event, if it may be told. That of a failure is an error's.
    pub(crate) fn detail(&self, event: &AgentEvent) -> Option<StringValue> {
        let told = if event.failure_class.is_some() { self.errors } else { self.details };
        event.detail.as_ref().filter(|_| told).cloned().map(StringValue::from)
    }

    fn conversation_of(&self, event: &AgentEvent) -> Option<String> {
        event.labels.as_ref()?.get(&*self.conversation).cloned()
    }

    /// Whose span it is. On every span: viewers find spans by it, not only traces.
    fn whose(&self, event: &AgentEvent, said: &mut Vec<KeyValue>) {
        let Some(labels) = &event.labels else { return };
        for (label, key) in [(&self.user, viewer::USER), (&self.session, viewer::SESSION)] {
            let value = label.as_ref().and_then(|label| labels.get(&**label));
            said.extend(value.map(|value| KeyValue::new(key, value.clone())));
        }
    }
}

/// Room for the attributes of the end as well: the SDK keeps all in one list.
const ROOM: usize = 8;

/// The attributes of a span's end. Without an event, the span is abandoned.
pub(crate) fn ending(
    open: &Open,
    event: Option<&AgentEvent>,
    turn: Option<&TurnEnded<'_>>,
    config: &OtelConfig,
) -> Vec<KeyValue> {
    let mut said = Vec::with_capacity(ROOM + open.contents.len());
    said.extend(open.contents.iter().cloned());
    match &open.what {
        What::Agent(agent) => {
            if config.profile == SemconvProfile::V1_41
                && config.provider.is_none()
                && let Sole::One(provider) = &agent.calls.provider
            {
                said.push(KeyValue::new(gen_ai::PROVIDER, provider.clone()));
            }
        }
        What::Chat(chat) => {
            if config.provider.is_none()
                && let Some(provider) = &chat.call.provider
            {
                said.push(KeyValue::new(gen_ai::PROVIDER, provider.clone()));
            }
            if let Some(model) = &chat.answered {
                said.push(KeyValue::new(gen_ai::RESPONSE_MODEL, Arc::clone(model)));
            }
            if let Some(turn) = turn {
                said.extend(finished(turn));
                spent(turn, config, &mut said);
            }
        }
        What::Tool(_) => {}
        What::Attempt(_) => {
            if let Some(turn) = turn {
                cost(turn, &mut said);
            }
        }
    }
    if let Some(error) = failure(event) {
        said.push(KeyValue::new(error::TYPE, error));
    }
    if let Some(event) = event {
        said.extend(event.outcome.map(|it| KeyValue::new(own::OUTCOME, it.as_str())));
        said.extend(event.failure_class.map(|it| KeyValue::new(own::FAILURE_CLASS, it.as_str())));
        // A failed span has it in its exception.
        let detail = config.detail(event).filter(|_| failure(Some(event)).is_none());
        said.extend(detail.map(|it| KeyValue::new(own::DETAIL, it)));
    }
    said
}

/// How an operation failed, if it did. A cancelled one has not failed.
pub(crate) fn failure(event: Option<&AgentEvent>) -> Option<&'static str> {
    let Some(event) = event else { return Some(error::ABANDONED) };
    match event.outcome? {
        SpanOutcome::TimedOut => Some(error::TIMEOUT),
        SpanOutcome::Panicked => Some(error::PANIC),
        outcome if outcome.is_failure() => {
            Some(event.failure_class.map_or(error::OTHER, AgentFailureClass::as_str))
        }
        _ => None,
    }
}

/// The text of a word, unless it is empty.
pub(crate) fn told(word: Option<Word<'_>>) -> Option<&str> {
    word.map(Word::as_str).filter(|text| !text.is_empty())
}

/// The same, without a copy where the event shares it.
pub(crate) fn shared(word: Option<Word<'_>>) -> Option<Arc<str>> {
    word.filter(|word| !word.as_str().is_empty()).map(Word::to_shared)
}

fn finished(ended: &TurnEnded<'_>) -> Option<KeyValue> {
    let reasons = ended.finish_reasons?.iter().map(|it| StringValue::from(it.to_owned()));
    Some(KeyValue::new(gen_ai::FINISH_REASONS, Value::Array(Array::String(reasons.collect()))))
}

fn spent(ended: &TurnEnded<'_>, config: &OtelConfig, said: &mut Vec<KeyValue>) {
    if let Some(tokens) = Tokens::of(ended) {
        let written = match config.profile {
            SemconvProfile::V1_41 => gen_ai::CACHE_CREATION,
            SemconvProfile::GenAi0_1 => gen_ai::CACHE_WRITE,
        };
        said.push(KeyValue::new(gen_ai::INPUT_TOKENS, signed(tokens.input())));
        said.push(KeyValue::new(gen_ai::OUTPUT_TOKENS, signed(tokens.output())));
        for (key, count) in [
            (gen_ai::CACHE_READ, tokens.cache_read),
            (written, tokens.cache_write),
            (gen_ai::REASONING, tokens.reasoning),
        ] {
            if count > 0 {
                said.push(KeyValue::new(key, signed(count)));
            }
        }
    }
    if let Some(cost) = ended.cost_usd {
        said.extend(config.viewers.iter().map(|viewer| cost_for(*viewer, cost)));
    }
    cost(ended, said);
}

/// The cost under the name that a viewer reads. Not on attempts: viewers add up what they find.
fn cost_for(viewer: Viewer, cost: f64) -> KeyValue {
    match viewer {
        Viewer::Langfuse => KeyValue::new(viewer::LANGFUSE_COST, cost),
        Viewer::OpenInference => KeyValue::new(viewer::OPEN_INFERENCE_COST, cost),
        Viewer::Mlflow => {
            KeyValue::new(viewer::MLFLOW_COST, json!({ "total_cost": cost }).to_string())
        }
    }
}

fn cost(ended: &TurnEnded<'_>, said: &mut Vec<KeyValue>) {
    said.extend(ended.cost_usd.map(|cost| KeyValue::new(own::COST, cost)));
    said.extend(ended.attempts.map(|made| KeyValue::new(own::ATTEMPTS, i64::from(made))));
    for (mark, name) in
        [(ended.estimated, own::ESTIMATED), (ended.cost_reported, own::COST_REPORTED)]
    {
        said.extend(mark.then(|| KeyValue::new(name, true)));
    }
}

/// OpenTelemetry's whole numbers have a sign.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn named(
    operation: &'static str,
    of: Option<&str>,
    kind: SpanKind,
    said: Vec<KeyValue>,
) -> SpanBuilder {
    let name = of.map(|of| {
        let mut name = String::with_capacity(operation.len() + 1 + of.len());
        name.push_str(operation);
        name.push(' ');
        name.push_str(of);
        name
    });
    SpanBuilder {
        name: name.map_or(Cow::Borrowed(operation), Cow::Owned),
        span_kind: Some(kind),
        attributes: Some(said),
        ..SpanBuilder::default()
    }
}
