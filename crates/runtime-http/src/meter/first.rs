//! How the parts of a reply are told apart, by its first bytes: not every server names the type of what it sends,
//! and some name another one.

use bytes::Bytes;
use memchr::memchr;
use serde_json::Value;

use super::framing::Framing;
use super::whole::Whole;

/// The fields of server-sent events. A line that begins with a colon is a comment.
const FIELDS: [&[u8]; 4] = [b"data", b"event", b"id", b"retry"];
const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();

/// The bytes before it is known how they go on.
#[derive(Debug)]
pub(super) struct First {
    /// What the head says.
    declared: Framing,
    bytes: Whole,
    seen: Seen,
}

/// What is to come before it can be known, so that no byte is looked at for each piece.
#[derive(Debug)]
enum Seen {
    Nothing,
    /// The beginning of an object, and no end of its line.
    Object,
    /// An object on a line of its own: a whole answer, unless there is another line.
    Line,
}

impl First {
    pub(super) fn new(declared: Framing) -> Self {
        Self { declared, bytes: Whole::default(), seen: Seen::Nothing }
    }

    /// Takes the next bytes, and says how they go on, once it is known.
    pub(super) fn push(&mut self, piece: &Bytes) -> Option<Framing> {
        self.bytes.push(piece);
        let tells = match self.seen {
            Seen::Nothing => true,
            Seen::Object => memchr(b'\n', piece).is_some(),
            Seen::Line => !piece.trim_ascii().is_empty(),
        };
        if tells { self.read() } else { None }
    }

    /// Nothing more comes.
    pub(super) fn last(&self) -> Framing {
        if self.declared == Framing::Lines { Framing::Lines } else { Framing::Whole }
    }

    /// The bytes so far, without a mark before them: some servers write one, and no parser of JSON takes it.
    pub(super) fn take(&mut self) -> Whole {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.skip(BYTE_ORDER_MARK);
        bytes
    }

    fn read(&mut self) -> Option<Framing> {
        let bytes = self.bytes.joined();
        if BYTE_ORDER_MARK.starts_with(bytes) {
            return None;
        }
        let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes).trim_ascii_start();
        match text.first()? {
            b':' => Some(Framing::Events),
            b'[' => Some(Framing::Whole),
            b'{' => {
                let Some(end) = memchr(b'\n', text) else {
                    self.seen = Seen::Object;
                    return None;
                };
                let (line, rest) = text.split_at(end);
                if serde_json::from_slice::<Value>(line).is_err() {
                    return Some(Framing::Whole);
                }
                if self.declared == Framing::Lines || !rest.trim_ascii().is_empty() {
                    return Some(Framing::Lines);
                }
                self.seen = Seen::Line;
                None
            }
            _ => match memchr(b':', text) {
                Some(end) if FIELDS.contains(&&text[..end]) => Some(Framing::Events),
                None if FIELDS.iter().any(|field| field.starts_with(text)) => None,
                _ => Some(self.declared),
            },
        }
    }
}
