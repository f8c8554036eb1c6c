//! Where the calls of a route go.

use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Uri};
use runtime_resilience::{Provider, Route};
use thiserror::Error;

use crate::ask::{has_deployment, provider, suffix};

/// The headers in which providers take a key.
const KEYS: [HeaderName; 4] = [
    AUTHORIZATION,
    HeaderName::from_static("x-api-key"),
    HeaderName::from_static("api-key"),
    HeaderName::from_static("x-goog-api-key"),
];

/// The account of a key of `OpenAI`, which refuses that of another key, and of a signature of AWS.
const ACCOUNT: [HeaderName; 3] = [
    HeaderName::from_static("openai-organization"),
    HeaderName::from_static("openai-project"),
    HeaderName::from_static("x-amz-security-token"),
];

/// Words in the names of what says who asks: Gemini's `?key=`, `ocp-apim-subscription-key` of Azure's gateway,
/// `x-amz-security-token`, `openai-organization`.
const WORDS: [&str; 10] = [
    "auth",
    "cookie",
    "credential",
    "key",
    "organization",
    "password",
    "project",
    "secret",
    "signature",
    "token",
];

/// The base URL and the key of a [`Route`].
///
/// It has to speak the format of the client: a request is sent there with another URL, key and model,
/// and otherwise as it is.
///
/// ```
/// use runtime_http::Place;
/// use runtime_resilience::Route;
///
/// let route = Route::new("groq", "llama-3.3-70b").key("team-a");
/// let place = Place::of(&route, "https://api.groq.com/openai/v1")?.key("gsk-…")?;
/// assert!(!format!("{place:?}").contains("gsk"));
///
/// let refused = Place::of(&route, "api.groq.com/openai/v1").unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "`base` of the place of `groq` must be a URL with http or https and a host, not `api.groq.com/openai/v1`"
/// );
/// # Ok::<_, runtime_http::InvalidPlaceError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Place {
    provider: Arc<str>,
    label: Option<Arc<str>>,
    base: Arc<str>,
    /// The only model of an Azure deployment.
    model: Option<Arc<str>>,
    key: Option<Arc<str>>,
}

/// A text that cannot be the base URL or the key of a place.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{field}` of the place of `{provider}` must be {rule}, not `{value}`")]
#[non_exhaustive]
pub struct InvalidPlaceError {
    /// The name of the argument.
    pub field: &'static str,
    /// The value of the argument. A key or a password is left out.
    pub value: String,
    /// The provider of the route.
    pub provider: String,
    rule: &'static str,
}

impl Place {
    /// The place of a route, and of all routes with the same provider and label of a key.
    ///
    /// `base` is the URL before the path of the call (`/chat/completions`, `/messages`, `/models/…`), as a client's
    /// base URL: with the version, as in `https://api.anthropic.com/v1`. It may have a query, such as Azure's
    /// `?api-version=…`, which is put before the client's. If it ends with a deployment of Azure
    /// (`…/openai/deployments/NAME`), the place is that of the route's model only.
    ///
    /// # Errors
    ///
    /// [`InvalidPlaceError`] if `base` is no URL of a server, with `http` or `https`, or has a fragment, or a user.
    pub fn of(route: &Route, base: impl Into<Arc<str>>) -> Result<Self, InvalidPlaceError> {
        let base = base.into();
        let label = route.key_label().map(Arc::from);
        let model = has_deployment(&format!("{base}/")).then(|| route.model().into());
        let place = Self { provider: route.provider().into(), label, base, model, key: None };
        if place.base.contains('#') {
            let rule = "a URL without a fragment";
            return Err(place.invalid("base", &place.base, rule));
        }
        match place.base.parse::<Uri>() {
            // A client would not send it, and the provider would say no more than 401.
            Ok(base) if base.authority().is_some_and(|at| at.as_str().contains('@')) => {
                Err(place.invalid("base", "…", "a URL without a user and a password"))
            }
            Ok(base) if is_server(&base) => Ok(place),
            _ => {
                let rule = "a URL with http or https and a host";
                Err(place.invalid("base", &place.base, rule))
            }
        }
    }

    /// Sets the key. Default: none, and the client's own key is not sent to another host.
    ///
    /// It goes into the header in which the provider takes one: `api-key` at Azure, `x-api-key` at Anthropic,
    /// `authorization` at most. The provider is known by the host; at another one, as behind a gateway of your own, by the
    /// name that the route has for it ([`Provider`]).
    ///
    /// Nor is anything else in a header or the query that identifies the caller by its name. What a client adds below
    /// this layer is not seen here: `default_headers` of `reqwest` go to each host.
    ///
    /// # Errors
    ///
    /// [`InvalidPlaceError`] if the key is empty, or no header takes it.
    pub fn key(mut self, key: impl Into<Arc<str>>) -> Result<Self, InvalidPlaceError> {
        let key = key.into();
        // A key from a file ends with a line break, which no header takes.
        let key = key.trim();
        if key.is_empty() {
            return Err(self.invalid("key", "", "a text that is not blank"));
        }
        if HeaderValue::from_str(key).is_err() {
            return Err(self.invalid("key", "…", "without control characters"));
        }
        self.key = Some(key.into());
        Ok(self)
    }

