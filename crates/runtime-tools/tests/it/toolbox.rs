//! What a toolbox takes, and what it offers.

use runtime_orchestrator::{BoxError, Orchestrator};
use runtime_policy::{PermissionEnforcer, PermissionMode, PermissionPolicy, RolePermissionConfig};
use runtime_tools::{Dialect, Tool, Toolbox, ToolboxError, schema_of};
use serde_json::{Value, json};

use crate::search;

fn nothing(name: &str) -> Tool {
    Tool::new(name, "Does nothing.", async |()| Ok::<_, BoxError>(()))
}

#[test]
fn schema_has_descriptions_types_and_required_fields() {
    let mut schema = search().schema().clone();
    let limit = schema["properties"]["limit"].take();
    assert_eq!(limit["type"], json!(["integer", "null"]));
    assert_eq!(limit["description"], "The most pages to return.");
    assert_eq!(schema["required"], json!(["query"]));
    let query = json!({ "type": "string", "description": "Words that the page must have." });
    assert_eq!(schema["properties"]["query"], query);
    assert!(schema.get("$schema").is_none() && schema.get("title").is_none());
}

#[test]
fn nested_types_stand_where_they_are_used() {
    #[derive(schemars::JsonSchema)]
    struct Inner {
        _x: u8,
    }
    #[derive(schemars::JsonSchema)]
    struct Outer {
        _inner: Vec<Inner>,
    }
    let schema = schema_of::<Outer>();
    assert!(!schema.to_string().contains("$ref"), "{schema}");
    assert_eq!(schema["properties"]["_inner"]["items"]["type"], "object");
}

#[test]
fn type_that_contains_itself_may_be_an_argument() {
    #[derive(serde::Deserialize, schemars::JsonSchema)]
    struct Node {
        /// Its name.
        name: String,
        children: Vec<Self>,
    }
    fn count(node: &Node) -> usize {
        node.name.len() + node.children.iter().map(count).sum::<usize>()
    }
    let tree = Tool::new("tree", "Counts.", async |node: Node| Ok::<_, BoxError>(count(&node)));
    let toolbox = Toolbox::new().with(tree).unwrap();
    let schema = toolbox.tools()[0].schema();
    assert_eq!(schema["properties"]["name"]["type"], "string", "{schema}");
}

#[test]
fn names_that_a_provider_refuses_are_refused() {
    for name in ["", "two words", "naïve", "a.b", "3d", "-x", &"x".repeat(65)] {
        let refused = Toolbox::new().with(nothing(name)).unwrap_err();
        assert_eq!(refused, ToolboxError::Name(name.to_owned()));
    }
    for name in ["_3d", "x-3", &"x".repeat(64)] {
        assert!(Toolbox::new().with(nothing(name)).is_ok(), "{name}");
    }
}

#[test]
fn name_is_taken_once() {
    let error = Toolbox::new().with(search()).unwrap().with(search()).unwrap_err();
    assert_eq!(error.to_string(), "tool `search` is already in the toolbox");
}

#[test]
fn arguments_that_are_no_object_are_refused() {
    let list = Tool::new("sum", "Adds.", async |numbers: Vec<u32>| {
        Ok::<_, BoxError>(numbers.iter().sum::<u32>())
    });
    let error = Toolbox::new().with(list).unwrap_err();
    assert!(matches!(error, ToolboxError::NoObject(_)), "{error}");
}

#[test]
fn role_is_offered_what_it_may_use() {
    let writer = RolePermissionConfig::new("writer", PermissionMode::ReadOnly).unwrap();
    let policy = PermissionPolicy::new().role(writer.denied_tools(["denied"]));
    let session = Orchestrator::new("writer", "draft")
        .permissions(PermissionEnforcer::new(policy))
        .session()
        .unwrap();
    let toolbox = Toolbox::new()
        .with(search())
        .and_then(|tools| tools.with(nothing("denied")))
        .and_then(|tools| tools.with(nothing("refund").requires(PermissionMode::FullAccess)))
        .unwrap();
    let names = |offer: Value| -> Vec<Value> {
        offer.as_array().unwrap().iter().map(|tool| tool["name"].clone()).collect()
    };
    assert_eq!(names(toolbox.offer(Dialect::Anthropic, &session)), ["search"]);
    let free = Orchestrator::new("writer", "draft").session().unwrap();
    assert_eq!(names(toolbox.offer(Dialect::Anthropic, &free)), ["search", "denied", "refund"]);
}
