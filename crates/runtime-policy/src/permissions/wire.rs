//! The JSON of a policy.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::mode::{PermissionMode, UnknownRoles};
use super::policy::{PermissionPolicy, RolePermissionConfig};

#[derive(Serialize)]
struct Written<'a> {
    roles: BTreeMap<&'a str, WrittenRole<'a>>,
    tool_requirements: &'a BTreeMap<String, PermissionMode>,
    unknown_roles: UnknownRoles,
    case_insensitive_tools: bool,
}

#[derive(Serialize)]
struct WrittenRole<'a> {
    mode: PermissionMode,
    allowed_tools: Option<&'a [String]>,
    denied_tools: &'a [String],
}

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Read {
    roles: Named<Object<ReadRole>>,
    tool_requirements: Named<PermissionMode>,
    unknown_roles: UnknownRoles,
    case_insensitive_tools: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReadRole {
    mode: PermissionMode,
    #[serde(default)]
    allowed_tools: Option<Vec<String>>,
    #[serde(default)]
    denied_tools: Vec<String>,
}

impl Default for Read {
    fn default() -> Self {
        Self {
            roles: Named(Vec::new()),
            tool_requirements: Named(Vec::new()),
            unknown_roles: UnknownRoles::default(),
            case_insensitive_tools: false,
        }
    }
}

impl Serialize for PermissionPolicy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let roles = self.roles.iter().map(|(name, role)| {
            let config = &role.config;
            let written = WrittenRole {
                mode: config.mode,
                allowed_tools: config.allowed_tools.as_deref(),
                denied_tools: &config.denied_tools,
            };
            (name.as_str(), written)
        });
        let written = Written {
            roles: roles.collect(),
            tool_requirements: &self.requirements,
            unknown_roles: self.unknown_roles,
            case_insensitive_tools: self.case_insensitive_tools,
        };
        written.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PermissionPolicy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Object(read) = Object::<Read>::deserialize(deserializer)?;
        let mut policy = Self::new().unknown_roles(read.unknown_roles);
        policy.case_insensitive_tools = read.case_insensitive_tools;
        for (name, Object(role)) in read.roles.0 {
            let mut config = RolePermissionConfig::new(name, role.mode).map_err(Error::custom)?;
            config.allowed_tools = role.allowed_tools;
            config.denied_tools = role.denied_tools;
            policy = policy.role(config);
        }
        for (tool, mode) in read.tool_requirements.0 {
            policy = policy.requires(tool, mode);
        }
        Ok(policy)
    }
}

/// A JSON object. Without it, serde would also read the array `[]` as a policy that allows everything.
struct Object<T>(T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// A JSON object whose keys are names. An empty name is a mistake, and so is a repeated one: with the
/// last one counting, one line of a file could undo another unnoticed.
struct Named<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Named<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(NamedVisitor(PhantomData))
    }
}

struct NamedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for NamedVisitor<T> {
    type Value = Named<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object whose keys are names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<T>, A::Error> {
        let mut seen = BTreeSet::new();
        let mut entries = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if name.is_empty() {
                return Err(Error::custom("name must not be empty"));
            }
            if !seen.insert(name.clone()) {
                return Err(Error::custom(format_args!("duplicate name `{name}`")));
            }
            entries.push((name, map.next_value()?));
        }
        Ok(Named(entries))
    }
}
