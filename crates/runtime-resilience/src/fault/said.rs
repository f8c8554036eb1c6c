//! The names and the status in a text: many clients keep nothing else of a reply.

/// The words that are written as providers and their clients write the names of errors:
/// `insufficient_quota`, `ThrottlingException`, `InvalidParameter`.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.contains('_') || is_humped(word) || is_class(word))
}

/// Whether a small letter is followed by a large one.
fn is_humped(word: &str) -> bool {
    word.as_bytes()
        .windows(2)
        .any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

/// Whether a word is the name of a class of errors.
fn is_class(word: &str) -> bool {
    let is_type = word.len() > "Error".len() && word.ends_with("Error");
    is_type || word.to_ascii_lowercase().ends_with("exception")
}

/// The HTTP status of an error that a text names: by its number or by its reason.
pub(super) fn status(text: &str) -> Option<u16> {
    numbered(text).or_else(|| reasoned(text))
}

/// A number after a word for a status or an error, or before the status's reason.
///
/// A bare number is none: it may count bytes, lines or milliseconds.
fn numbered(text: &str) -> Option<u16> {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    (0..bytes.len().saturating_sub(2)).find_map(|at| {
        let number = (0..3).all(|place| digit(at + place));
        if !number || !stands_alone(text, at) {
            return None;
        }
        let status = text[at..at + 3].parse().ok().filter(|status| (400..600).contains(status))?;
        let (before, after) = (&text[..at], &text[at + 3..]);
        let is_one = is_introduced(before)
            || is_after_reason(status, before)
            || is_reason(status, after)
            || leads(before, after)
            || is_bracketed(before, after);
        is_one.then_some(status)
    })
}

/// The reason of a status at the start of a text, as HTTP writes it, or after the name of a class:
/// `Not Found: {…}`, `APIError: Forbidden: …`, `Bad request - please check …`.
fn reasoned(text: &str) -> Option<u16> {
    const ENDS: [&str; 3] = [": ", " - ", " — "];
    let message = match text.split_once(": ") {
        Some((class, message)) if is_class(class) => message,
        _ => text,
    };
    let until = |end| message.split_once(end).map_or(message, |(reason, _)| reason);
    let reason = ENDS.map(until).into_iter().min_by_key(|reason| reason.len())?;
    // Some are plain words.
    let is_it = |(status, known): &&(u16, &str)| {
        !matches!(status, 409 | 410 | 529) && reason.eq_ignore_ascii_case(known)
    };
    if !reason.starts_with(char::is_uppercase) {
        return None;
    }
    REASONS.iter().find(is_it).map(|(status, _)| *status)
}

/// Whether a number begins the text, or what a failure is said to be, and a body or a sentence follows, as Node's
/// clients write it.
fn leads(before: &str, after: &str) -> bool {
    let next = after.strip_prefix(' ').and_then(|after| after.chars().next());
    let failed = || {
        let before = before.strip_suffix(": ").map(last).unwrap_or_default().to_ascii_lowercase();
        before.contains("error") || before.contains("fail")
    };
    next.is_some_and(|c| "{[<".contains(c) || c.is_uppercase()) && (before.is_empty() || failed())
}

/// Whether a number is in brackets of its own, at the start of a text, after other brackets, or before or after a
/// colon, as gateways write it: `[503] …`, `[provider/model] [400]: …`.
fn is_bracketed(before: &str, after: &str) -> bool {
    let after = after.trim_start().strip_prefix(']');
    let (Some(before), Some(after)) = (before.strip_suffix('['), after) else {
        return false;
    };
    let before = before.trim_end();
    before.is_empty() || before.ends_with([']', ':']) || after.starts_with(':')
}

/// Whether the three digits at this place are a number of their own.
fn stands_alone(text: &str, at: usize) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    !text[..at].ends_with(|c| joins(c) || matches!(c, '.' | ','))
        && !text[at + 3..].starts_with(joins)
}

/// Whether the text before a number ends with a word for a status or an error.
fn is_introduced(before: &str) -> bool {
    const WORDS: [&str; 9] = [
        "status",
        "code",
        "code of",
        "http",
        "http_status",
        "statuscode",
        "status_code",
        "error",
        "server response",
    ];
    let before = before.trim_end_matches(|c: char| " :=(\"'".contains(c));
    // `HTTP/1.1 404`, `http/2 404`
    let versions = ["http/1.0", "http/1.1", "http/2", "http/3", "http/2.0"];
    versions.iter().any(|version| ends_with(before, version))
        || WORDS.iter().any(|word| ends_with(before, word))
        || names_class(before)
}

/// Whether a text ends with the name of a class of errors, or of one in a module of them:
/// `RateLimitError`, `google.api_core.exceptions.InvalidArgument`.
fn names_class(text: &str) -> bool {
    let word = last(text).rsplit(char::is_whitespace).next().unwrap_or(text);
    // Python shows other errors in angle brackets, with statuses that are none.
    !word.starts_with('<') && (is_class(word) || word.contains("exceptions."))
}

/// The end of a text: what is further away from a number says nothing about it.
fn last(text: &str) -> &str {
    const LONGEST: usize = 80;
    let mut start = text.len().saturating_sub(LONGEST);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// Whether a text ends with a word, in any case.
fn ends_with(text: &str, word: &str) -> bool {
    let Some(start) = text.len().checked_sub(word.len()) else { return false };
    text.get(start..).is_some_and(|end| end.eq_ignore_ascii_case(word))
        && !text[..start].ends_with(char::is_alphanumeric)
}

/// Whether a text begins with the reason of a status, or says that the number is one.
fn is_reason(status: u16, after: &str) -> bool {
    let after = after.trim_start_matches(|c: char| " :-()".contains(c));
    let begins = |reason: &str| {
        after.get(..reason.len()).is_some_and(|start| start.eq_ignore_ascii_case(reason))
    };
    begins("status code") || reasons(status).any(begins)
}

/// Whether a text ends with the reason of a status, as `Bad request (400)` does before the number.
fn is_after_reason(status: u16, before: &str) -> bool {
    let before = before.trim_end_matches([' ', '(']);
    reasons(status).any(|reason| ends_with(before, reason))
}

fn reasons(status: u16) -> impl Iterator<Item = &'static str> {
    let known = REASONS.iter().filter(move |(number, _)| *number == status);
    known.map(|(_, reason)| *reason)
}

/// The reason phrases (RFC 9110, section 15; RFC 6585).
const REASONS: [(u16, &str); 28] = [
    (400, "bad request"),
    (401, "unauthorized"),
    (402, "payment required"),
    (403, "forbidden"),
    (404, "not found"),
    (405, "method not allowed"),
    (406, "not acceptable"),
    (408, "request timeout"),
    (409, "conflict"),
    (410, "gone"),
    (412, "precondition failed"),
    (413, "payload too large"),
    (413, "request entity too large"),
    (413, "content too large"),
    (414, "uri too long"),
    (415, "unsupported media type"),
    (422, "unprocessable"),
    (424, "failed dependency"),
    (426, "upgrade required"),
    (429, "too many requests"),
    (431, "request header fields too large"),
    (451, "unavailable for legal reasons"),
    (500, "internal server error"),
    (501, "not implemented"),
    (502, "bad gateway"),
    (503, "service unavailable"),
    (504, "gateway timeout"),
    // Anthropic's.
    (529, "overloaded"),
];
