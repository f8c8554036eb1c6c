//! Where to send a call: the places that can answer it, and which of them comes next.
//!
//! A [`Route`] is a provider, a model and a key, with a breaker, and perhaps a rate limiter, of its
//! own. [`Routes`] is the order in which they are tried. All sessions share it, so what one of them
//! was told, that a key is used up or a model overloaded, spares the others the same answer.
//!
//! ```text
//!                       apply(fault), rest           the rest is over
//!           ┌─ ready ──────────────────────▶ resting ─────────────────▶ ready
//!    route ─┤
//!           └─ breaker: closed ──▶ open ──▶ half-open ──▶ closed
//!                                    ▲          │
//!                                    └──────────┘
//! ```
//!
//! [`select`](Routes::select) takes the first of these that is there. A route that was tried in this
//! turn, rests, or has an open breaker is never taken; nor is one whose limiter will never have room.
//!
//! 1. A route that can take the call at once. One that is half-open with a free probe is among them,
//!    in its own place of the order: how else would a provider that came first be found to be back?
//!    Its lease [is a probe](RouteLease::is_probe), and while it is held, or for half a minute if it
//!    is held for longer, the route is not among them.
//! 2. One whose limiter has no room yet: the one that has room first.
//! 3. One that is half-open with a free probe while another lease is a probe.
//! 4. With [`fail_open`](Routes::fail_open), one that is out: the first to return.
//!
//! Asking changes nothing at a breaker or limiter, and takes no place there. Between a selection and
//! [`try_acquire`](crate::CircuitBreaker::try_acquire) a route may have gone out: it is then
//! [tried](TriedRoutes::add), and the next one is selected.
//!
//! # Example
//!
//! ```
//! use runtime_resilience::{Demand, Fault, FaultKind, NoRouteError, Route, Routes, TriedRoutes};
//!
//! # fn call(route: &Route) -> Result<&'static str, Fault> {
//! #     if route.provider() == "openai" { Err(Fault::of(FaultKind::Quota)) } else { Ok("an answer") }
//! # }
//! let routes = Routes::ordered([
//!     Route::new("openai", "gpt-5").key("team-a"),
//!     Route::new("openai", "gpt-5-mini").key("team-a"),
//!     Route::new("anthropic", "claude-sonnet-4-5"),
//! ]);
//!
//! let mut tried = TriedRoutes::default();
//! let answer = loop {
//!     let lease = routes.select(&tried, Demand::default())?;
//!     let route = lease.route();
//!     tried.add(route);
//!     let Ok(permit) = route.breaker().try_acquire() else { continue };
//!     match call(route) {
//!         Ok(answer) => {
//!             permit.success();
//!             break answer;
//!         }
//!         Err(fault) => {
//!             if fault.counts { permit.failure() } else { permit.cancel() }
//!             routes.apply(route, &fault);
//!         }
//!     }
//! };
//! assert_eq!(answer, "an answer");
//! // The key is used up, so its other model was not even tried.
//! assert_eq!(tried.len(), 2);
//! # Ok::<(), NoRouteError>(())
//! ```

mod core;
mod error;
mod look;
mod place;
mod rests;
mod routes;
mod snapshot;
mod tried;

pub use self::error::NoRouteError;
pub use self::place::Route;
pub use self::rests::{Rested, RouteRests};
pub use self::routes::{RouteLease, Routes};
pub use self::snapshot::RouteSnapshot;
pub use self::tried::TriedRoutes;
