//! The names and the status in a text: many clients keep nothing else of a reply.

/// The words that are written as providers write the names of errors: `insufficient_quota`,
/// `ThrottlingException`.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let is_type = |word: &str| word.len() > "Error".len() && word.ends_with("Error");
    words.filter(move |word| {
        word.contains('_') || is_type(word) || word.to_ascii_lowercase().ends_with("exception")
    })
}

/// The HTTP status of an error that a text names: after a word for it, or before its reason.
///
/// A bare number is none: it may count bytes, lines or milliseconds.
pub(super) fn status(text: &str) -> Option<u16> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len().saturating_sub(2)).find_map(|at| {
        let number = (0..3).all(|place| digit(at + place));
        if !number || !stands_alone(text, at) {
            return None;
        }
        let status = text[at..at + 3].parse().ok().filter(|status| (400..600).contains(status))?;
        let (before, after) = (&text[..at], &text[at + 3..]);
        (is_introduced(before) || is_reason(status, after) || leads(before, after))
            .then_some(status)
    })
}

/// Whether a number begins the text, and a body or a sentence follows, as Node's clients write it.
fn leads(before: &str, after: &str) -> bool {
    let next = after.strip_prefix(' ').and_then(|after| after.chars().next());
    before.is_empty() && next.is_some_and(|c| c == '{' || c.is_uppercase())
}

/// Whether the three digits at this place are a number of their own.
fn stands_alone(text: &str, at: usize) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    !text[..at].ends_with(|c| joins(c) || matches!(c, '.' | ','))
        && !text[at + 3..].starts_with(joins)
}

/// Whether the text before a number ends with a word for a status.
fn is_introduced(before: &str) -> bool {
    let before = before.trim_end_matches(|c: char| " :=(\"'".contains(c));
    // `HTTP/1.1 404`, `http/2 404`
    let versions = ["http/1.0", "http/1.1", "http/2", "http/3", "http/2.0"];
    versions.iter().any(|version| ends_with(before, version))
        || ["status", "code", "http", "http_status", "statuscode", "status_code"]
            .iter()
            .any(|word| ends_with(before, word))
}

/// Whether a text ends with a word, in any case.
fn ends_with(text: &str, word: &str) -> bool {
    let Some(start) = text.len().checked_sub(word.len()) else { return false };
    text.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(word))
        && !text[..start].ends_with(char::is_alphanumeric)
}

/// Whether a text begins with the reason phrase of a status (RFC 9110, section 15; RFC 6585).
fn is_reason(status: u16, after: &str) -> bool {
    let reason = match status {
        400 => "bad request",
        401 => "unauthorized",
        402 => "payment required",
        403 => "forbidden",
        404 => "not found",
        405 => "method not allowed",
        406 => "not acceptable",
        408 => "request timeout",
        409 => "conflict",
        410 => "gone",
        413 => "payload too large",
        414 => "uri too long",
        415 => "unsupported media type",
        422 => "unprocessable",
        429 => "too many requests",
        431 => "request header fields too large",
        451 => "unavailable for legal reasons",
        500 => "internal server error",
        501 => "not implemented",
        502 => "bad gateway",
        503 => "service unavailable",
        504 => "gateway timeout",
        // Anthropic's.
        529 => "overloaded",
        _ => return false,
    };
    let after = after.trim_start_matches(|c: char| " :-)".contains(c));
    after.get(..reason.len()).is_some_and(|start| start.eq_ignore_ascii_case(reason))
}
