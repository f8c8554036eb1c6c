//! The errors an error is made of.

use std::error::Error;
use std::io;
use std::iter;
use std::sync::Arc;

/// No honest chain is longer, and one that bites its tail must end.
const MAX_DEPTH: usize = 64;

/// `error` and its sources, from the outermost to the innermost: what [classification](super) looks at.
///
/// What an [`io::Error`] or an [`Arc`] holds is among them, although their `source` hides it. A chain
/// that bites its tail ends.
///
/// ```
/// use std::{fmt, io};
/// use runtime_resilience::classify::errors;
///
/// let error = io::Error::other(io::Error::other(fmt::Error));
/// assert!(errors(&error).any(|error| error.is::<fmt::Error>()));
/// ```
pub fn errors<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error| inner(*error)).take(MAX_DEPTH)
}

/// The next error of the chain. Some wrappers give their content's source for their own, and so
/// hide the content itself.
fn inner<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return error.get_ref().map(|inner| inner as _);
    }
    if let Some(shared) = error.downcast_ref::<Arc<dyn Error + Send + Sync>>() {
        return Some(&**shared);
    }
    if let Some(shared) = error.downcast_ref::<Arc<io::Error>>() {
        return Some(&**shared);
    }
    error.source()
}
