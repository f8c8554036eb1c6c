//! Typed tools for a model, and the loop that everybody writes around them.
//!
//! A [`Tool`] is an async function with a typed argument. A [`Toolbox`] has the tools of an agent: it
//! lists them as the provider wants them, and runs the calls of a reply in a session, in parallel, each
//! with its permission, guardrails and timeout. [`Agent`] asks a model, runs its tools and asks again,
//! until there is an answer. Whoever has a loop of their own takes [`ToolRunner`] alone.
//!
//! ```
//! # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
//! # runtime.block_on(async {
//! use runtime_orchestrator::{BoxError, Effect, Orchestrator};
//! use runtime_tools::{Dialect, Tool, ToolRunner, Toolbox};
//! use serde_json::json;
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Search {
//!     /// Words that the page must have.
//!     query: String,
//! }
//!
//! let search = Tool::new("search", "Finds pages.", async |search: Search| {
//!     Ok::<_, BoxError>(format!("3 pages about {}", search.query))
//! });
//! let toolbox = Toolbox::new().with(search.effect(Effect::Read))?;
//!
//! let session = Orchestrator::new("writer", "draft").session()?;
//! let tools = toolbox.offer(Dialect::OpenAi, &session);
//! assert_eq!(tools[0]["function"]["parameters"]["required"], json!(["query"]));
//!
//! // The model's reply, as your client returns it.
//! let reply = json!({ "choices": [{ "message": { "role": "assistant", "tool_calls": [{
//!     "id": "call_1", "type": "function",
//!     "function": { "name": "search", "arguments": r#"{"query":"breakers"}"# },
//! }] } }] });
//! let mut runner = ToolRunner::new(&session, &toolbox);
//! let results = runner.run(Dialect::OpenAi.uses(&reply)).await?;
//! assert_eq!(results[0].content, "3 pages about breakers");
//! # Ok::<_, BoxError>(()) }).unwrap();
//! ```
//!
//! What the model does wrong is answered, so that it can mend it: an unknown tool, arguments that do not
//! fit, a tool that failed or is not permitted. Only the end of the session ends the run.
//!
//! # Features
//!
//! | feature | default | adds |
//! |---|---|---|
//! | `durable` | no | the loop in a `DurableSession` of `runtime-durable`, and approvals in it |
#![cfg_attr(docsrs, feature(doc_cfg))]

mod agent;
mod answer;
mod arguments;
mod calls;
mod chat;
mod dialect;
#[cfg(feature = "durable")]
mod durable;
mod errors;
mod output;
mod repeats;
mod result;
mod results;
mod runner;
mod schema;
mod task;
#[cfg(feature = "durable")]
mod terms;
mod tool;
mod tool_use;
mod toolbox;

pub use self::agent::Agent;
pub use self::answer::InvalidAnswerError;
pub use self::arguments::InvalidArgumentsError;
pub use self::calls::{Calls, CallsFor};
pub use self::chat::{Chat, Said};
pub use self::dialect::Dialect;
pub use self::errors::{AgentError, ToolRunnerError};
pub use self::output::{Media, ToolOutput};
pub use self::repeats::RepeatedCallError;
pub use self::result::{ToolOutcome, ToolResult};
pub use self::runner::ToolRunner;
pub use self::schema::schema_of;
pub use self::tool::Tool;
pub use self::tool_use::ToolUse;
pub use self::toolbox::{Toolbox, ToolboxError};
