//! [`Tool`]: a function that a model may call.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use runtime_events::{IdSource, RandomIds};
use runtime_orchestrator::{BoxError, Effect, Timeout, ToolCall};
use runtime_policy::{Guardrails, PermissionMode};
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::arguments::{InvalidArgumentsError, typed};
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
    check: Check,
    #[cfg(feature = "durable")]
    pub(crate) durable: crate::terms::Terms,
}

/// A call with its arguments, and the key under which the other side knows it.
type Run = dyn Fn(Value, Option<&str>) -> Running + Send + Sync;
type Check = fn(&str, &Value) -> Result<(), InvalidArgumentsError>;
pub(crate) type Running = Pin<Box<dyn Future<Output = Result<Value, BoxError>> + Send>>;

impl Tool {
    /// Creates a tool from an async function of its arguments.
    ///
    /// The type of the arguments gives the schema; doc comments on its fields become descriptions. Use
    /// `()` for a tool without arguments.
    ///
    /// A function that captures something is a plain closure, which clones it for each call, because calls run in
    /// parallel. An `async move |…|` would lend it, and does not compile.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use runtime_orchestrator::BoxError;
    /// use runtime_tools::Tool;
    ///
    /// # async fn find(pool: &str, query: &Query) -> Result<usize, BoxError> { Ok(pool.len() + query.text.len()) }
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Query { text: String }
    ///
    /// let pool: Arc<str> = "connections".into();
    /// let search = Tool::new("search", "Counts what is found.", move |query: Query| {
    ///     let pool = Arc::clone(&pool);
    ///     async move { find(&pool, &query).await }
    /// });
    /// # drop(search);
    /// ```
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
        Self::typed(name.into(), description.into(), move |arguments, _| run(arguments))
    }

    /// Creates a tool whose function also gets the idempotency key of its call, to send it along.
    ///
    /// In a durable session the key is the same in each life of the thread, so the other side makes the call
    /// once; elsewhere each call has another one. The effect is [`Effect::Keyed`].
    ///
    /// ```
    /// use runtime_orchestrator::BoxError;
    /// use runtime_tools::Tool;
    ///
    /// # async fn send(order: &str, key: &str) -> Result<u64, BoxError> { Ok(12) }
    /// #[derive(serde::Deserialize, schemars::JsonSchema)]
    /// struct Pay { order: String }
    ///
    /// let pay = Tool::keyed("pay", "Pays an order.", async |pay: Pay, key: String| {
    ///     send(&pay.order, &key).await
    /// });
    /// # drop(pay);
    /// ```
    pub fn keyed<A, T, E, F>(
        name: impl Into<Arc<str>>,
        description: impl Into<Arc<str>>,
        run: impl Fn(A, String) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        T: Serialize,
        E: Into<BoxError>,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let run = move |arguments, key: Option<&str>| {
            let key = key.map_or_else(|| format!("{:032x}", RandomIds.draw()), str::to_owned);
            run(arguments, key)
        };
        Self::typed(name.into(), description.into(), run).effect(Effect::Keyed)
    }

    fn typed<A, T, E, F>(
        name: Arc<str>,
        description: Arc<str>,
        run: impl Fn(A, Option<&str>) -> F + Send + Sync + 'static,
    ) -> Self
    where
        A: DeserializeOwned + JsonSchema,
        T: Serialize,
        E: Into<BoxError>,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let of = Arc::clone(&name);
        let run = move |arguments, key: Option<&str>| -> Running {
            let called = typed::<A>(&of, arguments).map(|arguments| run(arguments, key));
            Box::pin(async move { written(called?.await) })
        };
        let check: Check = |name, arguments| typed::<A>(name, arguments.clone()).map(drop);
        Self::of((name, description, schema_of::<A>()), Arc::new(run), check)
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
        let run = move |arguments, _: Option<&str>| -> Running {
            let called = run(arguments);
            Box::pin(async move { written(called.await) })
        };
        Self::of((name.into(), description.into(), schema), Arc::new(run), |_, _| Ok(()))
    }

    fn of(
        (name, description, schema): (Arc<str>, Arc<str>, Value),
        run: Arc<Run>,
        check: Check,
    ) -> Self {
        let call = ToolCall::new(Arc::clone(&name));
        Self {
            call,
            name,
            description,
            schema: Arc::new(schema),
            repeatable: false,
            run,
            check,
            #[cfg(feature = "durable")]
            durable: crate::terms::Terms::default(),
        }
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

    /// Calls the function. A call without a key gets one of its own.
    pub(crate) fn run(&self, arguments: Value, key: Option<&str>) -> Running {
        (self.run)(arguments, key)
    }

    /// Checks that arguments are of the tool's type.
    pub(crate) fn check(&self, arguments: &Value) -> Result<(), InvalidArgumentsError> {
        (self.check)(&self.name, arguments)
    }

    /// Whether a person has to approve each call.
    #[cfg(feature = "durable")]
    pub(crate) const fn asks(&self) -> bool {
        self.durable.approval.is_some()
    }

    #[cfg(not(feature = "durable"))]
    #[expect(clippy::unused_self, reason = "the same as with the feature")]
    pub(crate) const fn asks(&self) -> bool {
        false
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
