//! Metrics, under the names of the profile and with the conventions' buckets.
//!
//! No id of a run, call or conversation is ever on a metric.

use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter};
use runtime_events::payload::{BreakerChanged, FleetReach, Recovery, TurnEnded};
use runtime_events::{AgentEvent, AgentEventName, SpanOutcome};

use crate::attributes::{failure, told};
use crate::call::Call;
use crate::config::SemconvProfile;
use crate::names::{error, gen_ai, metric, op, own};
use crate::table::{Agent, Chat, Ended, What};
use crate::tokens::{Tokens, Used};

#[derive(Debug)]
pub(crate) struct Meters {
    chat: Histogram<f64>,
    agent: Histogram<f64>,
    tool: Histogram<f64>,
    chats: Histogram<u64>,
    tools: Histogram<u64>,
    tokens: TokenMeters,
    cost: Counter<f64>,
    recoveries: Counter<u64>,
    breakers: Counter<u64>,
    fleets: Counter<u64>,
}

/// The two ways to count tokens.
#[derive(Debug)]
enum TokenMeters {
    V1_41(Histogram<u64>),
    GenAi0_1 {
        /// Each with the direction it counts.
        calls: [Histogram<u64>; 2],
        input: Counter<u64>,
        output: Counter<u64>,
        cache_read: Counter<u64>,
        cache_write: Counter<u64>,
        reasoning: Counter<u64>,
    },
}

impl Meters {
    pub(crate) fn new(meter: &Meter, profile: SemconvProfile) -> Self {
        let seconds = |name, about, buckets: &[f64]| {
            let builder = meter.f64_histogram(name).with_unit(metric::SECONDS);
            builder.with_description(about).with_boundaries(buckets.to_vec()).build()
        };
        let calls = |name, unit, about| {
            let builder = meter.u64_histogram(name).with_unit(unit).with_description(about);
            builder.with_boundaries(metric::COUNT_BUCKETS.to_vec()).build()
        };
        let count = |name, unit, about| {
            meter.u64_counter(name).with_unit(unit).with_description(about).build()
        };
        let new = profile == SemconvProfile::GenAi0_1;
        let named = |theirs, ours| if new { theirs } else { ours };
        Self {
            chat: seconds(
                named(metric::INFERENCE_DURATION, metric::OPERATION_DURATION),
                "GenAI operation duration.",
                &metric::CALL_BUCKETS,
            ),
            agent: seconds(
                named(metric::AGENT_DURATION, metric::OWN_AGENT_DURATION),
                "Duration of an agent's invocation.",
                &metric::AGENT_BUCKETS,
            ),
            tool: seconds(
                named(metric::TOOL_DURATION, metric::OWN_TOOL_DURATION),
                "Duration of a tool's execution.",
                &metric::CALL_BUCKETS,
            ),
            chats: calls(
                named(metric::INFERENCE_CALLS, metric::OWN_INFERENCE_CALLS),
                "{inference_call}",
                "Calls of models in an agent's invocation.",
            ),
            tools: calls(
                named(metric::TOOL_CALLS, metric::OWN_TOOL_CALLS),
                "{tool_call}",
                "Calls of tools in an agent's invocation.",
            ),
            tokens: TokenMeters::new(meter, new),
            cost: meter
                .f64_counter(metric::COST)
                .with_unit("{USD}")
                .with_description("Cost of turns.")
                .build(),
            recoveries: count(
                metric::RECOVERIES,
                "{recovery}",
                "Recoveries, and how far they are.",
            ),
            breakers: count(metric::BREAKER_CHANGES, "{change}", "Changes of circuit breakers."),
            fleets: count(
                metric::FLEET_CHANGES,
                "{change}",
                "How often the backend of a fleet went away, and came back.",
            ),
        }
    }

