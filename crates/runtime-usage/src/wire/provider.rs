//! [`Provider`]: how a provider reports usage, as data. [`Reading`]: its report so far.

use std::sync::Arc;

use serde_json::Value;

use super::cost::Cost;
use super::counts::{Counts, Field, Odd};
use super::error::{ReportedUsageError, ReportedUsageErrorKind as Kind};
use super::finish::{Finish, Finished};
use super::path::{self, Object, Path};
use crate::reported::ReportedUsage;
use crate::snapshot::UsageSnapshot;
use crate::tier::ServiceTier;

/// How a provider reports usage.
#[derive(Debug)]
pub(crate) struct Provider {
    /// The key under which a stream's event holds the body; events without it are the body.
    pub(crate) envelope: Option<&'static str>,
    /// The key of the usage object in the body; without one, the body is the usage object.
    pub(crate) usage: Option<Path>,
    /// The counts in the usage object.
    pub(crate) fields: &'static [Field],
    /// Turns the counts into disjoint ones, and notes contradictions.
    pub(crate) tokens: fn(&Counts, &mut Odd) -> UsageSnapshot,
    /// The paths where imitators have the usage object, in the body.
    pub(crate) elsewhere: &'static [Path],
    /// Counts of imitators that stand in the body itself, which is the usage object then.
    pub(crate) bare: &'static [Path],
    /// The words that change the price, in the usage object or the body, each with the usual ones.
    pub(crate) surcharges: &'static [(Path, &'static [&'static str])],
    /// The paths of what the provider's own tools did, in the body or the usage object. They are billed
    /// beside the tokens.
    pub(crate) tools: &'static [Path],
    /// Whether the usage object should have the cost.
    pub(crate) cost: HasCost,
    /// The paths of the tier, in the body or in the usage object: the first that has a text counts.
    pub(crate) tier: &'static [Path],
    /// The paths of the model's name in the body: the first that has a text counts.
    pub(crate) model: &'static [Path],
    /// The places where the body, or an event, says why the answer ended: the first that says it counts.
    pub(crate) finish: &'static [Finish],
    /// The number of bytes of output in an event of a stream.
    pub(crate) streamed: fn(&Value) -> u64,
    /// Whether the usage in this event is more than a placeholder.
    pub(crate) is_report: fn(&Value) -> bool,
    /// Whether this event ends the answer.
    pub(crate) is_end: fn(&Value) -> bool,
    /// Whether this event is about what another model did beside.
    pub(crate) is_aside: fn(&Value) -> bool,
}

/// Whether a provider reports what an answer costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HasCost {
    Never,
    /// Imitators do.
    Sometimes,
    /// It is listed as missing if it is not reported.
    Always,
}

impl Provider {
    /// Reads the body of a response, or its usage object alone. A list is an answer in parts, as Gemini streams
    /// it.
    pub(crate) fn read(&'static self, json: &Value) -> Result<ReportedUsage, ReportedUsageError> {
        let mut reading = Reading::new(self);
        let parts = json.as_array().filter(|parts| parts.iter().all(Value::is_object));
        if let Some(parts) = parts {
            for part in parts {
                let mut body = self.body(part);
                let usage = self.usage_in(&mut body);
                reading.fold(body, usage.unwrap_or(&Value::Null))?;
            }
            return Ok(reading.report());
        }
        let mut body = self.body(json);
        let usage = self.usage_in(&mut body).unwrap_or_else(|| body.get());
        reading.fold(body, usage)?;
        let mut usage = reading.report();
        let has_ended = usage.finish_reasons[0].is_some();
        if has_ended && usage.missing.is_empty() && !reading.has_counts() {
            // No answer had a prompt of no tokens: nobody has counted.
            usage.missing.extend(reading.known.counts.required());
        }
        Ok(usage)
    }

