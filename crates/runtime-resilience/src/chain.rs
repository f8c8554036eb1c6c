//! An error and its sources.

use std::error::Error;
use std::fmt;
use std::io;
use std::iter;
use std::sync::Arc;

/// An error of any type.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// No real chain is longer, and a circular one must end.
const MAX_DEPTH: usize = 64;

/// An error and its sources, from the outermost to the innermost, as
/// [`classify_error`](crate::classify_error) reads them.
///
/// Errors inside an [`io::Error`] or behind an [`Arc`] are among them, although those types do not
/// return them as their `source`. A chain ends after 64 errors.
///
/// ```
/// use std::{fmt, io};
/// use runtime_resilience::errors;
///
/// let error = io::Error::other(io::Error::other(fmt::Error));
/// assert!(errors(&error).any(|error| error.is::<fmt::Error>()));
/// ```
pub fn errors<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    iter::successors(Some(error), |error| inner(*error)).take(MAX_DEPTH)
}

/// The texts of an error and its sources, joined with colons, as events and logs have them. A text that the
/// error above it repeats is left out, and so is a frame.
///
/// A *frame* is an error that says only what became of its source: [`Failure`](crate::Failure) is one. It
/// displays nothing with the flag of `{:+}`, which also passes through `#[error(transparent)]`. So what is read
/// from a text is read from the caller's words, and the same words are logged however often they are wrapped.
///
/// ```
/// use std::io;
/// use runtime_resilience::chain_text;
///
/// #[derive(Debug, thiserror::Error)]
/// #[error("cannot ask the model")]
/// struct AskError(#[source] io::Error);
///
/// let error = AskError(io::Error::other("connection refused"));
/// assert_eq!(chain_text(&error), "cannot ask the model: connection refused");
/// ```
pub fn chain_text(error: &(dyn Error + 'static)) -> String {
    text_of(errors(error))
}

/// The texts of a chain whose errors are known.
pub(crate) fn text_of<'a, I>(errors: I) -> String
where
    I: Iterator<Item = &'a (dyn Error + 'static)>,
{
    let mut chain = String::new();
    let mut above = String::new();
    for error in errors {
        let text = words(error);
        if !text.is_empty() && !above.contains(&text) {
            chain.extend([if chain.is_empty() { "" } else { ": " }, &text]);
        }
        above = text;
    }
    chain
}

/// Displays the text of a frame: nothing under `{:+}`, see [`chain_text`].
///
/// For errors of your own that wrap another one and say only what became of it.
///
/// # Errors
///
/// An error of the formatter.
pub fn frame(f: &mut fmt::Formatter<'_>, text: fmt::Arguments<'_>) -> fmt::Result {
    if f.sign_plus() { Ok(()) } else { f.write_fmt(text) }
}

/// The text of an error, if it is no frame.
pub(crate) fn words(error: &(dyn Error + 'static)) -> String {
    format!("{error:+}")
}

/// The next error of the chain. Some wrappers return the source of their content as their own, and
/// so hide the content itself.
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
