//! What looks random, shortly after a word such as "API key".

use super::bytes::{count, count_back, is_mark, is_of_token};
use super::names::{Name, Word};
use super::shapes::{FAR, is_hash, is_like_key, is_odd, is_random};

/// Whether what looks random is removed, because a word of its kind ended before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heat {
    None,
    /// After "key" alone: not if it looks like a hash.
    Mild {
        after: usize,
    },
    /// After "API key", "token", "password".
    Hot {
        after: usize,
        name: Name,
    },
}

impl Heat {
    /// What the name heats that ends here, if it does.
    pub(super) const fn of(name: Name, end: usize) -> Option<Self> {
        match name {
            Name::Key => Some(Self::Mild { after: end }),
            Name::Secret | Name::Token => Some(Self::Hot { after: end, name }),
            _ => None,
        }
    }

    /// Whether this token ends the heat.
    pub(super) fn is_over(self, text: &[u8], start: usize, end: usize) -> bool {
        /// In bytes.
        const REACH: usize = 80;
        match self {
            Self::None => true,
            Self::Mild { after } | Self::Hot { after, .. } => {
                start > after + REACH || cools(&text[start..end])
            }
        }
    }

    /// The end of the secret that begins with this token, if it looks like one with what it
    /// `goes_on` with.
    pub(super) fn secret(
        self,
        text: &[u8],
        (start, end): (usize, usize),
        goes_on: bool,
    ) -> Option<usize> {
        let before = start.checked_sub(1).map(|before| text[before]);
        if before == Some(b'/') || is_id(&text[start..end]) {
            return None;
        }
        let more = |byte: u8| is_of_token(byte) || b"+/=~*".contains(&byte);
        let whole = |from: usize, text: &[u8]| {
            let to = if goes_on { from + count(&text[from..], more) } else { end };
            to - count_back(&text[start..to], |byte| b"./".contains(&byte))
        };
        // So much of it tells.
        let begun = whole(start, &text[..text.len().min(end.max(start + FAR))]);
        let value = &text[start..begun];
        let is_secret = match self {
            Self::None => false,
            Self::Mild { .. } => is_random(value) && !is_hash(value),
            // A key in marks may be short; a token in them may be one of a grammar.
            Self::Hot { name: Name::Secret, .. } if before.is_some_and(is_mark) => {
                value.len() >= 6 && is_odd(value)
            }
            Self::Hot { name: Name::Secret, after } if start == after + 1 => {
                is_like_key(value) || is_random(value) || is_hash(value)
            }
            Self::Hot { .. } => is_random(value) || is_hash(value),
        };
        is_secret.then(|| whole(begun, text))
    }
}

/// Words after which what looks random is an id.
fn cools(word: &[u8]) -> bool {
    const WORDS: &str = "id ids request response trace span session model commit sha revision org \
        organization project user account run thread deployment file path see version batch \
        job base64 variable";
    const LONGEST: usize = 13;
    let lower = Word::of(word);
    word.len() < LONGEST && WORDS.split_ascii_whitespace().any(|word| lower.as_str() == word)
}

/// Ids of requests, answers and runs, by the prefixes that providers give them.
fn is_id(word: &[u8]) -> bool {
    const PREFIXES: &str = "req_ req- resp_ chatcmpl- cmpl- msg_ call_ toolu_ run_ thread_ asst_ file- file_ \
        batch_ gen- evt_ rs_ fc_ org- proj_ user- step_";
    PREFIXES.split_ascii_whitespace().any(|prefix| word.starts_with(prefix.as_bytes()))
}
