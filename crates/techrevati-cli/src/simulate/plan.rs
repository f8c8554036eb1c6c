//! A plan, as it is written in a file.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// A plan: what comes, what answers, what goes wrong, and the policies to compare.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    #[serde(default)]
    pub(super) seed: u64,
    /// How long turns come.
    pub(super) lasts: Time,
    pub(super) traffic: Traffic,
    pub(super) providers: BTreeMap<String, ProviderPlan>,
    pub(super) policies: Vec<Policy>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Traffic {
    pub(super) turns_per_minute: f64,
    /// The longest that a turn may take, with all of its attempts.
    pub(super) within: Time,
    /// The longest that an attempt may take.
    pub(super) attempt: Time,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ProviderPlan {
    /// Dollars for a million tokens of input and of output.
    pub(super) price: [f64; 2],
    /// The shortest and the longest time to the first token, and from there to the last.
    pub(super) first_token: [Time; 2],
    pub(super) rest: [Time; 2],
    /// The fewest and the most tokens of input and of output.
    pub(super) input: [u64; 2],
    pub(super) output: [u64; 2],
    /// Calls a minute.
    pub(super) capacity: Option<NonZeroU32>,
    #[serde(default)]
    pub(super) faults: Vec<FaultPlan>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FaultPlan {
    pub(super) what: What,
    pub(super) from: Time,
    pub(super) until: Time,
    /// Of how many calls, in percent.
    #[serde(default = "all")]
    pub(super) share: u8,
    /// The wait that a storm asks for, or how much later first tokens are.
    #[serde(default)]
    pub(super) by: Time,
}

const fn all() -> u8 {
    100
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum What {
    Storm,
    Overload,
    Slow,
    Cut,
    Down,
    Hang,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Policy {
    pub(super) name: String,
    /// Providers, in order.
    pub(super) routes: Vec<String>,
    /// The retries for a hundred answers of a provider.
    #[serde(default)]
    pub(super) retries: u32,
    /// When a second call is made beside a slow one.
    pub(super) hedge: Option<Time>,
    /// Calls a minute to each provider.
    pub(super) limit: Option<NonZeroU32>,
}

impl Plan {
    pub(super) fn check(&self) -> Result<(), String> {
        if self.policies.is_empty() {
            return Err("the plan has no policies".to_owned());
        }
        if !(0.01..=6_000.0).contains(&self.traffic.turns_per_minute) {
            return Err("`turns_per_minute` must be from 0.01 to 6000".to_owned());
        }
        if self.lasts.0.is_zero() || self.lasts.0 > Duration::from_secs(24 * 3_600) {
            return Err("`lasts` must be from `1s` to `24h`".to_owned());
        }
        for (name, provider) in &self.providers {
            if provider.price.iter().any(|price| !(0.0..1e6).contains(price)) {
                return Err(format!("the price of `{name}` is no amount of dollars"));
            }
            provider.check().map_err(|why| format!("{why} of `{name}`"))?;
        }
        for policy in &self.policies {
            if policy.routes.is_empty() {
                return Err(format!("policy `{}` has no routes", policy.name));
            }
            let mut routes = policy.routes.iter();
            if let Some(unknown) = routes.find(|route| !self.providers.contains_key(*route)) {
                let name = &policy.name;
                return Err(format!(
                    "policy `{name}` names provider `{unknown}`, which is not there"
                ));
            }
        }
        Ok(())
    }
}

impl ProviderPlan {
    /// What is the wrong way round would go unnoticed: no fault, or another range.
    fn check(&self) -> Result<(), String> {
        for (what, [least, most]) in [("first_token", self.first_token), ("rest", self.rest)] {
            if least.0 > most.0 {
                return Err(format!("`{what}` must be the shortest and the longest time"));
            }
        }
        for (what, [least, most]) in [("input", self.input), ("output", self.output)] {
            if least > most {
                return Err(format!("`{what}` must be the fewest and the most tokens"));
            }
        }
        for FaultPlan { from, until, share, .. } in &self.faults {
            if from.0 >= until.0 {
                return Err("`until` must be after `from` in a fault".to_owned());
            }
            if !(1..=100).contains(share) {
                return Err("`share` must be from 1 to 100 in a fault".to_owned());
            }
        }
        Ok(())
    }
}

/// A duration such as `90s`, `250ms`, `30m` or `1h`.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Time(pub(super) Duration);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong =
            || serde::de::Error::custom(format!("`{text}` is no time: write `90s` or `1h`"));
        let unit = text.find(|letter: char| letter.is_alphabetic()).ok_or_else(wrong)?;
        let number: f64 = text[..unit].trim().parse().map_err(|_| wrong())?;
        let seconds = match &text[unit..] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return Err(wrong()),
        };
        Duration::try_from_secs_f64(number * seconds).map(Self).map_err(|_| wrong())
    }
}
