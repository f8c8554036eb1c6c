//! Names of fields, parameters, headers and variables, in any case and spelling, by their last words.

use super::bytes::count_back;

/// What a name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A secret.
    Secret,
    /// Several secrets; a number is how many.
    Secrets,
    /// A token: a secret, unless it is a number.
    Token,
    /// A key of some kind: a secret if it looks random.
    Key,
    /// A signature: a secret if it looks random or like a hash.
    Signature,
    /// A code: a secret if it looks random.
    Code,
    /// The header `Authorization`: a scheme and its credentials.
    Authorization,
    /// The header `Cookie` or `Set-Cookie`.
    Cookie,
}

/// Whether a word with these last letters may be a name. Sorts out nearly all words of a text.
#[inline]
pub(super) fn may_end(word: &[u8]) -> bool {
    let mut word = word;
    while let [before @ .., b'0'..=b'9' | b'_' | b'-' | b'.'] = word {
        word = before;
    }
    let [.., b, c] = *word else { return false };
    if [b | 0x20, c | 0x20] == *b"pw" {
        return true;
    }
    let [.., a, b, c] = *word else { return false };
    matches!(
        &[a | 0x20, b | 0x20, c | 0x20],
        b"key"
            | b"eys"
            | b"ken"
            | b"ret"
            | b"ets"
            | b"ord"
            | b"rds"
            | b"swd"
            | b"pwd"
            | b"ass"
            | b"ase"
            | b"ode"
            | b"ion"
            | b"kie"
            | b"ies"
            | b"ial"
            | b"als"
            | b"red"
            | b"eds"
            | b"jwt"
            | b"rer"
            | b"ure"
            | b"sig"
            | b"mac"
            | b"uth"
            | b"otp"
            | b"pat"
            | b"psk"
            | b"ier"
            | b"ing"
            | b"lue"
            | b"ash"
            | b"irm"
            | b"sid"
            | b"ded"
            | b"ied"
            | b"ven"
            | b"ved"
            | b"sed"
            | b"nid"
    )
}

/// What the name that ends here says, and where its last word begins. Nothing before `floor` is read.
pub(super) fn of(text: &[u8], floor: usize, end: usize) -> Option<Name> {
    let mut words = Words { text, floor, end };
    let last = words.before()?;
    match last.as_str() {
        "provided" | "supplied" | "given" | "received" | "passed" | "used" | "entered" => {
            named(words.before()?, &mut words)
        }
        _ => named(last, &mut words),
    }
}

fn named(last: Word, words: &mut Words<'_>) -> Option<Name> {
    Some(match last.as_str() {
        "secret" | "password" | "passwd" | "pwd" | "pw" | "passphrase" | "passcode" | "otp"
        | "totp" | "apikey" | "accesskey" | "secretkey" | "privatekey" | "accountkey"
        | "subscriptionkey" | "sharedaccesskey" | "encryptionkey" | "signingkey" | "masterkey"
        | "storagekey" | "authkey" | "psk" | "keypass" | "credential" | "cred" | "jsessionid"
        | "phpsessid" | "sshpass" => Name::Secret,
        "secrets" | "passwords" | "apikeys" | "credentials" | "creds" | "pass" => Name::Secrets,
        "token" => return token(words.before()),
        "accesstoken" | "authtoken" | "apitoken" | "refreshtoken" | "idtoken" | "sessiontoken"
        | "bearertoken" | "bottoken" | "bearer" | "jwt" => Name::Token,
        "key" => return key(words.before()),
        "keys" => return key(words.before()).filter(|name| *name != Name::Key),
        "auth" | "pat" => Name::Key,
        "authorization" => Name::Authorization,
        "cookie" | "cookies" => Name::Cookie,
        "signature" | "sig" | "hmac" => Name::Signature,
        "assertion" => Name::Code,
        "code" => code(words.before()),
        // `passWord`
        "word" if words.before()?.is("pass") => Name::Secret,
        "verifier" if words.before()?.is("code") => Name::Secret,
        "sid" if words.before()?.is("connect") => Name::Secret,
        // `SECRET_KEY_BASE`
        "base" if words.before()?.is("key") && words.before()?.is("secret") => Name::Secret,
        // `secret_value`, `SecretString`, `password_hash`, `password_confirmation`.
        "value" | "string" | "hash" | "confirmation" | "confirm" => {
            let before = words.before()?;
            return named(before, words).filter(|name| matches!(name, Name::Secret | Name::Token));
        }
        glued if glued.len() > 8 => return in_one(glued),
        _ => return None,
    })
}

