//! Log lines for operators, through `tracing`. Nothing without the feature.

#[cfg(feature = "tracing")]
macro_rules! log {
    ($level:ident, $($field:tt)*) => { tracing::$level!($($field)*) };
}

#[cfg(not(feature = "tracing"))]
macro_rules! log {
    // The arguments are type-checked but never evaluated, so both builds compile the same code.
    ($level:ident, $($name:ident = $(%)? $value:expr,)* $text:literal) => {
        if false { $( let _ = &$value; )* let _ = $text; }
    };
}

pub(crate) use log;
