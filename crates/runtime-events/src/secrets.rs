//! Texts without the secrets in them.
//!
//! A text is read once, from left to right, token by token; a token is what stands between blanks and
//! punctuation. The token and the text around it say whether a secret begins, and where it ends:
//!
//! ```text
//!   scan ─┬─ issuers, shapes          a key by its prefix or its shape
//!         ├─ named ─┬─ names          the value of a name
//!         │         ├─ value ─┬─ code, literals
//!         │         │         └─ pairs
//!         │         └─ schemes        … of `Authorization`
//!         ├─ commands, arguments      the option of a program that takes a password, or a word behind others
//!         ├─ inputs, lines            what such a program reads, or a line of a protocol or of a file
//!         └─ heat                     what looks random after "API key"
//!   json ── (all of the above)        the values of an event
//! ```
//!
//! No part of a text is read back behind a secret that was removed, and none is read ahead of twice,
//! so the time grows with the length of the text, whatever it is.

mod arguments;
mod bytes;
mod code;
mod commands;
mod forms;
mod heat;
mod inputs;
mod issuers;
mod json;
mod lines;
mod literals;
mod named;
mod names;
mod pairs;
mod programs;
mod quote;
mod scan;
mod schemes;
mod shapes;
mod users;
mod value;

use std::borrow::Cow;

pub use self::json::json_without_secrets;
use self::scan::Scan;

/// The text without secrets: `[redacted]` stands in the place of each.
///
/// A secret is known by the name before it (`api_key=…`, `"password": "…"`, `Authorization: …`), by the
/// prefix that its issuer gives it (`sk-ant-…`, `ghp_…`), by its shape (JSON web tokens, private keys,
/// `user:password` in an address), or, if it looks random, by a word such as "API key" shortly before
/// it. All else stays as it is, names and quotation marks included, so a JSON text stays one.
///
/// A secret that is none of this is not found: the text is safer than it was, and not safe.
///
/// ```
/// use runtime_events::without_secrets;
///
/// let refused = "Incorrect API key provided: sk-abc123. Check your key (request req_011CSHoEe).";
/// let clean = "Incorrect API key provided: [redacted]. Check your key (request req_011CSHoEe).";
/// assert_eq!(without_secrets(refused), clean);
/// assert_eq!(
///     without_secrets(r#"{"apiKey":"9f8e7d","max_tokens":5}"#),
///     r#"{"apiKey":"[redacted]","max_tokens":5}"#,
/// );
/// ```
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    let mut scan = Scan::new(text);
    while scan.step() {}
    scan.finish()
}
