//! The places that can answer a call, and the choice of the next one.
//!
//! Asking a breaker or limiter changes nothing there, and takes no place.

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
pub use self::rests::{RestListener, Rested, RouteRests};
pub use self::routes::{RouteLease, Routes};
pub use self::snapshot::RouteSnapshot;
pub use self::tried::TriedRoutes;
