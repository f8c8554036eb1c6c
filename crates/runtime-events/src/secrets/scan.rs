//! [`Scan`]: reads a text token by token, and copies what stays.

use std::borrow::Cow;

use super::bytes::{JOINT, SIGN, count, is_blank, is_of_token, is_sign, kind};
use super::heat::Heat;
use super::quote::Quote;
use super::value::Run;
use super::{arguments, commands, forms, inputs, issuers, lines, names, schemes, shapes};

/// A text that is being read.
pub(super) struct Scan<'t> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    /// What is read next.
    pub(super) at: usize,
    /// Nothing before it is read back: a secret was removed here.
    pub(super) floor: usize,
    /// Whether what looks random is removed.
    pub(super) heat: Heat,
    /// Where the next `@` is, and the next blank or mark, if that is known.
    next_at: usize,
    next_blank: usize,
    /// The value that was read last.
    pub(super) run: Run,
    /// Where the last program ends that takes a user and a password.
    pub(super) program: usize,
    /// What is to be removed further on.
    due: Vec<(usize, usize)>,
    /// Where the line begins, and how far line breaks were looked for.
    line: (usize, usize),
    clean: String,
    /// How much of the text is in `clean`.
    copied: usize,
}

impl<'t> Scan<'t> {
    pub(super) const fn new(text: &'t str) -> Self {
        Self {
            text,
            bytes: text.as_bytes(),
            at: 0,
            floor: 0,
            heat: Heat::None,
            next_at: 0,
            next_blank: 0,
            run: Run::NONE,
            program: 0,
            due: Vec::new(),
            line: (0, 0),
            clean: String::new(),
            copied: 0,
        }
    }

    /// Reads on by one token, or to the end of a secret. Whether there is more.
    #[inline]
    pub(super) fn step(&mut self) -> bool {
        if !self.due.is_empty() {
            self.due();
        }
        let Some(&byte) = self.bytes.get(self.at) else { return false };
        match byte {
            _ if is_of_token(byte) => self.token(),
            b':' => self.colon(),
            b'$' | b'|' | b'<' => self.sign(byte),
            b'[' if is_sign(self.bytes, self.at) => self.pass(self.at + SIGN.len()),
            _ => self.at += 1,
        }
        true
    }

