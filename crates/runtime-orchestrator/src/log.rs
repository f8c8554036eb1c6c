//! Log lines for operators, through `tracing`. Nothing without the feature.
//!
//! What a line displays loses its secrets there, whoever has written it.

#[cfg(feature = "tracing")]
use std::fmt;

#[cfg(feature = "tracing")]
use runtime_events::without_secrets;

#[cfg(feature = "tracing")]
macro_rules! log {
    // One field after the other moves from the first brackets to the second.
    (@ $level:ident [$name:ident = % $value:expr, $($rest:tt)*] [$($line:tt)*]) => {
        log!(@ $level [$($rest)*] [$($line)* $name = %$crate::log::Clean(&$value),])
    };
    (@ $level:ident [$name:ident = $value:expr, $($rest:tt)*] [$($line:tt)*]) => {
        log!(@ $level [$($rest)*] [$($line)* $name = $value,])
    };
    (@ $level:ident [$text:literal] [$($line:tt)*]) => { tracing::$level!($($line)* $text) };
    ($level:ident, $($line:tt)*) => { log!(@ $level [$($line)*] []) };
}

#[cfg(not(feature = "tracing"))]
macro_rules! log {
    // The arguments are type-checked but never evaluated, so both builds compile the same code.
    ($level:ident, $($name:ident = $(%)? $value:expr,)* $text:literal) => {
        if false { $( let _ = &$value; )* let _ = $text; }
    };
}

pub(crate) use log;

/// Displays without secrets. Costs nothing unless a line is written.
#[cfg(feature = "tracing")]
pub(crate) struct Clean<'a, T: ?Sized>(pub(crate) &'a T);

#[cfg(feature = "tracing")]
impl<T: fmt::Display + ?Sized> fmt::Display for Clean<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&without_secrets(&self.0.to_string()))
    }
}
