//! Secrets that are known by their shape, and what looks random.

use super::bytes::{count, count_back, is_of_token, is_url};

/// How far a shape is looked for from each place: what bounds the time for any text.
pub(super) const FAR: usize = 512;

/// The first two bytes of these shapes, and of the forms.
pub(super) const BEGINNINGS: [&[u8; 2]; 9] =
    [b"sk", b"ey", b"--", b"pa", b"00", b"ac", b"ak", b"pk", b"re"];

/// The end of the secret that begins here, which has no issuer's prefix of its own.
#[inline]
pub(super) fn secret(text: &[u8], at: usize) -> Option<usize> {
    match text.get(at)? {
        b's' => sk(text, at),
        b'e' => jwt(text, at),
        b'p' => voyage(text, at),
        b'-' => private_key(text, at),
        _ => None,
    }
}

/// `sk-…`: the prefix of the first keys of `OpenAI`, which many providers and gateways have copied. Ordinary
/// names such as `sk-learn` begin so, too; a key has digits, or capitals among small letters.
fn sk(text: &[u8], at: usize) -> Option<usize> {
    const SHORT: usize = 6;
    const LONG: usize = 16;
    let rest = text[at..].strip_prefix(b"sk-").or_else(|| text[at..].strip_prefix(b"sk_"))?;
    let belongs = |byte| is_url(byte) || byte == b'*';
    let begun = &rest[..rest.len().min(FAR)];
    let length = count(begun, belongs);
    let part = count(begun, |byte| byte.is_ascii_alphanumeric() || byte == b'*');
    let (first, all) = (Letters::of(&begun[..part]), Letters::of(&begun[..length]));
    let is_key = (part >= SHORT && first.digits > 0 && first.letters() > 0)
        || (length >= LONG && ((all.digits > 3 && all.letters() > 3) || first.is_mixed()))
        || all.stars > 2;
    is_key.then(|| at + 3 + count(rest, belongs))
}

/// A key of Voyage: `pa-` and 43 letters that look random, as no name with hyphens does.
fn voyage(text: &[u8], at: usize) -> Option<usize> {
    const LENGTH: usize = 43;
    let rest = text[at..].strip_prefix(b"pa-")?;
    let length = count(&rest[..rest.len().min(FAR)], is_url);
    let is_key =
        length == LENGTH && is_random(&rest[..length]) && Letters::of(&rest[..length]).is_mixed();
    is_key.then_some(at + 3 + length)
}

/// A token of JOSE, signed or encrypted: base64 of JSON, a point, and more.
fn jwt(text: &[u8], at: usize) -> Option<usize> {
    const SHORTEST: usize = 8;
    let head = text[at..].strip_prefix(b"eyJ")?;
    let header = count(&head[..head.len().min(FAR)], is_url);
    // An empty header is `{}`; the shortest one names its algorithm.
    let body = head[header..].strip_prefix(b".").filter(|_| header >= SHORTEST)?;
    let length = count(body, |byte| is_url(byte) || byte == b'.' || byte == b'=');
    let length = length - trailing_points(&body[..length]);
    (length >= 3).then_some(at + 3 + header + 1 + length)
}

/// A private key in PEM, to its last line; of a text that is cut, as far as it may go.
pub(super) fn private_key(text: &[u8], at: usize) -> Option<usize> {
    const LONGEST_LABEL: usize = 64;
    let rest = text[at..].strip_prefix(b"-----BEGIN ")?;
    // `OpenVPN Static key V1`
    let is_vpn = rest.starts_with(b"OpenVPN ");
    let label = count(&rest[..rest.len().min(LONGEST_LABEL)], |byte| {
        byte.is_ascii_uppercase()
            || byte.is_ascii_digit()
            || byte == b' '
            || (is_vpn && byte != b'-')
    });
    let is_private = is_vpn || find(&rest[..label], b"PRIVATE KEY").is_some();
    let body = rest[label..].strip_prefix(b"-----").filter(|_| is_private)?;
    let from = text.len() - body.len();
    if let Some(last) = last_line(body) {
        let end = &body[last..body.len().min(last + LONGEST_LABEL)];
        return Some(from + last + find(end, b"-----").map_or(0, |end| end + 5));
    }
    let length = cut_body(body);
    // What sticks to a key is part of it.
    let rest = count(&body[length..], is_of_token);
    (length > 0).then_some(from + length + rest)
}