/// A key, by the word before it.
fn key(before: Option<Word>) -> Option<Name> {
    let Some(before) = before else { return Some(Name::Key) };
    match before.as_str() {
        "api" | "secret" | "access" | "private" | "encryption" | "signing" | "master"
        | "account" | "subscription" | "storage" | "auth" | "service" | "admin" | "app"
        | "application" | "consumer" | "client" | "license" | "licence" | "deploy" | "ssh"
        | "webhook" | "integration" | "functions" | "function" | "shared" | "session"
        | "management" | "role" | "write" | "ingest" | "ingestion" | "goog" => Some(Name::Secret),
        "public" | "primary" | "foreign" | "cache" | "partition" | "sort" | "idempotency"
        | "routing" | "object" | "lookup" | "index" | "unique" | "composite" | "row" | "map"
        | "registry" | "translation" | "message" | "issue" | "project" => None,
        _ => Some(Name::Key),
    }
}

/// A code, by the word before it: one that is sent to a person is as short as a status.
fn code(before: Option<Word>) -> Name {
    const SENT: [&str; 8] =
        ["otp", "totp", "mfa", "verification", "confirmation", "recovery", "security", "backup"];
    let is_sent = before.is_some_and(|before| SENT.contains(&before.as_str()));
    if is_sent { Name::Secret } else { Name::Code }
}

/// A token, by the word before it: those of a text, of a page or of a grammar are no secrets.
fn token(before: Option<Word>) -> Option<Name> {
    let ordinary = before.is_some_and(|before| {
        matches!(
            before.as_str(),
            "next"
                | "page"
                | "continuation"
                | "sync"
                | "eos"
                | "bos"
                | "pad"
                | "unk"
                | "sep"
                | "cls"
                | "mask"
                | "special"
                | "first"
                | "last"
                | "stop"
                | "end"
                | "start"
                | "prompt"
                | "completion"
                | "input"
                | "output"
                | "max"
                | "min"
                | "total"
                | "per"
                | "each"
                | "unexpected"
                | "expected"
                | "syntax"
        )
    });
    (!ordinary).then_some(Name::Token)
}

/// A name whose words are written as one.
fn in_one(word: &str) -> Option<Name> {
    const SECRETS: [&str; 8] = [
        "password",
        "passwd",
        "passphrase",
        "apikey",
        "secret",
        "secretkey",
        "accesskey",
        "storepass",
    ];
    const TOKENS: [&str; 4] = ["accesstoken", "authtoken", "apitoken", "refreshtoken"];
    let ends = |names: &[&str]| names.iter().any(|name| word.ends_with(name));
    match () {
        () if ends(&SECRETS) => Some(Name::Secret),
        () if ends(&TOKENS) => Some(Name::Token),
        () if word.ends_with("authorization") => Some(Name::Authorization),
        () => None,
    }
}

/// One word in small letters. Of a long one, the end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    letters: [u8; LONGEST],
    length: usize,
}

const LONGEST: usize = 24;

impl Word {
    pub(super) fn of(text: &[u8]) -> Self {
        let text = &text[text.len().saturating_sub(LONGEST)..];
        let mut letters = [0; LONGEST];
        letters[..text.len()].copy_from_slice(text);
        letters.make_ascii_lowercase();
        Self { letters, length: text.len() }
    }

    pub(super) fn as_str(&self) -> &str {
        // Only ASCII letters are words.
        std::str::from_utf8(&self.letters[..self.length]).unwrap_or_default()
    }

    fn is(&self, word: &str) -> bool {
        self.as_str() == word
    }
}

/// The words before a place, from the last to the first.
struct Words<'t> {
    text: &'t [u8],
    floor: usize,
    end: usize,
}

impl Words<'_> {
    /// The word before, if one blank or joint separates it. Numbers at its end do not count.
    fn before(&mut self) -> Option<Word> {
        let joint = |byte: u8| matches!(byte, b'_' | b'-' | b'.' | b'0'..=b'9');
        self.end -= count_back(&self.text[self.floor..self.end], joint);
        if self.text[self.floor..self.end].ends_with(b" ") {
            self.end -= 1;
        }
        let end = self.end;
        let letters = count_back(&self.text[self.floor..end], |byte| byte.is_ascii_alphabetic());
        let word = &self.text[end - letters..end];
        let humps = (1..word.len()).rev().find(|&at| is_hump(word, at)).unwrap_or(0);
        self.end = end - letters + humps;
        (letters > 0).then(|| Word::of(&word[humps..]))
    }
}

/// Whether a word in camel case begins here: `apiKey`, `APIKey`.
fn is_hump(word: &[u8], at: usize) -> bool {
    word[at].is_ascii_uppercase()
        && (word[at - 1].is_ascii_lowercase()
            || word.get(at + 1).is_some_and(u8::is_ascii_lowercase))
}
