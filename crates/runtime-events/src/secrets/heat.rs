//! What looks random, shortly after a word such as "API key".

use super::names::{Name, Word};
use super::quote::is_mark;
use super::scan::{Scan, is_of_token};
use super::shapes::{count, count_back, is_hash, is_like_key, is_odd, is_random};

/// Whether what looks random is removed, because a word of its kind came before.
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
}

impl Scan<'_> {
    /// Removes a token that looks random, with what it `goes_on` with.
    pub(super) fn hot(&mut self, start: usize, end: usize, goes_on: bool) {
        /// In bytes.
        const REACH: usize = 80;
        let text = self.bytes;
        let (after, hot) = match self.heat {
            Heat::None => return,
            Heat::Mild { after } => (after, None),
            Heat::Hot { after, name } => (after, Some(name)),
        };
        let word = &text[start..end];
        if start > after + REACH || cools(word) {
            self.heat = Heat::None;
            return;
        }
        let before = start.checked_sub(1).map(|before| text[before]);
        if before == Some(b'/') || is_id(word) {
            return;
        }
        let more = |byte: u8| is_of_token(byte) || b"+/=~*".contains(&byte);
        let to = if goes_on { start + count(&text[start..], more) } else { end };
        let to = to - count_back(&text[start..to], |byte| b"./".contains(&byte));
        let value = &text[start..to];
        let is_secret = match hot {
            None => is_random(value) && !is_hash(value),
            // A key in marks may be short; a token in them may be one of a grammar.
            Some(Name::Secret) if before.is_some_and(is_mark) && value.len() >= 6 => is_odd(value),
            Some(Name::Secret) if start == after + 1 && is_like_key(value) => true,
            Some(_) => is_random(value) || is_hash(value),
        };
        if is_secret {
            self.remove(start, to);
        }
    }
}

/// Words after which what looks random is an id.
fn cools(word: &[u8]) -> bool {
    const WORDS: [&str; 26] = [
        "id",
        "ids",
        "request",
        "response",
        "trace",
        "span",
        "session",
        "model",
        "commit",
        "sha",
        "revision",
        "org",
        "organization",
        "project",
        "user",
        "account",
        "run",
        "thread",
        "deployment",
        "file",
        "path",
        "see",
        "version",
        "batch",
        "job",
        "base64",
    ];
    const LONGEST: usize = 13;
    word.len() < LONGEST && WORDS.contains(&Word::of(word).as_str())
}

/// Ids of requests, answers and runs, by the prefixes that providers give them.
fn is_id(word: &[u8]) -> bool {
    const PREFIXES: [&[u8]; 22] = [
        b"req_",
        b"req-",
        b"resp_",
        b"chatcmpl-",
        b"cmpl-",
        b"msg_",
        b"call_",
        b"toolu_",
        b"run_",
        b"thread_",
        b"asst_",
        b"file-",
        b"file_",
        b"batch_",
        b"gen-",
        b"evt_",
        b"rs_",
        b"fc_",
        b"org-",
        b"proj_",
        b"user-",
        b"step_",
    ];
    PREFIXES.iter().any(|prefix| word.starts_with(prefix))
}