    fn invalid(&self, field: &'static str, value: &str, rule: &'static str) -> InvalidPlaceError {
        let (value, provider) = (value.to_owned(), self.provider.to_string());
        InvalidPlaceError { field, value, provider, rule }
    }

    /// Whether it is of this route, whatever its model.
    pub(crate) fn is_of(&self, route: &Route) -> bool {
        *self.provider == *route.provider() && self.label.as_deref() == route.key_label()
    }

    /// Whether calls of this model may go here.
    pub(crate) fn takes(&self, model: &str) -> bool {
        self.model.as_deref().is_none_or(|own| own == model)
    }

    pub(crate) const fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// The URL of a call here. The query is kept, without a key.
    pub(crate) fn uri(&self, from: &Uri, model: &str) -> Option<Uri> {
        let (base, own) = self.base.split_once('?').unwrap_or((&self.base, ""));
        let mut url = format!("{}{}", base.trim_end_matches('/'), suffix(from.path(), model));
        let keeps_key = self.key.is_none() && base.parse().is_ok_and(|base| is_same(&base, from));
        let is_own = |name: &str| own.split('&').any(|part| name_of(part) == name);
        let kept = from.query().into_iter().flat_map(|query| query.split('&')).filter(|part| {
            let name = name_of(part);
            !is_own(name) && (keeps_key || !tells_who(name))
        });
        let parts = own.split('&').chain(kept).filter(|part| !part.is_empty());
        for (part, before) in parts.zip(std::iter::once('?').chain(std::iter::repeat('&'))) {
            url.push(before);
            url.push_str(part);
        }
        url.parse().ok().filter(is_server)
    }

    /// Who answers there: by the host, or at one that is not known by the name of the route's provider.
    pub(crate) fn provider_at(&self, to: &Uri) -> Provider {
        match provider(to) {
            Provider::Other => self.provider.parse().unwrap_or(Provider::Other),
            known => known,
        }
    }

    /// Replaces what says who asks in a request that went to `from` and goes to `to`.
    pub(crate) fn authorize(&self, headers: &mut HeaderMap, from: &Uri, to: &Uri) {
        headers.remove(HOST);
        let stays = is_same(from, to);
        if self.key.is_none() && stays {
            return;
        }
        let had = KEYS.iter().find(|name| headers.contains_key(*name)).cloned();
        let left: Vec<_> = headers
            .iter()
            // At the same host, others than these may be of a gateway before it.
            .filter(|(name, value)| {
                if stays {
                    KEYS.contains(name) || ACCOUNT.contains(name)
                } else {
                    value.is_sensitive() || tells_who(name.as_str())
                }
            })
            .map(|(name, _)| name.clone())
            .collect();
        for name in left {
            headers.remove(name);
        }
        let Some(key) = &self.key else { return };
        let name = match self.provider_at(to) {
            // A token of Google Cloud or of Entra, or OpenAI's form at Anthropic.
            _ if key.starts_with("ya29.") || key.starts_with("eyJ") => AUTHORIZATION,
            Provider::Anthropic if !to.path().ends_with("/messages") => AUTHORIZATION,
            Provider::Anthropic => KEYS[1].clone(),
            Provider::Azure => KEYS[2].clone(),
            Provider::Gemini if to.path().contains("/models/") => KEYS[3].clone(),
            Provider::Other if to.path().contains("/models/") => {
                had.unwrap_or_else(|| KEYS[3].clone())
            }
            Provider::Other => had.unwrap_or(AUTHORIZATION),
            _ => AUTHORIZATION,
        };
        let value = if name == AUTHORIZATION { format!("Bearer {key}") } else { key.to_string() };
        // Of a key that no header takes there is no place.
        if let Ok(mut value) = HeaderValue::try_from(value) {
            value.set_sensitive(true);
            headers.insert(name, value);
        }
    }
}

/// The name of a part of a query.
fn name_of(part: &str) -> &str {
    part.split_once('=').map_or(part, |(name, _)| name)
}

/// Whether a part of a query or a header of this name says who asks.
fn tells_who(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word))
}

/// Whether requests can be sent to this URL.
fn is_server(url: &Uri) -> bool {
    let has_scheme = matches!(url.scheme_str(), Some("http" | "https"));
    let is_host = |at: &http::uri::Authority| {
        // A port that is no number is none for the crate `http`.
        let end = at.as_str().rsplit(']').next().unwrap_or_default();
        !at.host().is_empty() && (!end.contains(':') || at.port_u16().is_some())
    };
    has_scheme && url.authority().is_some_and(is_host)
}

fn is_same(one: &Uri, other: &Uri) -> bool {
    one.authority() == other.authority() && one.scheme() == other.scheme()
}

/// Without the key, and without the query, which may have one.
impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let base = self.base.split('?').next().unwrap_or_default();
        f.debug_struct("Place")
            .field("provider", &self.provider)
            .field("label", &self.label)
            .field("base", &base)
            .finish_non_exhaustive()
    }
}