/// Where the label of the last line of a key begins. Headers have hyphens; another key ends a key without one.
fn last_line(body: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += count(&body[at..], is_of_pem);
        match &body[at..] {
            rest if rest.starts_with(b"-----END ") => return Some(at + 9),
            rest if rest.starts_with(b"-----BEGIN ") || !rest.starts_with(b"-") => return None,
            _ => at += 1,
        }
    }
}

/// What a key has, with its headers, and with the line breaks of a JSON text.
const fn is_of_pem(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || byte.is_ascii_whitespace()
        || matches!(byte, b'+' | b'/' | b'=' | b':' | b',' | b'.' | b'\\')
}

/// The length of the lines of a key whose last line is cut off.
fn cut_body(body: &[u8]) -> usize {
    const LINE: usize = 16;
    let (mut at, mut end) = (0, 0);
    loop {
        at += count(&body[at..], |byte| byte.is_ascii_whitespace());
        if let [b'\\', b'n' | b'r', ..] = body[at..] {
            at += 2;
            continue;
        }
        let word =
            count(&body[at..], |byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte));
        let is_last = end > 0 && !body.get(at + word).is_some_and(|&byte| is_of_pem(byte));
        if word == 0 || (word < LINE && !is_last) {
            return end;
        }
        at += word;
        end = at;
    }
}

/// A bot's token of Discord: three parts of known lengths.
fn is_discord(token: &[u8]) -> bool {
    if !may_be_discord(token.len()) {
        return false;
    }
    let mut parts = token.split(|&byte| byte == b'.');
    let mut has = |lengths: std::ops::RangeInclusive<usize>| {
        parts.next().is_some_and(|part| {
            lengths.contains(&part.len()) && part.iter().all(|&byte| is_url(byte))
        })
    };
    has(23..=28)
        && has(6..=7)
        && has(27..=38)
        && parts.next().is_none()
        && Letters::of(token).is_mixed()
}

/// A key with its issuer's mark inside, which the token from `start` to `end` begins: a secret of an app at
/// Azure, a key of Azure `OpenAI`, a token of HCP Terraform; or a bot's token of Discord.
pub(super) fn marked_inside(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let token = &text[start..end];
    if let ([.., _, _, _, b'0'..=b'9', b'Q'], Some(b'~')) = (token, text.get(end)) {
        let rest = count(&text[end + 1..], |byte| is_url(byte) || matches!(byte, b'.' | b'~'));
        return (rest >= 31).then_some((end - 5, end + 1 + rest));
    }
    let has = |place: usize, mark: &[u8], least: usize| {
        token.len() >= least && token[place..].starts_with(mark)
    };
    let is_key = has(14, b".atlasv1.", 83) || has(52, b"JQQJ99", 84) || is_discord(token);
    is_key.then_some((start, end))
}

/// Whether a key of [`marked_inside`] may have so many letters, or have this behind its first part.
pub(super) fn may_be_marked(length: usize, next: Option<&u8>) -> bool {
    (57 < length && length < 94) || next == Some(&b'~')
}

const fn may_be_discord(length: usize) -> bool {
    57 < length && length < 77
}

/// The length of the secret part of a Telegram bot's token, which follows digits and a colon.
pub(super) fn telegram(text: &[u8], colon: usize) -> Option<usize> {
    let digits = count_back(&text[..colon], |byte| byte.is_ascii_digit());
    let rest = &text[colon + 1..];
    let length = count(rest, is_url);
    ((5..=16).contains(&digits) && length == 35 && rest[0] == b'A').then_some(length)
}

