//! The configuration of the layer.

use std::fmt;
use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
#[cfg(feature = "durable")]
use runtime_durable::{DurableHandle, DurableSession};
use runtime_orchestrator::{Attempt, OrchestrationSession, SessionHandle, Turn};
use runtime_resilience::{FaultError, FaultKind, FaultRules, Provider, Reach, Route};
use runtime_usage::UsageSnapshot;

use crate::ask::Ask;
use crate::call::{Asked, Rewritten};
use crate::error::NoSessionError;
use crate::place::Place;
use crate::record::Recorder;

/// Makes each model call that passes a turn of a session.
///
/// It is a value, and with the features of this crate a layer or a middleware of a client. Its turns
/// recover as the session's [`RecoveryConfig`](runtime_orchestrator::RecoveryConfig) says; turn the
/// client's own retries off.
///
/// ```
/// use runtime_http::{Place, Turns};
/// use runtime_orchestrator::{Orchestrator, RecoveryConfig};
/// use runtime_resilience::{Route, Routes};
///
/// let [first, second] = [Route::new("openai", "gpt-5"), Route::new("groq", "llama-3.3-70b")];
/// let routes = Routes::ordered([first, second.clone()]);
/// let recovery = RecoveryConfig::default().routes(routes);
/// let session = Orchestrator::new("writer", "draft").recovery(recovery).session()?;
///
/// // A route without a place is the client's own URL.
/// let groq = Place::of(&second, "https://api.groq.com/openai/v1")?.key("gsk-…")?;
/// let turns = Turns::of(&session).place(groq);
/// # drop(turns);
/// # Ok::<_, runtime_orchestrator::BoxError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Turns {
    settings: Arc<Settings>,
}

#[derive(Clone)]
struct Settings {
    session: Of,
    places: Vec<Place>,
    provider: Option<Provider>,
    asks_usage: bool,
    rules: Arc<FaultRules>,
    tokens: Option<Arc<Tokenizer>>,
    shape: Option<Arc<Shape>>,
}

type Tokenizer = dyn Fn(&Ask, &[u8]) -> u64 + Send + Sync;
type Shape = dyn Fn(&Ask, Turn) -> Turn + Send + Sync;

#[derive(Clone)]
enum Of {
    One(Whose),
    Current(NoSession),
}

/// The session whose turns the calls are: an [`OrchestrationSession`], or with feature `durable` a
/// `DurableSession`, which records them; or a handle of one.
#[derive(Clone, Debug)]
pub struct Whose {
    pub(crate) session: SessionHandle,
    pub(crate) recorder: Option<Recorder>,
}

impl From<SessionHandle> for Whose {
    fn from(session: SessionHandle) -> Self {
        Self { session, recorder: None }
    }
}

impl From<&OrchestrationSession> for Whose {
    fn from(session: &OrchestrationSession) -> Self {
        session.handle().into()
    }
}

/// With feature `durable`.
#[cfg(feature = "durable")]
impl From<DurableHandle> for Whose {
    fn from(session: DurableHandle) -> Self {
        Self { session: session.session().clone(), recorder: Some(Recorder(session)) }
    }
}

/// With feature `durable`.
#[cfg(feature = "durable")]
impl From<&DurableSession> for Whose {
    fn from(session: &DurableSession) -> Self {
        session.handle().into()
    }
}

/// What to do with a call of a shared client while no session is current.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NoSession {
    /// It is refused with [`NoSessionError`]: nobody would pay for it.
    #[default]
    Refuse,
    /// It passes untouched.
    Pass,
}

