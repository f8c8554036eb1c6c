//! What a reply says of its usage and its failure, read from its bytes as they pass.

#[cfg(feature = "bedrock")]
mod amazon;
mod events;
mod first;
mod framing;
mod head;
mod lines;
mod shape;
mod whole;

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::HeaderMap;
use runtime_resilience::{Fault, FaultBasis, FaultError, FaultKind, FaultRules, Provider};
use runtime_usage::{ReportedUsage, StreamUsage, UsageFormat};
use serde_json::Value;

#[cfg(feature = "bedrock")]
use self::amazon::{Messages, Told};
use self::events::Events;
use self::first::First;
pub use self::framing::Framing;
use self::lines::Lines;
use self::shape::{counted, ends, has_error, is_alive, is_answer, is_part, is_pending, opens};
use self::whole::Whole;
use crate::ask::{Ask, Kind};

/// Reads usage, end and failure of one successful reply from its bytes.
///
/// ```
/// use bytes::Bytes;
/// use http::{HeaderMap, HeaderValue, Method, header::CONTENT_TYPE};
/// use runtime_http::{Ask, Framing, Meter};
///
/// let uri = "https://api.openai.com/v1/chat/completions".parse()?;
/// let ask = Ask::of(&Method::POST, &uri, br#"{"model":"gpt-5","stream":true}"#).ok_or("a call")?;
/// let mut meter = Meter::new(&ask, Framing::Events);
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
    #[cfg(feature = "bedrock")]
    Messages(Box<Messages>),
    Opaque,
}

/// What has been read so far.
#[derive(Debug)]
struct Seen {
    provider: Provider,
    rules: Arc<FaultRules>,
    /// When the reply came: a moment in an error is a wait from then on, if it is known.
    came: Option<SystemTime>,
    format: UsageFormat,
    kind: Kind,
    usage: StreamUsage,
    /// The usage in the head, for a body without one.
    in_head: Option<ReportedUsage>,
    /// The usage of a whole body.
    reported: Option<ReportedUsage>,
    input_estimate: u64,
    has_choices: bool,
    /// The number of parts that belong to an answer.
    parts: u64,
    /// The number of those that do not only open it.
    tokens: u64,
    ended: bool,
    error: Option<FaultError>,
    /// Whether the error is the whole body.
    is_whole: bool,
    /// Something that is neither a part of an answer nor a known error.
    odd: Option<FaultError>,
}

impl Meter {
    /// A meter for the reply to `ask`.
    pub fn new(ask: &Ask, framing: Framing) -> Self {
        Self::at(ask.provider, ask, framing, &Arc::default(), None)
    }

