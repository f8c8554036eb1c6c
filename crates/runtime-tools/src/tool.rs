//! [`Tool`]: a function that a model may call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use runtime_orchestrator::{BoxError, Effect, Timeout, ToolCall};
use runtime_policy::{Guardrails, PermissionMode};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments::typed;
use crate::schema::schema_of;

/// A function that a model may call: its name, its schema, and the terms of its calls. It is cheap to
/// clone.
///
/// ```
/// use std::time::Duration;
/// use runtime_orchestrator::{BoxError, Effect};
/// use runtime_policy::PermissionMode;
/// use runtime_tools::Tool;
///
/// #[derive(serde::Deserialize, schemars::JsonSchema)]
/// struct Refund {
///     /// The order, as `A-1234`.
///     order: String,
///     /// In cents.
///     amount: u64,
/// }
///
/// let refund = Tool::new("refund", "Refunds an order.", async |refund: Refund| {
///     Ok::<_, BoxError>(format!("refunded {} of {}", refund.amount, refund.order))
/// })
/// .effect(Effect::Keyed)
/// .requires(PermissionMode::WorkspaceWrite)
/// .timeout(Duration::from_secs(10));
/// # let _ = refund;
/// ```
#[derive(Clone)]
pub struct Tool {
    call: ToolCall,
    name: Arc<str>,
    description: Arc<str>,
    schema: Arc<Value>,
    repeatable: bool,
    run: Arc<Run>,
}

type Run = dyn Fn(Value) -> Running + Send + Sync;
type Running = Pin<Box<dyn Future<Output = Result<Value, BoxError>> + Send>>;

impl Tool {
    /// Creates a tool from an async function of its arguments.
    ///
    /// The type of the arguments gives the schema; doc comments on its fields become descriptions. Use
    /// `()` for a tool without arguments. A closure owns or clones what it uses, because calls run in
    /// parallel.
    pub fn new<A, T, E, F>(
        name: impl Into<Arc<str>>,
        description: impl Into<Arc<str>>,
        run: impl Fn(A) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        T: Serialize,
        E: Into<BoxError>,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let name = name.into();
        let of = Arc::clone(&name);
        let run = move |arguments| -> Running {
            let called = typed::<A>(&of, arguments).map(&run);
            Box::pin(async move { written(called?.await) })
        };
        Self::of(name, description.into(), schema_of::<A>(), Arc::new(run))
    }

    /// Creates a tool whose schema is known only at run time, such as one of a remote server.
    ///
    /// The function gets the arguments as the model wrote them, and checks them itself.
    pub fn dynamic<T, E, F>(
        name: impl Into<Arc<str>>,
        description: impl Into<Arc<str>>,
        schema: Value,
        run: impl Fn(Value) -> F + Send + Sync + 'static,
    ) -> Self
    where
        T: Serialize,
        E: Into<BoxError>,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let run = move |arguments| -> Running {
            let called = run(arguments);
            Box::pin(async move { written(called.await) })
        };
        Self::of(name.into(), description.into(), schema, Arc::new(run))
    }

    fn of(name: Arc<str>, description: Arc<str>, schema: Value, run: Arc<Run>) -> Self {
        let call = ToolCall::new(Arc::clone(&name));
        Self { call, name, description, schema: Arc::new(schema), repeatable: false, run }
    }

    /// Sets what a call does to the world. Default: [`Effect::Irreversible`].
    #[must_use]
    pub fn effect(self, effect: Effect) -> Self {
        Self { call: self.call.effect(effect), ..self }
    }

    /// Sets the mode that the tool requires of its role. Default: [`PermissionMode::ReadOnly`].
    ///
    /// It counts in sessions with permissions, beside what these require of the tool.
    #[must_use]
    pub fn requires(self, mode: PermissionMode) -> Self {
        Self { call: self.call.requires(mode), ..self }
    }

    /// Adds guardrails of the tool, behind those of the session.
    #[must_use]
    pub fn guardrails(self, guardrails: &Guardrails) -> Self {
        Self { call: self.call.guardrails(guardrails), ..self }
    }

    /// Limits the duration of a call. Default: the session's deadline alone.
    #[must_use]
    pub fn timeout(self, timeout: impl Into<Timeout>) -> Self {
        Self { call: self.call.timeout(timeout), ..self }
    }

    /// Allows any number of calls with the same arguments, as of a clock or a status.
    #[must_use]
    pub fn repeatable(self) -> Self {
        Self { repeatable: true, ..self }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The description, for the model.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The JSON schema of the arguments.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    pub(crate) const fn is_repeatable(&self) -> bool {
        self.repeatable
    }

    /// A call on the terms of the tool.
    pub(crate) const fn call(&self) -> &ToolCall {
        &self.call
    }

    pub(crate) fn run(&self, arguments: Value) -> Running {
        (self.run)(arguments)
    }
}

/// What a tool returned, as JSON.
fn written<T: Serialize, E: Into<BoxError>>(result: Result<T, E>) -> Result<Value, BoxError> {
    Ok(serde_json::to_value(result.map_err(Into::into)?)?)
}

impl fmt::Debug for Tool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tool").field("name", &self.name).finish_non_exhaustive()
    }
}