impl Turns {
    /// Turns of this session: `&session`, or a handle of it.
    ///
    /// On a durable session, with feature `durable`, each call is recorded, and answered from the record in
    /// the next life of its thread, without a request:
    ///
    /// ```
    /// # #[cfg(all(feature = "durable", feature = "tower"))] {
    /// # let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    /// # runtime.block_on(async {
    /// use bytes::Bytes;
    /// use http::{Request, Response, header::CONTENT_TYPE};
    /// use http_body_util::{BodyExt, Full};
    /// use runtime_durable::{Durable, DurableSession};
    /// use runtime_http::Turns;
    /// use runtime_orchestrator::{BoxError, Orchestrator};
    /// use runtime_store::MemoryStore;
    /// use tower_service::Service;
    ///
    /// # #[derive(Clone)]
    /// # struct Client;
    /// # impl Service<Request<Full<Bytes>>> for Client {
    /// #     type Response = Response<Full<Bytes>>;
    /// #     type Error = BoxError;
    /// #     type Future = std::future::Ready<Result<Self::Response, BoxError>>;
    /// #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<Result<(), BoxError>> {
    /// #         std::task::Poll::Ready(Ok(()))
    /// #     }
    /// #     fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
    /// #         let body = r#"{"choices":[{"index":0,"message":{"content":"Hello"}}]}"#;
    /// #         let reply = Response::builder().header(CONTENT_TYPE, "application/json");
    /// #         std::future::ready(reply.body(Full::from(body)).map_err(Into::into))
    /// #     }
    /// # }
    /// async fn agent(session: &DurableSession) -> Result<String, BoxError> {
    ///     // `Client` may be hyper's, or any other of `tower`.
    ///     let mut client = Turns::of(session).layer(Client);
    ///     let request = Request::post("https://api.openai.com/v1/chat/completions");
    ///     let request = request.body(Full::<Bytes>::from(r#"{"model":"gpt-5"}"#))?;
    ///     let reply = client.call(request).await?;
    ///     Ok(String::from_utf8(reply.into_body().collect().await?.to_bytes().into())?)
    /// }
    ///
    /// let durable = Durable::new(Orchestrator::new("writer", "draft"), MemoryStore::new());
    /// let answer = durable.run("haiku", agent).await?.done().ok_or("it waits for nobody")?;
    /// assert!(answer.contains("Hello"));
    /// # Ok::<_, BoxError>(()) }).unwrap(); }
    /// ```
    pub fn of(session: impl Into<Whose>) -> Self {
        Self::with(Of::One(session.into()))
    }

    /// Turns of the [current](SessionHandle::current) session, for a client that many sessions share.
    /// Default: without one a call is [refused](NoSession::Refuse).
    pub fn of_current() -> Self {
        Self::with(Of::Current(NoSession::default()))
    }

    fn with(session: Of) -> Self {
        let settings = Settings {
            session,
            places: Vec::new(),
            provider: None,
            asks_usage: false,
            rules: Arc::default(),
            tokens: None,
            shape: None,
        };
        Self { settings: Arc::new(settings) }
    }

    /// Sets what to do with a call while no session is current. A layer of one session always has it.
    pub fn without_session(self, then: NoSession) -> Self {
        self.set(|settings| {
            if let Of::Current(without) = &mut settings.session {
                *without = then;
            }
        })
    }

    /// Adds the place to which the calls of a route go. Default: the client's own URL, with its key.
    pub fn place(self, place: Place) -> Self {
        self.set(|settings| settings.places.push(place))
    }

    /// Sets the provider of the client's own URL. Default: by its host, or by the part of its path with which a
    /// gateway names where it passes calls on (`/anthropic/v1/messages`).
    ///
    /// Of [`Provider::LiteLlm`], a deployment in the URL (`/openai/deployments/NAME/…`, `/engines/NAME/…`) is the
    /// name of the model, and follows the route of an attempt. Of Azure it is not.
    pub fn provider(self, provider: Provider) -> Self {
        self.set(|settings| settings.provider = Some(provider))
    }

    /// Asks for the usage of streamed chat completions (`stream_options`), where the client does not.
    /// Default: no, and such streams are billed as estimates.
    ///
    /// It changes the request, and the client sees one more chunk, without a choice in it.
    pub fn ask_for_usage(self) -> Self {
        self.set(|settings| settings.asks_usage = true)
    }

    /// Sets how the tokens of a request's body are estimated. Default: [`Ask::input_estimate`].
    pub fn tokens(self, count: impl Fn(&Ask, &[u8]) -> u64 + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.tokens = Some(Arc::new(count)))
    }

    /// Sets the rows by which failed replies are read. Default: the [built-in ones](FaultRules::built_in).
    ///
    /// What they find, and the errors of the client, are then read by the session's
    /// [classifier](runtime_orchestrator::RecoveryConfig::classifier).
    pub fn fault_rules(self, rules: FaultRules) -> Self {
        self.set(|settings| settings.rules = Arc::new(rules))
    }

    /// Changes each turn before it begins: its timeouts, for example.
    ///
    /// ```
    /// use std::time::Duration;
    /// use runtime_http::Turns;
    ///
    /// let turns = Turns::of_current().each(|ask, turn| {
    ///     let turn = turn.within(Duration::from_secs(120));
    ///     if ask.streamed { turn.first_token_timeout(Duration::from_secs(10)) } else { turn }
    /// });
    /// # drop(turns);
    /// ```
    pub fn each(self, shape: impl Fn(&Ask, Turn) -> Turn + Send + Sync + 'static) -> Self {
        self.set(|settings| settings.shape = Some(Arc::new(shape)))
    }

    fn set(mut self, change: impl FnOnce(&mut Settings)) -> Self {
        change(Arc::make_mut(&mut self.settings));
        self
    }
}