    pub(super) fn finish(mut self) -> Cow<'t, str> {
        if self.copied == 0 {
            return Cow::Borrowed(self.text);
        }
        self.clean.push_str(&self.text[self.copied..]);
        Cow::Owned(self.clean)
    }

    #[inline]
    fn token(&mut self) {
        /// Shorter ones go on with a letter that is not of a token.
        const SHORTEST_KEY: usize = 9;
        let text = self.bytes;
        let start = self.start();
        let (whole, first) = self.extent(start);
        let is_long = || {
            let goes_on = || text.get(whole).is_some_and(|next| b"~*+/=".contains(next));
            whole - start >= SHORTEST_KEY || goes_on()
        };
        let key = first.filter(|_| is_long()).and_then(|first| self.key(start, first, whole));
        if let Some((from, to)) = key
            && from == start
        {
            return self.remove(from, to);
        }
        // A key after a joint is a token of its own, and so is what stands before it.
        let end = key.map_or(whole, |(from, _)| from);
        self.at = end;
        let word = &text[start..end];
        if let Some((from, to)) = self.password_of_call(start, end) {
            return self.remove(from, to);
        }
        if names::may_end(word) && self.name(start, end) {
            return;
        }
        if lines::takes_pairs(word) {
            self.program = end;
        }
        match word {
            [b'b' | b'B', _, _, _, _] | [b'b' | b'B', _, _, _, _, _] => {
                if let Some((from, to)) = schemes::in_prose(text, start, end) {
                    return self.remove(from, to);
                }
            }
            [b'-', _, ..] | b"sqlplus" | b"sqlldr" | b"expdp" | b"impdp" => {
                if let Some((from, sign)) = commands::user(text, start, end) {
                    return self.user(from, sign);
                }
                if let Some((from, to)) = commands::password(text, start, end) {
                    return self.remove(from, to);
                }
                if self.arguments(start, end) {
                    return;
                }
            }
            b"echo" | b"printf" | b"net" | b"p" | b"rp" | b"passwordd" | b"passwordo" | b"PASS"
            | b"LOGIN" | b"login" => {
                let found = match word {
                    b"net" => arguments::of_net(text, end),
                    b"echo" | b"printf" => inputs::echoed(text, end),
                    b"PASS" => lines::pass(text, start, end),
                    b"LOGIN" | b"login" => lines::login(text, start, end),
                    _ => arguments::slashed(text, start, end),
                };
                if self.later(found) || self.arguments(start, end) {
                    return;
                }
            }
            b"BY" | b"by" | b"ConvertTo-SecureString" | b"EAP" | b"XAUTH" | b"NTLM" | b"PKCS8" => {
                if let Some((from, to)) = commands::quoted_behind(text, start, end) {
                    return self.remove(from, to);
                }
            }
            b"arn" if text[end..].starts_with(b":aws") => self.at = self.blank(end),
            _ if arguments::may_say(word) && self.arguments(start, end) => return,
            _ => {}
        }
        if self.heat == Heat::None {
            return;
        }
        if self.heat.is_over(text, start, end) {
            self.heat = Heat::None;
        } else if let Some(to) = self.heat.secret(text, (start, end), key.is_none()) {
            self.remove(start, to);
        }
    }

    /// Removes the passwords some words behind this one, later. Whether there are any.
    fn arguments(&mut self, start: usize, end: usize) -> bool {
        self.later(arguments::words(self.bytes, start, end))
    }

    /// Removes what begins further on, once the text before it is read. Whether there is any.
    fn later(&mut self, found: impl IntoIterator<Item = (usize, usize)>) -> bool {
        let known = self.due.len();
        self.due.extend(found);
        let is_any = self.due.len() > known;
        if is_any {
            self.due.sort_unstable();
        }
        is_any
    }

    /// Removes what was found before and begins here.
    #[cold]
    fn due(&mut self) {
        while let Some(&(from, to)) = self.due.first().filter(|(from, _)| *from <= self.at) {
            self.due.remove(0);
            // A part of it may be gone, and two rows may know the same one.
            if from >= self.floor {
                self.remove(from, to);
            } else if to > self.floor {
                self.remove(self.floor, to);
            }
        }
    }

    /// A sign that a secret may begin with, or stand behind or before.
    fn sign(&mut self, sign: u8) {
        let (text, at) = (self.bytes, self.at);
        self.at += 1;
        let found = match sign {
            b'$' => forms::crypt(text, at).map(|end| (at, end)),
            b'|' => inputs::quoted(text, at).filter(|(from, _)| *from > self.floor),
            _ if text[at..].starts_with(b"<<") => {
                self.at += count(&text[self.at..], |byte| byte == b'<');
                inputs::here(text, at)
            }
            _ => None,
        };
        match found {
            Some((from, _)) if from > self.at => drop(self.later(found)),
            Some((from, to)) => self.remove(from, to),
            None => {}
        }
    }

    /// The password in a call that this token names. The user before it is not read again.
    #[inline]
    fn password_of_call(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        if self.heat != Heat::None || !matches!(self.bytes.get(end), Some(b'(' | b'=')) {
            return None;
        }
        let ((user, user_end), password) = commands::user_and_password(self.bytes, start, end)?;
        (!self.has_key(user, user_end)).then_some(password)
    }

    /// The end of the token that begins here, and where in it a key may begin.
    #[inline]
    fn extent(&self, start: usize) -> (usize, Option<usize>) {
        let (mut at, mut before, mut first) = (start, JOINT, None);
        while let Some(&byte) = self.bytes.get(at) {
            let kind = kind(byte);
            if kind == 0 {
                break;
            }
            if before == JOINT && first.is_none() && self.may_begin(at) {
                first = Some(at);
            }
            (before, at) = (kind, at + 1);
        }
        (
            at,
            first
                .or_else(|| shapes::may_be_marked(at - start, self.bytes.get(at)).then_some(start)),
        )
    }

    /// Where the token begins. What an escape in a JSON text or an address leaves before it is no
    /// part of it: `\nsk-…`, `%22sk-…`.
    #[inline]
    fn start(&self) -> usize {
        let (at, text) = (self.at, self.bytes);
        let escape = match (at.checked_sub(1).map(|before| text[before]), text[at]) {
            (Some(b'\\'), b'n' | b'r' | b't' | b'b' | b'f') => 1,
            (Some(b'\\'), b'u') => 5,
            (Some(b'%'), _) => 2,
            _ => return at,
        };
        at + count(&text[at..text.len().min(at + escape)], |byte| byte.is_ascii_alphanumeric())
    }

    /// A key of an issuer, or of a known shape, that begins in this token or after a joint in it. None
    /// begins before `first`.
    fn key(&self, start: usize, first: usize, end: usize) -> Option<(usize, usize)> {
        let text = self.bytes;
        let mut before = JOINT;
        for at in first..end {
            if before == JOINT
                && self.may_begin(at)
                && let Some(to) = known(text, at)
            {
                return Some((at, to));
            }
            before = kind(text[at]);
        }
        shapes::marked_inside(text, start, end)
    }

    #[inline]
    fn may_begin(&self, at: usize) -> bool {
        self.bytes.get(at + 1).is_some_and(|&next| issuers::may_begin(self.bytes[at], next))
    }

    /// Whether a key begins anywhere in this part of a text.
    pub(super) fn has_key(&self, from: usize, to: usize) -> bool {
        let parts = self.bytes[from..to].split(|&byte| !is_of_token(byte));
        let mut at = from;
        parts.into_iter().any(|part| {
            let start =
                if at > from && self.bytes[at - 1] == b'%' { at + part.len().min(2) } else { at };
            let end = at + part.len();
            at = end + 1;
            self.key(start, start, end).is_some()
        })
    }

    /// Removes a secret, unless a sign stands in its place.
    pub(super) fn remove(&mut self, from: usize, to: usize) {
        self.remove_in(None, from, to);
    }

    /// Removes a secret, and puts the sign in these marks.
    pub(super) fn remove_in(&mut self, marks: Option<Quote>, from: usize, to: usize) {
        if &self.text[from..to] != SIGN {
            self.clean.push_str(&self.text[self.copied..from]);
            marks.inspect(|marks| marks.write(&mut self.clean));
            self.clean.push_str(SIGN);
            marks.inspect(|marks| marks.write(&mut self.clean));
            self.copied = to;
        }
        self.pass(to);
    }

    /// Passes over a secret that is removed.
    pub(super) const fn pass(&mut self, to: usize) {
        (self.at, self.floor, self.heat) = (to, to, Heat::None);
    }

    pub(super) fn line(&mut self, at: usize) -> usize {
        let (begin, seen) = self.line;
        let last = self.bytes[seen..at].iter().rposition(|&byte| byte == b'\n');
        self.line = (last.map_or(begin, |last| seen + last + 1), at);
        self.line.0
    }

    pub(super) fn at_sign(&mut self, from: usize) -> usize {
        if self.next_at < from {
            self.next_at = from + count(&self.bytes[from..], |byte| byte != b'@');
        }
        self.next_at
    }

    pub(super) fn blank(&mut self, from: usize) -> usize {
        if self.next_blank < from {
            self.next_blank = from + count(&self.bytes[from..], |byte| !is_blank(byte));
        }
        self.next_blank
    }
}

/// The end of the key of a known kind that begins here.
#[inline]
fn known(text: &[u8], at: usize) -> Option<usize> {
    let marked = issuers::key(text, at).or_else(|| shapes::secret(text, at));
    marked.or_else(|| forms::key(text, at))
}
