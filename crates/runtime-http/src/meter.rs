//! What a reply says of its usage and its failure, read from its bytes as they pass.

#[cfg(feature = "bedrock")]
mod amazon;
mod events;
mod first;
mod framing;
mod head;
mod lines;
mod list;
mod seen;
mod shape;
mod whole;

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderMap;
use runtime_resilience::{FaultError, FaultRules, Provider};
use runtime_usage::{ReportedUsage, StreamUsage, UsageFormat};

#[cfg(feature = "bedrock")]
use self::amazon::Messages;
use self::events::Events;
use self::first::First;
pub use self::framing::Framing;
use self::lines::Lines;
use self::list::List;
use self::seen::Seen;
use self::whole::Whole;
use crate::ask::Ask;

/// Reads usage, end and failure of one successful reply from its bytes.
///
/// ```
/// use bytes::Bytes;
/// use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};
/// use runtime_http::{Ask, Framing, Meter};
///
/// let uri = "https://api.openai.com/v1/chat/completions".parse()?;
/// let ask = Ask::of(&Method::POST, &uri, br#"{"model":"gpt-5","stream":true}"#).ok_or("a call")?;
/// let mut meter = Meter::new(&ask, Framing::Events, std::time::SystemTime::now());
/// meter.push(&Bytes::from_static(b"data: {\"choices\":[{\"delta\":{\"content\":\"Hello\"}}]}\n"));
/// meter.push(&Bytes::from_static(b"\ndata: [DONE]\n\n"));
/// assert!(meter.has_ended());
/// assert!(meter.usage().is_some_and(|usage| usage.estimated), "it was not reported");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Meter {
    reading: Reading,
    seen: Seen,
}

#[derive(Debug)]
enum Reading {
    /// It is not yet known what it is.
    First(First),
    Whole(Whole),
    Events(Box<Events>),
    Lines(Lines),
    List(List),
    #[cfg(feature = "bedrock")]
    Messages(Box<Messages>),
    Opaque,
}

impl Meter {
    /// A meter for the reply to `ask` that came at this time.
    pub fn new(ask: &Ask, framing: Framing, came: SystemTime) -> Self {
        Self::at(ask.provider, ask, framing, came, &Arc::default())
    }

    /// A meter for the reply of this provider, which may be another one than was asked first.
    pub(crate) fn at(
        provider: Provider,
        ask: &Ask,
        framing: Framing,
        came: SystemTime,
        rules: &Arc<FaultRules>,
    ) -> Self {
        let format = ask.format_at(provider);
        let reading = match framing {
            Framing::Whole | Framing::Events | Framing::Lines => {
                Reading::First(First::new(framing))
            }
            #[cfg(feature = "bedrock")]
            Framing::Messages => Reading::Messages(Box::default()),
            Framing::Opaque => Reading::Opaque,
        };
        let seen = Seen {
            provider,
            rules: Arc::clone(rules),
            came,
            format,
            kind: ask.kind,
            usage: StreamUsage::new(format).input_estimate(ask.input_estimate),
            in_head: None,
            reported: None,
            input_estimate: ask.input_estimate,
            has_choices: ask.has_choices,
            parts: 0,
            tokens: 0,
            ended: false,
            error: None,
            is_whole: false,
            odd: None,
        };
        Self { reading, seen }
    }

    /// Takes the headers of the reply: Bedrock's `InvokeModel` counts its tokens there. What the body says
    /// comes first.
    pub fn head(&mut self, headers: &HeaderMap) {
        self.seen.in_head = head::usage(headers);
    }

    /// Takes the next bytes of the reply. They are shared, not copied.
    pub fn push(&mut self, bytes: &Bytes) {
        let Self { reading, seen } = self;
        match reading {
            Reading::First(first) => {
                if let Some(framing) = first.push(bytes) {
                    self.read_as(framing);
                }
            }
            Reading::Whole(whole) => whole.push(bytes),
            Reading::Events(events) => events.push(bytes, |name, data| seen.event(name, data)),
            Reading::Lines(lines) => lines.push(bytes, |line| seen.event("", line)),
            Reading::List(list) => list.push(bytes, |listed| seen.listed(listed)),
            #[cfg(feature = "bedrock")]
            Reading::Messages(messages) => messages.push(bytes, |told| seen.told(told)),
            Reading::Opaque => {}
        }
    }