/// Whether this is base64 of `user:password`.
pub(super) fn is_basic(text: &[u8]) -> bool {
    let text = &text[..text.len() - count_back(text, |byte| byte == b'=')];
    if text.len() < 4 {
        return false;
    }
    let (mut bits, mut held, mut colon) = (0u32, 0u32, false);
    for &byte in text {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        held = (held << 6) | u32::from(six);
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            let decoded = (held >> bits) & 0xff;
            if decoded < 0x20 || decoded == 0x7f {
                return false;
            }
            colon |= decoded == u32::from(b':');
        }
    }
    colon
}

/// Whether a text looks random: words and numbers change rarely between kinds of letters.
pub(super) fn is_random(text: &[u8]) -> bool {
    const LEAST: usize = 16;
    const CHANGES: usize = 6;
    /// No word in one part is so long.
    const LONG: usize = 40;
    let all = Letters::of(text);
    let has_both = all.digits > 1 && all.letters() > 1;
    // Words in camel case are longer.
    let is_mixed = text.len() > LEAST && all.others == 0 && all.changes * 5 >= text.len() * 2;
    let is_long =
        || text.split(|byte| !byte.is_ascii_alphanumeric()).any(|part| part.len() >= LONG);
    (text.len() >= LEAST && has_both && (all.changes >= CHANGES || is_long()))
        || is_mixed
        || all.stars > 3
}

/// Whether a text right after "API key" may be one, though it does not look random.
pub(super) fn is_like_key(text: &[u8]) -> bool {
    let all = Letters::of(text);
    text.len() >= 12 && all.digits > 2 && all.letters() > 2 && all.others == 0
}

/// Whether a text has letters and digits, or is so long, that it is hardly a word.
pub(super) fn is_odd(text: &[u8]) -> bool {
    let all = Letters::of(text);
    (all.digits > 0 && all.letters() > 0)
        || all.digits > 9
        || all.stars > 2
        || all.others > 0
        || all.is_mixed()
        || text.len() >= 24
}

/// Whether a text has the shape of a hash or of a UUID.
pub(super) fn is_hash(text: &[u8]) -> bool {
    let hex = |text: &[u8]| text.iter().all(u8::is_ascii_hexdigit);
    match text.len() {
        32 | 40 | 56 | 64 | 96 | 128 => hex(text),
        36 => {
            let mut parts = text.split(|&byte| byte == b'-');
            [8, 4, 4, 4, 12]
                .iter()
                .all(|&length| parts.next().is_some_and(|part| part.len() == length && hex(part)))
        }
        _ => false,
    }
}

/// How many letters of each kind a text has.
#[derive(Clone, Copy, Debug, Default)]
struct Letters {
    small: usize,
    capital: usize,
    digits: usize,
    stars: usize,
    others: usize,
    /// How often a letter is of another kind than the one before. `-`, `_` and `.` are passed over.
    changes: usize,
    /// Capitals right after a small letter.
    humps: usize,
}

impl Letters {
    fn of(text: &[u8]) -> Self {
        let (mut letters, mut before) = (Self::default(), 0);
        for &byte in text {
            let kind = match byte {
                b'a'..=b'z' => {
                    letters.small += 1;
                    1
                }
                b'A'..=b'Z' => {
                    letters.capital += 1;
                    letters.humps += usize::from(before == 1);
                    2
                }
                b'0'..=b'9' => {
                    letters.digits += 1;
                    3
                }
                b'*' => {
                    letters.stars += 1;
                    continue;
                }
                b'-' | b'_' | b'.' => continue,
                _ => {
                    letters.others += 1;
                    continue;
                }
            };
            letters.changes += usize::from(before != 0 && before != kind);
            before = kind;
        }
        letters
    }

    const fn letters(self) -> usize {
        self.small + self.capital
    }

    const fn is_mixed(self) -> bool {
        self.humps > 1 && self.capital > 2
    }
}

fn trailing_points(text: &[u8]) -> usize {
    count_back(text, |byte| byte == b'.')
}

fn find(text: &[u8], words: &[u8]) -> Option<usize> {
    text.windows(words.len()).position(|window| window == words)
}