    /// A span has ended as its event says. The list `said` is empty, and has room.
    pub(crate) fn ended(
        &self,
        ended: &Ended,
        event: &AgentEvent,
        turn: Option<&TurnEnded<'_>>,
        mut said: Vec<KeyValue>,
    ) {
        let used = || turn.map(Used::of).unwrap_or_default();
        let seconds = ended.at.since(ended.open.start).as_secs_f64();
        match &ended.open.what {
            What::Chat(chat) => self.chat(chat, seconds, used(), event, said),
            What::Agent(agent) => self.agent(agent, seconds, event, said),
            What::Tool(tool) => {
                said.push(KeyValue::new(gen_ai::TOOL_NAME, Arc::clone(tool)));
                said.push(KeyValue::new(gen_ai::TOOL_TYPE, gen_ai::FUNCTION));
                said.extend(event.role.clone().map(|it| KeyValue::new(gen_ai::AGENT_NAME, it)));
                outcome(event, &mut said);
                self.tool.record(seconds, &said);
            }
            What::Attempt(call) => {
                let is_answered = event.event == AgentEventName::AttemptCompleted;
                let answered = call.model.as_ref().filter(|_| is_answered);
                ask(call, answered, &mut said);
                self.used(used(), event, said);
            }
        }
    }

    /// Something has happened inside a span, or outside of all.
    pub(crate) fn noted(&self, event: &AgentEvent) {
        match event.event {
            AgentEventName::RecoveryAttempted
            | AgentEventName::RecoverySucceeded
            | AgentEventName::RecoveryFailed
            | AgentEventName::RecoveryEscalated => {
                let scenario =
                    told(Recovery::of(event).scenario).unwrap_or(error::OTHER).to_owned();
                let said = [
                    KeyValue::new(own::RECOVERY, event.event.short()),
                    KeyValue::new(own::SCENARIO, scenario),
                ];
                self.recoveries.add(1, &said);
            }
            AgentEventName::BreakerChanged => {
                let changed = BreakerChanged::of(event);
                let states = [(changed.from, own::FROM), (changed.to, own::TO)];
                let names = [(changed.breaker, own::BREAKER)].into_iter().chain(states);
                let said = names
                    .filter_map(|(word, name)| Some(KeyValue::new(name, told(word)?.to_owned())));
                let said: Vec<_> = said.collect();
                self.breakers.add(1, &said);
            }
            AgentEventName::FleetDegraded | AgentEventName::FleetRecovered => {
                let mut said = vec![KeyValue::new(own::TO, event.event.short())];
                let fleet = told(FleetReach::of(event).fleet);
                said.extend(fleet.map(|fleet| KeyValue::new(own::FLEET, fleet.to_owned())));
                self.fleets.add(1, &said);
            }
            _ => {}
        }
    }

    fn agent(&self, agent: &Agent, seconds: f64, event: &AgentEvent, mut said: Vec<KeyValue>) {
        said.extend(agent.role.clone().map(|role| KeyValue::new(gen_ai::AGENT_NAME, role)));
        self.chats.record(agent.calls.chats, &said);
        self.tools.record(agent.calls.tools, &said);
        outcome(event, &mut said);
        self.agent.record(seconds, &said);
    }

    fn chat(
        &self,
        chat: &Chat,
        seconds: f64,
        used: Used,
        event: &AgentEvent,
        mut said: Vec<KeyValue>,
    ) {
        ask(&chat.call, chat.answered.as_ref(), &mut said);
        let common = said.len();
        outcome(event, &mut said);
        self.chat.record(seconds, &said);
        said.truncate(common);
        let Some(counted) = chat.attempts.as_deref() else { return self.used(used, event, said) };
        // Each attempt is counted for the model it asked. The rest is of attempts whose ends are lost.
        let rest = used.beyond(*counted);
        self.spent(rest, &said);
        if rest.tokens.is_some() {
            self.tokens.record(rest.tokens, event, said);
        }
    }

    fn used(&self, used: Used, event: &AgentEvent, said: Vec<KeyValue>) {
        self.spent(used, &said);
        self.tokens.record(used.tokens, event, said);
    }

    fn spent(&self, used: Used, said: &[KeyValue]) {
        if let Some(nanousd) = used.nanousd {
            // Billionths, whether of a second or of a dollar.
            self.cost.add(Duration::from_nanos(nanousd).as_secs_f64(), said);
        }
    }
}