impl Turns {
    /// The session of a call that is made here. `None` if it passes untouched.
    pub(crate) fn session(&self) -> Result<Option<Whose>, NoSessionError> {
        match &self.settings.session {
            Of::One(session) => Ok(Some(session.clone())),
            Of::Current(without) => match (SessionHandle::current(), without) {
                (Some(session), _) => Ok(Some(Whose { session, recorder: Recorder::current() })),
                (None, NoSession::Pass) => Ok(None),
                (None, NoSession::Refuse) => Err(NoSessionError),
            },
        }
    }

    /// What a request asks for. `None` if it is no call of a model.
    pub(crate) fn ask(&self, asked: Asked<'_>) -> Option<Ask> {
        let Asked { method, uri, headers, body } = asked;
        let mut ask = Ask::of(method, uri, body)?;
        ask.signed = is_signed(uri, headers);
        if let Some(provider) = self.settings.provider {
            ask.at(uri.path(), provider);
        }
        if let Some(tokens) = &self.settings.tokens {
            ask.input_estimate = tokens(&ask, body);
        }
        Some(ask)
    }

    pub(crate) fn rules(&self) -> &Arc<FaultRules> {
        &self.settings.rules
    }

    pub(crate) fn turn(&self, ask: &Ask) -> Turn {
        let mut turn = Turn::model(Arc::clone(&ask.model))
            .same_request()
            .estimate(UsageSnapshot::new(ask.input_estimate, 0))
            .tier(ask.tier);
        if let Some(tokens) = ask.max_output {
            turn = turn.max_output(tokens);
        }
        self.settings.shape.iter().fold(turn, |turn, shape| shape(ask, turn))
    }

    /// The changes to a request for an attempt.
    ///
    /// # Errors
    ///
    /// The request cannot be made one for the route. It must not go to the client's own URL instead.
    pub(crate) fn rewritten(
        &self,
        ask: &Ask,
        Asked { uri, body, .. }: Asked<'_>,
        attempt: Option<&Attempt>,
    ) -> Result<Rewritten, FaultError> {
        let model = attempt.map_or(&*ask.model, Attempt::model);
        let route = attempt.and_then(Attempt::route);
        let nowhere = |why: &str| {
            let provider = route.map_or("the client's own URL", Route::provider);
            Err(unsent(format!("no call of model `{model}` can go to `{provider}`: {why}")))
        };
        let of_route = |place: &&Place| route.is_some_and(|route| place.is_of(route));
        let mut places = self.settings.places.iter().filter(of_route).peekable();
        let has_places = places.peek().is_some();
        let place = places.find(|place| place.takes(model));
        let changes_deployment = *ask.model != *model && ask.is_bound(uri.path());
        if place.is_none() && (has_places || changes_deployment) {
            return nowhere(DEPLOYMENT);
        }
        let to = match place {
            Some(place) => match place.uri(uri, model) {
                Some(to) => Some(to),
                None => return nowhere("with the base of its place the URL is none"),
            },
            None => ask.uri(uri, model),
        };
        let body = ask.rewritten(body, (model, place.is_some()), self.settings.asks_usage);
        let has_key = place.is_some_and(Place::has_key);
        if ask.signed && !has_key && (to.is_some() || body.is_some()) {
            return nowhere(SIGNATURE);
        }
        Ok(Rewritten { place: place.cloned(), to, body })
    }
}

const DEPLOYMENT: &str = "a deployment of Azure, or an endpoint of Vertex AI, is in the URL, and has one model; give \
                          the route a place, at Azure one whose base ends with the deployment of its model";

const SIGNATURE: &str = "the request is signed for another URL or body; give the route a place with a key, such as \
                         an API key of Bedrock, or sign below this layer";

/// The error for a call that is not made, while another route may take it.
fn unsent(said: String) -> FaultError {
    let mut error = FaultError::of(FaultKind::Local, said);
    (error.fault.reach, error.fault.elsewhere) = (Reach::NotSent, true);
    error
}

/// Whether a request has a signature of AWS, in its headers or in its query.
fn is_signed(uri: &Uri, headers: &HeaderMap) -> bool {
    let header = headers.get(AUTHORIZATION).map(http::HeaderValue::as_bytes);
    let mut query = uri.query().unwrap_or_default().split('&');
    header.is_some_and(|value| value.starts_with(b"AWS4-"))
        || query.any(|part| part.starts_with("X-Amz-Signature="))
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("places", &self.settings.places).finish_non_exhaustive()
    }
}
