//! The JSON of a condition: a word or an object with one key.

use std::fmt;

use runtime_events::FailureScenario;
use serde::de::{Error, MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::PolicyCondition;
use crate::seconds::Seconds;

/// The keys of an object, for errors.
const KEYS: &str = "`and`, `or`, `not`, `quality_at`, `agent_failed`, `gate_below`, \
                    `retry_exhausted`, `timed_out` or `cost_exceeded`";
/// The words, for errors.
const WORDS: &str = "`phase_completed` or `all_agents_complete`";

impl Serialize for PolicyCondition {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::And(conditions) => entry(serializer, "and", conditions),
            Self::Or(conditions) => entry(serializer, "or", conditions),
            Self::Not(condition) => entry(serializer, "not", condition),
            Self::QualityAt(level) => entry(serializer, "quality_at", level),
            Self::PhaseCompleted => serializer.serialize_str("phase_completed"),
            Self::AgentFailed(role) => entry(serializer, "agent_failed", role),
            Self::GateBelow(threshold) => entry(serializer, "gate_below", threshold),
            Self::RetryExhausted(scenario) => entry(serializer, "retry_exhausted", scenario),
            Self::TimedOut(limit) => entry(serializer, "timed_out", &Seconds(*limit)),
            Self::AllAgentsComplete => serializer.serialize_str("all_agents_complete"),
            Self::CostExceeded(budget) => entry(serializer, "cost_exceeded", budget),
            Self::Custom(custom) => Err(S::Error::custom(format_args!(
                "condition `{}` is a closure and cannot be written as JSON",
                custom.name()
            ))),
        }
    }
}

fn entry<S: Serializer>(
    serializer: S,
    key: &'static str,
    value: &(impl Serialize + ?Sized),
) -> Result<S::Ok, S::Error> {
    let mut map = serializer.serialize_map(Some(1))?;
    map.serialize_entry(key, value)?;
    map.end()
}

impl<'de> Deserialize<'de> for PolicyCondition {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ConditionVisitor)
    }
}

struct ConditionVisitor;

impl<'de> Visitor<'de> for ConditionVisitor {
    type Value = PolicyCondition;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a condition: a word or an object with one key")
    }

    fn visit_str<E: Error>(self, word: &str) -> Result<PolicyCondition, E> {
        match word {
            "phase_completed" => Ok(PolicyCondition::PhaseCompleted),
            "all_agents_complete" => Ok(PolicyCondition::AllAgentsComplete),
            _ => Err(E::custom(format_args!("unknown condition `{word}`, expected {WORDS}"))),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<PolicyCondition, A::Error> {
        let Some(key) = map.next_key::<String>()? else {
            return Err(Error::custom("a condition must have one key, found none"));
        };
        let condition = match key.as_str() {
            "and" => PolicyCondition::And(map.next_value()?),
            "or" => PolicyCondition::Or(map.next_value()?),
            "not" => PolicyCondition::Not(map.next_value()?),
            "quality_at" => PolicyCondition::QualityAt(map.next_value()?),
            "agent_failed" => {
                PolicyCondition::AgentFailed(map.next_value::<Option<Role>>()?.map(|role| role.0))
            }
            "gate_below" => PolicyCondition::GateBelow(map.next_value()?),
            "retry_exhausted" => {
                PolicyCondition::RetryExhausted(map.next_value::<Option<FailureScenario>>()?)
            }
            "timed_out" => PolicyCondition::TimedOut(map.next_value::<Seconds>()?.0),
            "cost_exceeded" => PolicyCondition::CostExceeded(map.next_value()?),
            _ => {
                return Err(Error::custom(format_args!(
                    "unknown condition `{key}`, expected {KEYS}"
                )));
            }
        };
        match map.next_key::<String>()? {
            None => Ok(condition),
            Some(second) => Err(Error::custom(format_args!(
                "a condition must have one key, found `{key}` and `{second}`"
            ))),
        }
    }
}

/// The name of a role, which must not be empty.
struct Role(String);

impl<'de> Deserialize<'de> for Role {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let role = String::deserialize(deserializer)?;
        if role.is_empty() {
            return Err(Error::custom("role name must not be empty; use `null` for any role"));
        }
        Ok(Self(role))
    }
}