    /// A meter for the reply of this provider, which may be another one than was asked first, and came at this time.
    pub(crate) fn at(
        provider: Provider,
        ask: &Ask,
        framing: Framing,
        rules: &Arc<FaultRules>,
        came: Option<SystemTime>,
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
            Reading::First(_) => false,
            // Gemini streams one list, unless it is asked for events.
            Reading::Whole(whole) => self.seen.kind == Kind::GenerateContent && whole.is_list(),
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
        self.seen.ended || (self.seen.usage.is_complete() && !self.seen.has_choices)
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

impl Seen {
    /// Reads one part of a stream.
    fn event(&mut self, name: &str, data: &[u8]) {
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.ended = true;
            return;
        }
        if data.is_empty() {
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(data) else {
            if name == "error" || self.parts == 0 {
                let text = Value::String(String::from_utf8_lossy(data).into_owned());
                self.failed(&text, name == "error");
            }
            return;
        };
        self.part(name, &value);
    }

    /// Reads an event at the end of the body. It may have been cut.
    fn last_event(&mut self, name: &str, data: &[u8]) {
        let is_whole = serde_json::from_slice::<Value>(data).is_ok();
        if is_whole || data.trim_ascii() == b"[DONE]" {
            self.event(name, data);
        }
    }

    #[cfg(feature = "bedrock")]
    fn told(&mut self, told: Told) {
        match told {
            Told::Part(value) => self.part("", &value),
            Told::Failed(exception) => self.part("error", &exception),
            Told::Broken(why) => {
                self.error.get_or_insert_with(|| FaultError::of(FaultKind::Malformed, why));
            }
        }
    }

    fn part(&mut self, name: &str, value: &Value) {
        if is_alive(value) {
            return;
        }
        let tells_error = name == "error" || has_error(value);
        let is_part = is_part(self.kind, self.format, value);
        if tells_error || !is_part {
            self.failed(value, tells_error);
            // The last event of a failed response has its usage.
            let _ = self.usage.push(value);
            return;
        }
        self.parts += 1;
        self.tokens += u64::from(!opens(value));
        // A part with an odd count is passed over: the others still count.
        let _ = self.usage.push(counted(self.kind, value));
        // Nothing comes after these.
        self.ended |= ends(value);
    }

    /// Keeps the first failure. Without an error in it, only a row that knows it makes it one.
    fn failed(&mut self, event: &Value, tells_error: bool) {
        let mut error = match self.came {
            Some(came) => self.rules.error_of_stream_at(self.provider, event, came),
            None => self.rules.error_of_stream(self.provider, event),
        };
        if self.tokens == 0 {
            // Nothing of an answer came before it: it is as if the reply had been an error.
            error.fault.reach = Fault::of(error.fault.kind).reach;
        }
        let known = matches!(error.fault.basis, FaultBasis::Row(_) | FaultBasis::OwnRow(_));
        let place = if tells_error || known { &mut self.error } else { &mut self.odd };
        place.get_or_insert(error);
    }

    /// Whether a row knows a value as an error, which is kept then.
    fn knows(&mut self, value: &Value) -> bool {
        self.failed(value, false);
        self.error.is_some()
    }

    /// Reads a whole body of this length.
    fn whole(&mut self, value: serde_json::Result<Value>, len: usize) {
        match value {
            // Gemini's stream without events is one list.
            Ok(Value::Array(parts)) if self.format == UsageFormat::Gemini => {
                for part in &parts {
                    self.part("", part);
                }
                self.ended = self.usage.has_ended();
            }
            Ok(value) if has_error(&value) => {
                self.is_whole = true;
                self.failed(&value, true);
            }
            // No answer, but the words of a known error.
            Ok(value) if !is_answer(&value) && self.knows(&value) => self.is_whole = true,
            // What it will cost is not known, and nobody waits for it here.
            Ok(value) if is_pending(&value) => self.ended = true,
            Ok(value) => {
                self.ended = true;
                let usage = self.format.read(&value).ok();
                self.reported = usage.map(|usage| self.completed(usage, len));
            }
            // The length of the body was not told, so that its end was not noticed below.
            Err(error) if error.is_eof() => {
                self.error = Some(FaultError::of(FaultKind::Network, "the answer ended early"));
            }
            Err(_) => {
                self.error = Some(FaultError::of(FaultKind::Malformed, "the answer is not JSON"));
            }
        }
    }

    /// A usage: the head's if the body reports none, and an estimate if neither does.
    fn completed(&self, mut usage: ReportedUsage, len: usize) -> ReportedUsage {
        let tokens = usage.tokens;
        if tokens.total_input_tokens() > 0
            || tokens.total_output_tokens() > 0
            || usage.cost.is_some()
        {
            return usage;
        }
        if let Some(told) = &self.in_head {
            usage.tokens = told.tokens;
            return usage;
        }
        usage.tokens.input_tokens = self.input_estimate;
        if self.kind != Kind::Embedding {
            usage.tokens.output_tokens = u64::try_from(len).unwrap_or(u64::MAX).div_ceil(4);
        }
        usage.estimated = true;
        usage
    }
}