    /// Reads what came as this, and what comes.
    fn read_as(&mut self, framing: Framing) {
        let Reading::First(first) = &mut self.reading else { return };
        let bytes = first.take();
        self.reading = match framing {
            Framing::Events => Reading::Events(Box::default()),
            Framing::Lines => Reading::Lines(Lines::default()),
            // Its stream, unless it is asked for events.
            _ if self.seen.format == UsageFormat::Gemini && bytes.is_list() => {
                Reading::List(List::default())
            }
            _ => {
                self.reading = Reading::Whole(bytes);
                return;
            }
        };
        bytes.into_pieces().for_each(|piece| self.push(&piece));
    }

    /// How many tokens there were, or parts with some of them. `None` if the parts are not told apart.
    pub(crate) const fn tokens(&self) -> Option<u64> {
        match self.reading {
            Reading::First(_) | Reading::Whole(_) | Reading::Opaque => None,
            _ => Some(self.seen.tokens),
        }
    }

    /// Whether the reply may be handed on before it has ended.
    pub(crate) fn has_begun(&self) -> bool {
        match &self.reading {
            Reading::First(_) | Reading::Whole(_) => false,
            Reading::Opaque => true,
            _ => self.seen.tokens > 0 || self.seen.error.is_some() || self.seen.ended,
        }
    }

    /// The body has ended.
    pub fn finish(&mut self) {
        if let Reading::First(first) = &self.reading {
            self.read_as(first.last());
        }
        let Self { reading, seen } = self;
        match reading {
            Reading::First(_) => {}
            Reading::Whole(whole) => match whole.parse() {
                Some(value) => seen.whole(value, whole.len()),
                None => seen.ended = true,
            },
            Reading::Lines(lines) => lines.finish(|line| seen.event("", line)),
            Reading::Opaque => seen.ended = true,
            Reading::Events(events) => events.finish(|name, data| seen.last_event(name, data)),
            Reading::List(_) => {}
            #[cfg(feature = "bedrock")]
            Reading::Messages(_) => {}
        }
        if seen.parts == 0 && !seen.ended && seen.error.is_none() {
            // Nothing else came.
            seen.error = seen.odd.take();
        }
    }

    /// Whether the answer is complete. Its usage may have been reported or not.
    pub const fn has_ended(&self) -> bool {
        self.seen.ended
    }

    /// Whether the reply needs no further bytes: a stream that said its last word. Of several answers, the first
    /// one to end is not the last.
    pub(crate) const fn is_over(&self) -> bool {
        self.seen.is_over()
    }

    /// Whether a stream has ended its answer, although its usage may still come.
    pub(crate) const fn has_answered(&self) -> bool {
        self.is_over() || self.seen.usage.has_ended()
    }

    /// The failure that the reply told although its status is that of an answer.
    pub const fn error(&self) -> Option<&FaultError> {
        self.seen.error.as_ref()
    }

    /// Whether the whole body is an error, so that its head belongs to the error as well.
    pub(crate) const fn is_error(&self) -> bool {
        self.seen.is_whole
    }

    /// The usage so far; an estimate unless the reply reported it. `None` if the reply cannot be read,
    /// or if no part of an answer has come, or only its opening and an error, and no counts.
    pub fn usage(&self) -> Option<ReportedUsage> {
        let Seen { reported, parts, tokens, error, usage, in_head, .. } = &self.seen;
        let counts = *tokens > 0 || (*parts > 0 && error.is_none()) || usage.is_complete();
        let streamed = || counts.then(|| usage.usage());
        reported.clone().or_else(streamed).or_else(|| in_head.clone())
    }
}
