//! What a person on call wants to know, through `tracing`; nothing without the feature.

#[cfg(feature = "tracing")]
macro_rules! log {
    ($level:ident, $($field:tt)*) => { tracing::$level!($($field)*) };
}

#[cfg(not(feature = "tracing"))]
macro_rules! log {
    // The arguments are looked at, never run, so that both builds see the same code.
    ($level:ident, $($name:ident = $(%)? $value:expr,)* $text:literal) => {
        if false { $( let _ = &$value; )* let _ = $text; }
    };
}

pub(crate) use log;