    /// The body in an event. A line of the results of a batch has it deeper.
    pub(crate) fn body<'a>(&self, event: &'a Value) -> Object<'a> {
        let inside = self.envelope.and_then(|key| event.get(key));
        let is_line = || event.get("custom_id").is_some();
        Object::new(inside.filter(|body| body.is_object() && !is_line()).unwrap_or(event))
    }

    /// The usage object in the body of an event, if it has one.
    pub(crate) fn usage_in<'a>(&self, body: &mut Object<'a>) -> Option<&'a Value> {
        let Some(own) = self.usage else { return Some(body.get()) };
        if let Ok(Some(usage)) = body.value(own) {
            return Some(usage);
        }
        let elsewhere = self.elsewhere.iter().find_map(|path| body.object(*path));
        elsewhere.or_else(|| self.bare_in(body).map(|_| body.get()))
    }

    /// The count of an imitator that stands in the body itself.
    fn bare_in(&self, body: &mut Object<'_>) -> Option<&'static str> {
        self.bare.iter().find(|count| body.has(**count)).map(|count| count.text)
    }

    /// Whether a usage object counts searches or other tools under a name that is not known: each provider has one
    /// of its own, and they are billed beside the tokens.
    fn counts_tools(&self, usage: &Value) -> bool {
        let is_known = |name: &str| {
            let fields = self.fields.iter().flat_map(Field::paths);
            fields.chain(self.tools).any(|path| path::is_spelling(name, path.first()))
        };
        let mut fields = usage.as_object().into_iter().flatten();
        fields.any(|(name, value)| is_of_tools(name) && has_count(value) && !is_known(name))
    }
}

/// Whether a name is of a count of searches or other tools, and not of tokens or of what was asked for.
fn is_of_tools(name: &str) -> bool {
    const ASKED: [&str; 3] = ["tools", "tool_choice", "max_tool_calls"];
    let has = |word: &str| {
        name.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
    };
    // Most are of tokens.
    !name.ends_with("tokens")
        && !has("token")
        && ["search", "tool", "connector", "plugin"].into_iter().any(has)
        && !ASKED.contains(&name)
}

/// Whether a value is a count of zero, or has nothing but such counts in it.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_u64() == Some(0),
        Value::Object(fields) => !fields.is_empty() && fields.values().all(is_nothing),
        _ => false,
    }
}

/// Whether a value has a number in it that is more than zero.
fn has_count(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.as_f64().is_some_and(|number| number > 0.0),
        Value::Array(items) => items.iter().any(has_count),
        Value::Object(fields) => fields.values().any(has_count),
        _ => false,
    }
}

/// The report of a provider so far.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    known: Known,
    model: Option<Arc<str>>,
}

/// Everything but the model's name. It owns no memory, so that folding cannot allocate.
#[derive(Clone, Copy, Debug)]
struct Known {
    provider: &'static Provider,
    counts: Counts,
    cost: Cost,
    tier: Option<ServiceTier>,
    /// The path of the tier, if its name is not known.
    odd_tier: Option<&'static str>,
    /// Whether the cost is not an amount.
    odd_cost: bool,
    /// Which of the provider's surcharges apply, by bit.
    surcharged: u8,
    /// Which of the provider's tools were used, by bit.
    used: u32,
    /// Whether tools were counted under a name that is not known.
    tooled: bool,
    /// The count that stands in the body, of which nothing but counts is read.
    bare: Option<&'static str>,
    finished: Finished,
}

const _: () = owns_no_memory::<Known>();

/// A `Copy` type owns nothing on the heap, so changing it allocates nothing.
pub(crate) const fn owns_no_memory<T: Copy>() {}

impl Reading {
    pub(crate) const fn new(provider: &'static Provider) -> Self {
        let counts = Counts::new(provider.fields);
        let cost = Cost::UNKNOWN;
        let known = Known {
            provider,
            counts,
            cost,
            tier: None,
            odd_tier: None,
            odd_cost: false,
            surcharged: 0,
            used: 0,
            tooled: false,
            bare: None,
            finished: Finished([None; 6]),
        };
        Self { known, model: None }
    }

