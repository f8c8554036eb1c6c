//! The configuration of the layer.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Uri};
use runtime_orchestrator::{Attempt, OrchestrationSession, SessionHandle, Turn};
use runtime_resilience::Provider;
use runtime_usage::UsageSnapshot;

use crate::ask::Ask;
use crate::error::NoSessionError;
use crate::place::Place;

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
/// let groq = Place::of(&second, "https://api.groq.com/openai/v1").key("gsk-…");
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
    session: Whose,
    places: Vec<Place>,
    provider: Option<Provider>,
    asks_usage: bool,
    tokens: Option<Arc<Tokenizer>>,
    shape: Option<Arc<Shape>>,
}

type Tokenizer = dyn Fn(&Ask, &[u8]) -> u64 + Send + Sync;
type Shape = dyn Fn(&Ask, Turn) -> Turn + Send + Sync;

#[derive(Clone)]
enum Whose {
    One(SessionHandle),
    Current(NoSession),
}

/// What becomes of a call of a shared client without a current session.
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
    /// Turns of this session.
    pub fn of(session: &OrchestrationSession) -> Self {
        Self::of_handle(session.handle())
    }

    /// Turns of the session of this handle.
    pub fn of_handle(session: SessionHandle) -> Self {
        Self::with(Whose::One(session))
    }

    /// Turns of the [current](SessionHandle::current) session, for a client that many sessions share.
    /// Default: without one a call is [refused](NoSession::Refuse).
    pub fn of_current() -> Self {
        Self::with(Whose::Current(NoSession::default()))
    }

    fn with(session: Whose) -> Self {
        let settings = Settings {
            session,
            places: Vec::new(),
            provider: None,
            asks_usage: false,
            tokens: None,
            shape: None,
        };
        Self { settings: Arc::new(settings) }
    }

    /// Sets what becomes of a call without a current session. A layer of one session always has it.
    pub fn without_session(self, then: NoSession) -> Self {
        self.set(|settings| {
            if let Whose::Current(without) = &mut settings.session {
                *without = then;
            }
        })
    }

    /// Adds where the calls of a route go. Default: the client's own URL, with its key.
    pub fn place(self, place: Place) -> Self {
        self.set(|settings| settings.places.push(place))
    }

    /// Sets the provider of the client's own URL. Default: by its host.
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

    /// Changes each turn before it begins: its timeouts, for example.
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
    pub(crate) fn session(&self) -> Result<Option<SessionHandle>, NoSessionError> {
        match &self.settings.session {
            Whose::One(session) => Ok(Some(session.clone())),
            Whose::Current(without) => match (SessionHandle::current(), without) {
                (Some(session), _) => Ok(Some(session)),
                (None, NoSession::Pass) => Ok(None),
                (None, NoSession::Refuse) => Err(NoSessionError),
            },
        }
    }

    /// What a request asks for. `None` if it is no call of a model.
    pub(crate) fn ask(&self, method: &http::Method, uri: &Uri, body: &[u8]) -> Option<Ask> {
        let mut ask = Ask::of(method, uri, body)?;
        if let Some(provider) = self.settings.provider {
            ask.provider = provider;
        }
        if let Some(tokens) = &self.settings.tokens {
            ask.input_estimate = tokens(&ask, body);
        }
        Some(ask)
    }

    pub(crate) fn turn(&self, ask: &Ask) -> Turn {
        let mut turn = Turn::model(Arc::clone(&ask.model))
            .estimate(UsageSnapshot::new(ask.input_estimate, 0))
            .tier(ask.tier);
        if let Some(tokens) = ask.max_output {
            turn = turn.max_output(tokens);
        }
        self.settings.shape.iter().fold(turn, |turn, shape| shape(ask, turn))
    }

    /// The changes to a request for an attempt.
    pub(crate) fn rewritten(
        &self,
        ask: &Ask,
        uri: &Uri,
        body: &Bytes,
        attempt: Option<&Attempt>,
    ) -> Rewritten {
        let model = attempt.map_or(&*ask.model, Attempt::model);
        let route = attempt.and_then(Attempt::route);
        let place = route.and_then(|route| self.settings.places.iter().find(|p| p.is_of(route)));
        let to = place.and_then(|place| Some((place.clone(), place.uri(ask, uri, model)?)));
        let body = ask.rewritten(body, model, self.settings.asks_usage);
        Rewritten { to, body }
    }
}

/// The changes to a request.
#[derive(Debug)]
pub(crate) struct Rewritten {
    to: Option<(Place, Uri)>,
    /// The new body, if it changes.
    pub(crate) body: Option<Bytes>,
}

impl Rewritten {
    /// The new URL, if it changes. Replaces the key in the headers.
    pub(crate) fn uri(&self, from: &Uri, headers: &mut HeaderMap) -> Option<Uri> {
        let (place, to) = self.to.as_ref()?;
        place.authorize(headers, from, to);
        Some(to.clone())
    }

    /// The provider at the new URL.
    pub(crate) fn provider(&self) -> Option<Provider> {
        Some(crate::ask::provider(&self.to.as_ref()?.1))
    }
}

impl fmt::Debug for Turns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Turns").field("places", &self.settings.places).finish_non_exhaustive()
    }
}
