//! One place that can answer: a provider, a model and a key.

use std::collections::hash_map::DefaultHasher;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::num::NonZeroU32;
use std::sync::Arc;

use crate::breaker::CircuitBreaker;
use crate::fault::FaultScope;
use crate::rate::RateLimiter;
use crate::retry_budget::RetryBudget;

/// A provider, a model and a key, with a breaker and perhaps a rate limiter of its own.
///
/// Routes with the same provider, model and key are equal, whatever breakers they have.
///
/// ```
/// use runtime_resilience::Route;
///
/// let route = Route::new("openai", "gpt-5").key("team-a");
/// assert_eq!(route.name(), "openai/gpt-5 (team-a)");
/// assert_eq!(route.breaker().name(), "openai/gpt-5 (team-a)");
/// ```
#[derive(Clone)]
pub struct Route {
    place: Arc<Place>,
}

#[derive(Clone)]
struct Place {
    provider: Arc<str>,
    model: Arc<str>,
    key: Option<Arc<str>>,
    name: Arc<str>,
    /// A hash of provider, model and key, which ends most comparisons.
    hash: u64,
    breaker: CircuitBreaker,
    /// Whether the breaker was given, and keeps its name.
    given: bool,
    limiter: Option<RateLimiter>,
    retries: RetryBudget,
    weight: NonZeroU32,
}

impl Route {
    /// A route without a limiter. Its breaker has the route's name and the
    /// [default](crate::CircuitBreakerConfig::default) settings.
    pub fn new(provider: impl Into<Arc<str>>, model: impl Into<Arc<str>>) -> Self {
        let (provider, model) = (provider.into(), model.into());
        let name: Arc<str> = format!("{provider}/{model}").into();
        let hash = hash(&provider, &model, None);
        let breaker = CircuitBreaker::new(name.clone());
        let weight = NonZeroU32::MIN;
        let place = Place {
            provider,
            model,
            key: None,
            name,
            hash,
            breaker,
            given: false,
            limiter: None,
            retries: RetryBudget::default(),
            weight,
        };
        Self { place: Arc::new(place) }
    }

    /// The label of the key that calls use: a name for people, never the secret. None unless set.
    ///
    /// Another key makes another route, with a breaker of its own unless one was given.
    #[must_use]
    pub fn key(self, label: impl Into<Arc<str>>) -> Self {
        let label = label.into();
        self.changed(|place| {
            place.name = format!("{}/{} ({label})", place.provider, place.model).into();
            place.hash = hash(&place.provider, &place.model, Some(&label));
            place.key = Some(label);
            if !place.given {
                place.breaker = CircuitBreaker::new(place.name.clone());
            }
        })
    }

    /// The breaker for its calls. One of its own unless set; routes may share one.
    #[must_use]
    pub fn circuit_breaker(self, breaker: CircuitBreaker) -> Self {
        self.changed(|place| {
            place.breaker = breaker;
            place.given = true;
        })
    }

    /// The rate limiter for its calls. None unless set; routes may share one, as a provider may count
    /// the requests of a key for all models together.
    #[must_use]
    pub fn rate_limiter(self, limiter: RateLimiter) -> Self {
        self.changed(|place| place.limiter = Some(limiter))
    }

    /// The budget for retries that go to it again: they are the load that it gets beside its calls. One of
    /// its own, with the [default](crate::RetryBudgetConfig::default) settings, unless set; routes of one
    /// provider may share one.
    #[must_use]
    pub fn retry_budget(self, budget: RetryBudget) -> Self {
        self.changed(|place| place.retries = budget)
    }

    /// Its share of the calls, relative to the other routes. 1 unless set.
    ///
    /// It is used by [`Routes::weighted`](super::Routes::weighted), and by
    /// [`Routes::least_loaded`](super::Routes::least_loaded), where two calls on a route of weight 2
    /// count as one.
    #[must_use]
    pub fn weight(self, weight: NonZeroU32) -> Self {
        self.changed(|place| place.weight = weight)
    }

    fn changed(self, change: impl FnOnce(&mut Place)) -> Self {
        let mut place = Arc::unwrap_or_clone(self.place);
        change(&mut place);
        Self { place: Arc::new(place) }
    }
}

impl Route {
    /// The provider's name.
    pub fn provider(&self) -> &str {
        &self.place.provider
    }

    /// The model's name.
    pub fn model(&self) -> &str {
        &self.place.model
    }

    /// The label of its key.
    pub fn key_label(&self) -> Option<&str> {
        self.place.key.as_deref()
    }

    /// `provider/model`, or `provider/model (key)`.
    pub fn name(&self) -> &str {
        &self.place.name
    }

    /// The breaker for its calls.
    pub fn breaker(&self) -> &CircuitBreaker {
        &self.place.breaker
    }

    /// The rate limiter for its calls.
    pub fn limiter(&self) -> Option<&RateLimiter> {
        self.place.limiter.as_ref()
    }

    /// The budget for retries that go to it again.
    pub fn retries(&self) -> &RetryBudget {
        &self.place.retries
    }

    pub(super) fn shared_name(&self) -> Arc<str> {
        self.place.name.clone()
    }

    pub(super) fn share(&self) -> NonZeroU32 {
        self.place.weight
    }

    /// Whether a rest of `scope` after a call on `other` includes this route.
    pub(super) fn rests_with(&self, other: &Self, scope: FaultScope) -> bool {
        match scope {
            FaultScope::Call => false,
            FaultScope::Model => self == other,
            FaultScope::Key => {
                self.place.provider == other.place.provider && self.place.key == other.place.key
            }
            FaultScope::Provider => self.place.provider == other.place.provider,
        }
    }
}

fn hash(provider: &str, model: &str, key: Option<&str>) -> u64 {
    let mut hasher = DefaultHasher::new();
    (provider, model, key).hash(&mut hasher);
    hasher.finish()
}

impl PartialEq for Route {
    fn eq(&self, other: &Self) -> bool {
        let (place, other) = (&*self.place, &*other.place);
        place.hash == other.hash
            && (std::ptr::eq(place, other)
                || (&place.provider, &place.model, &place.key)
                    == (&other.provider, &other.model, &other.key))
    }
}

impl Eq for Route {}

impl Hash for Route {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.place.hash.hash(state);
    }
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Route")
            .field("name", &self.place.name)
            .field("breaker", &self.place.breaker)
            .field("limiter", &self.place.limiter)
            .field("weight", &self.place.weight)
            .finish_non_exhaustive()
    }
}