    pub(crate) const fn provider(&self) -> &'static Provider {
        self.known.provider
    }

    /// Whether anything but zeros was reported.
    pub(crate) fn has_counts(&self) -> bool {
        !self.known.counts.are_zero() || self.known.cost.total().is_ok()
    }

    /// Notes that another model has done something, at prices of its own.
    pub(crate) const fn note_aside(&mut self) {
        self.known.tooled = true;
    }

    /// Replaces known values by reported ones. On failure nothing changes.
    pub(crate) fn fold<'a>(
        &mut self,
        mut in_body: Object<'a>,
        usage: &'a Value,
    ) -> Result<(), ReportedUsageError> {
        let own = self.provider().usage.map_or(".", |path| path.text);
        for (field, value) in [(".", in_body.get()), (own, usage)] {
            if !value.is_object() && !value.is_null() {
                return Err(ReportedUsageError::about(field, value, Kind::NotAnObject));
            }
        }
        let mut in_usage = Object::new(usage);
        if usage.is_object() {
            let mut counts = self.known.counts;
            counts.replace(&mut in_usage)?;
            match self.provider().cost {
                HasCost::Never => {}
                // An imitator may mean something else by the name.
                HasCost::Sometimes => {
                    self.known.odd_cost = self.known.cost.replace(&mut in_usage).is_err();
                }
                HasCost::Always => self.known.cost.replace(&mut in_usage)?,
            }
            self.known.counts = counts;
            self.known.tooled |= self.provider().counts_tools(usage);
            let is_bare = std::ptr::eq(usage, in_body.get());
            self.known.bare = is_bare.then(|| self.provider().bare_in(&mut in_body)).flatten();
            for (at, (path, usual)) in self.provider().surcharges.iter().enumerate() {
                let word = in_usage.text(*path).or_else(|| in_body.text(*path));
                if word.is_some_and(|word| !usual.contains(&word)) {
                    self.known.surcharged |= 1 << at;
                }
            }
        }
        for (at, path) in self.provider().tools.iter().enumerate() {
            for place in [&mut in_body, &mut in_usage] {
                // A value of another shape tells of no tool, nor do counts of zero.
                let _ = place.visit(*path, &mut |found| {
                    self.known.used |= u32::from(!is_nothing(found)) << at;
                    Ok(())
                });
            }
        }
        self.known.finished.read(self.provider().finish, in_body.get());
        let Provider { tier: tiers, model: models, .. } = *self.provider();
        let tier = |path: &Path| {
            let tier = in_body.text(*path).or_else(|| in_usage.text(*path))?;
            Some((tier, path.text))
        };
        if let Some((tier, path)) = tiers.iter().find_map(tier) {
            let known = tier_of(tier);
            self.known.tier = Some(known.unwrap_or_default());
            self.known.odd_tier = known.is_none().then_some(path);
        }
        // Some servers send an empty name in the first chunk.
        let model = models.iter().find_map(|path| in_body.text(*path));
        let model = model.filter(|model| !model.is_empty());
        if model.is_some() && model != self.model.as_deref() {
            self.model = model.map(Arc::from);
        }
        Ok(())
    }

    /// The report, as disjoint counts.
    pub(crate) fn report(&self) -> ReportedUsage {
        let Known { provider, counts, cost, tier, odd_cost, surcharged, used, finished, .. } =
            &self.known;
        let mut odd = Odd::new();
        let mut usage = ReportedUsage::from((provider.tokens)(counts, &mut odd));
        usage.tier = *tier;
        usage.model.clone_from(&self.model);
        usage.finish_reasons = finished.0;
        usage.missing.extend(counts.missing());
        usage.missing.append(&mut odd);
        let set = |bits: u32, at: usize| bits & (1 << at) != 0;
        let surcharges = provider.surcharges.iter().map(|(path, _)| path).enumerate();
        let surcharges = surcharges.filter(|(at, _)| set((*surcharged).into(), *at));
        let tools = provider.tools.iter().enumerate().filter(|(at, _)| set(*used, *at));
        match cost.total() {
            // It has all of them in it.
            Ok(cost) => usage.cost = Some(cost),
            Err(field) => {
                usage.missing.extend(surcharges.chain(tools).map(|(_, path)| path.text));
                usage.missing.extend(self.known.tooled.then_some("tools"));
                usage.missing.extend(self.known.bare);
                usage.missing.extend((provider.cost == HasCost::Always).then_some(field));
            }
        }
        // It may have a price of its own.
        usage.missing.extend(self.known.odd_tier);
        usage.missing.extend(odd_cost.then_some("cost"));
        usage
    }
}

/// The tier of this name, for every provider, in letters of any case; `None` if the name is not known. Tiers of
/// reserved capacity are standard.
fn tier_of(name: &str) -> Option<ServiceTier> {
    let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    TIERS.iter().find_map(|(tier, names)| is_one_of(names).then_some(*tier))
}

const TIERS: &[(ServiceTier, &[&str])] = &[
    (ServiceTier::Batch, &["batch"]),
    (ServiceTier::Flex, &["flex", "on_demand_flex"]),
    (ServiceTier::Priority, &["priority", "fast", "on_demand_priority"]),
    (ServiceTier::Ultrafast, &["ultrafast"]),
    (
        ServiceTier::Standard,
        &[
            "standard",
            "default",
            "auto",
            "on_demand",
            "performance",
            "scale",
            "reserved",
            "unspecified",
            "traffic_type_unspecified",
            "provisioned_throughput",
            "",
        ],
    ),
];