impl TokenMeters {
    fn new(meter: &Meter, new: bool) -> Self {
        let histogram = |name, about| {
            let builder = meter.u64_histogram(name).with_unit(metric::TOKENS);
            let builder = builder.with_boundaries(metric::TOKEN_BUCKETS.to_vec());
            builder.with_description(about).build()
        };
        let counter = |name, about| {
            meter.u64_counter(name).with_unit(metric::TOKENS).with_description(about).build()
        };
        if !new {
            return Self::V1_41(histogram(
                metric::TOKEN_USAGE,
                "Number of input and output tokens used.",
            ));
        }
        Self::GenAi0_1 {
            calls: [
                histogram(metric::CALL_INPUT, "Input tokens of a call."),
                histogram(metric::CALL_OUTPUT, "Output tokens of a call."),
            ],
            input: counter(metric::USAGE_INPUT, "Input tokens used."),
            output: counter(metric::USAGE_OUTPUT, "Output tokens used."),
            cache_read: counter(metric::USAGE_CACHE_READ, "Input tokens read from a cache."),
            cache_write: counter(metric::USAGE_CACHE_WRITE, "Input tokens written to a cache."),
            reasoning: counter(metric::USAGE_REASONING, "Output tokens that were reasoning."),
        }
    }

    fn record(&self, tokens: Option<Tokens>, event: &AgentEvent, mut said: Vec<KeyValue>) {
        match self {
            Self::V1_41(usage) => {
                let Some(tokens) = tokens else { return };
                for (kind, count) in [("input", tokens.input()), ("output", tokens.output())] {
                    said.push(KeyValue::new(gen_ai::TOKEN_TYPE, kind));
                    usage.record(count, &said);
                    said.pop();
                }
            }
            Self::GenAi0_1 { calls, input, output, cache_read, cache_write, reasoning } => {
                // A call that failed counts as zero tokens; one without a usage, not at all.
                if tokens.is_none() && failure(Some(event)).is_none() {
                    return;
                }
                let tokens = tokens.unwrap_or_default();
                let fields = said.len();
                outcome(event, &mut said);
                calls[0].record(tokens.input(), &said);
                calls[1].record(tokens.output(), &said);
                said.truncate(fields);
                let mut add = |counter: &Counter<u64>, count: u64, modality: &'static str| {
                    said.push(KeyValue::new(gen_ai::TOKEN_MODALITY, modality));
                    counter.add(count, &said);
                    said.pop();
                };
                // A provider tells audio from the rest, and not text from images.
                add(input, tokens.input() - tokens.input_audio, UNKNOWN);
                add(output, tokens.output() - tokens.output_audio, UNKNOWN);
                for (counter, count, modality) in [
                    (input, tokens.input_audio, AUDIO),
                    (output, tokens.output_audio, AUDIO),
                    (cache_read, tokens.cache_read, UNKNOWN),
                    (cache_write, tokens.cache_write, UNKNOWN),
                    (reasoning, tokens.reasoning, UNKNOWN),
                ] {
                    if count > 0 {
                        add(counter, count, modality);
                    }
                }
            }
        }
    }
}

const UNKNOWN: &str = "unknown";
const AUDIO: &str = "audio";

/// What a call of a model is counted under.
fn ask(call: &Call, answered: Option<&Arc<str>>, said: &mut Vec<KeyValue>) {
    said.push(KeyValue::new(gen_ai::OPERATION, op::CHAT));
    said.extend(call.provider.clone().map(|it| KeyValue::new(gen_ai::PROVIDER, it)));
    said.extend(call.model.clone().map(|it| KeyValue::new(gen_ai::REQUEST_MODEL, it)));
    said.extend(answered.cloned().map(|it| KeyValue::new(gen_ai::RESPONSE_MODEL, it)));
}

/// How it failed; or that it was cancelled: such a duration is no measure of a provider.
fn outcome(event: &AgentEvent, said: &mut Vec<KeyValue>) {
    said.extend(failure(Some(event)).map(|error| KeyValue::new(error::TYPE, error)));
    if event.outcome == Some(SpanOutcome::Cancelled) {
        said.push(KeyValue::new(own::OUTCOME, SpanOutcome::Cancelled.as_str()));
    }
}
