//! Names that people give, before a backend has them.

use std::sync::Arc;

use thiserror::Error;

/// The longest name, in bytes.
pub(crate) const LONGEST: usize = 200;

/// What the names of routes' pauses begin with, and no limiter's name does.
pub(crate) const OF_ROUTES: &str = "route ";

/// A text that cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "the name of a {of} is 1 to {LONGEST} bytes without control characters, and a limiter's does not begin with \
     `{OF_ROUTES}`; found {found:?}"
)]
#[non_exhaustive]
pub struct NameError {
    /// What it was to name: a `fleet`, `breaker`, `limiter` or `route`.
    pub of: &'static str,
    /// The text, cut to 200 characters.
    pub found: String,
}

/// Checks a name. One that a backend cannot keep would fail each report that has it, and so cut off all of a member.
pub(crate) fn checked(of: &'static str, name: Arc<str>) -> Result<Arc<str>, NameError> {
    let of_a_route = of == "limiter" && name.starts_with(OF_ROUTES);
    if name.is_empty() || name.len() > LONGEST || name.contains(char::is_control) || of_a_route {
        return Err(NameError { of, found: name.chars().take(LONGEST).collect() });
    }
    Ok(name)
}
