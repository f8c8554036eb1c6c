//! Starting spans: by any tracer, or by the recorder.

use std::fmt;

use opentelemetry::Context;
use opentelemetry::trace::{SpanBuilder, TraceContextExt, Tracer};
use runtime_events::SpanId;

/// Starts spans. The type of the tracer does not show in the type of a sink.
pub(crate) struct Starter(Box<dyn Start>);

/// Something that starts spans.
pub(crate) trait Start: Send + Sync {
    /// Starts a span below `above`; the context has it for its active one.
    fn start(&self, span: SpanBuilder, above: &Context, ids: Ids<'_>) -> Context;
}

impl Starter {
    pub(crate) fn new(start: impl Start + 'static) -> Self {
        Self(Box::new(start))
    }

    /// Starts a span as [`Start::start`] does.
    pub(crate) fn start(&self, span: SpanBuilder, above: &Context, ids: Ids<'_>) -> Context {
        self.0.start(span, above, ids)
    }
}

impl fmt::Debug for Starter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Starter")
    }
}

/// A tracer gives its spans ids of its own, unless `EventIds` is where they are from.
impl<T> Start for T
where
    T: Tracer + Send + Sync,
    T::Span: Send + Sync + 'static,
{
    fn start(&self, span: SpanBuilder, above: &Context, ids: Ids<'_>) -> Context {
        #[cfg(feature = "sdk")]
        let _asked = {
            let goes_on = above.span().span_context().is_valid();
            crate::ids::ask((!goes_on).then(|| ids.trace()), ids.span.get())
        };
        #[cfg(not(feature = "sdk"))]
        let _ = ids;
        above.with_span(self.build_with_context(span, above))
    }
}

/// The ids that a span has in its event.
#[derive(Clone, Copy)]
pub(crate) struct Ids<'a> {
    pub(crate) session: Option<&'a str>,
    pub(crate) span: SpanId,
}

impl Ids<'_> {
    /// The trace that a span begins which is below no other: its session's id where that is 32
    /// hexadecimal digits, as a trace's, else a hash of it.
    pub(crate) fn trace(&self) -> u128 {
        let Some(session) = self.session else { return u128::from(self.span.get()) };
        let digits = session.len() == 32 && session.bytes().all(|byte| byte.is_ascii_hexdigit());
        let number = digits.then(|| u128::from_str_radix(session, 16).ok()).flatten();
        number.unwrap_or_else(|| fnv(session)).max(1)
    }
}

/// FNV-1a of 128 bits: stable across versions and platforms, which no hasher of the standard
/// library promises.
fn fnv(text: &str) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}
