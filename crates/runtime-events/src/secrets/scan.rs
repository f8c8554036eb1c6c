//! [`Scan`]: reads a text token by token, and copies what stays.

use std::borrow::Cow;

use super::bytes::{JOINT, SIGN, count, is_blank, is_of_token, is_sign, kind};
use super::heat::Heat;
use super::quote::Quote;
use super::shapes::{is_hash, is_random};
use super::value::{Manner, Run, run};
use super::{arguments, commands, forms, issuers, names, schemes, shapes};

/// A text that is being read.
pub(super) struct Scan<'t> {
    pub(super) text: &'t str,
    pub(super) bytes: &'t [u8],
    /// What is read next.
    at: usize,
    /// Nothing before it is read back: a secret was removed here.
    pub(super) floor: usize,
    /// Whether what looks random is removed.
    pub(super) heat: Heat,
    /// Where the next `@` is, and the next blank or mark, if that is known.
    next_at: usize,
    next_blank: usize,
    /// The value that was read last.
    pub(super) run: Run,
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
            clean: String::new(),
            copied: 0,
        }
    }

    /// Reads on by one token, or to the end of a secret. Whether there is more.
    #[inline]
    pub(super) fn step(&mut self) -> bool {
        let Some(&byte) = self.bytes.get(self.at) else { return false };
        match byte {
            _ if is_of_token(byte) => self.token(),
            b':' => self.colon(),
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
                let password = commands::password(text, start, end);
                if let Some((from, to)) = password.or_else(|| arguments::word(text, start, end)) {
                    return self.remove(from, to);
                }
            }
            b"add_user" | b"change_password" | b"authenticate_user" | b"obscure"
            | b"wpa_passphrase" | b"user_pw" | b"owner_pw" | b"input_pw" | b"requirepass"
            | b"masterauth" | b"alias" | b"AUTH" | b"auth" => {
                if let Some((from, to)) = arguments::word(text, start, end) {
                    return self.remove(from, to);
                }
            }
            b"echo" | b"printf" | b"net" | b"p" | b"rp" | b"PASS" => {
                let found = match word {
                    b"net" => arguments::of_net(text, end),
                    b"p" | b"rp" => arguments::slashed(text, start, end),
                    b"PASS" => arguments::of_line(text, start, end),
                    _ => arguments::piped(text, end),
                };
                if let Some((from, to)) = found {
                    return self.remove(from, to);
                }
            }
            b"BY" | b"by" | b"ConvertTo-SecureString" => {
                if let Some((from, to)) = commands::quoted_behind(text, start, end) {
                    return self.remove(from, to);
                }
            }
            b"arn" if text[end..].starts_with(b":aws") => self.at = self.blank(end),
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
    fn has_key(&self, from: usize, to: usize) -> bool {
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

    /// `-u user:password` of a command, from the user on, with this sign between the two.
    fn user(&mut self, from: usize, sign: u8) {
        let text = self.bytes;
        let from = from + Quote::at(text, from).map_or(0, Quote::len);
        let is_of_user = |byte: u8| {
            // A domain may stand before the user.
            let is_of_domain = sign == b'%' && matches!(byte, b'\\' | b'/');
            is_of_token(byte) || byte == b'@' || byte == b'+' || is_of_domain
        };
        let colon = from + count(&text[from..], is_of_user);
        let is_pair = colon > from && text.get(colon) == Some(&sign);
        if !is_pair || text[colon..].starts_with(b"://") || self.has_key(from, colon) {
            return;
        }
        if is_sign(self.bytes, colon + 1) {
            self.pass(colon + 1 + SIGN.len());
        } else {
            let to = run(text, colon + 1, Manner::Assigned);
            // The address of a database stands behind it.
            let address = || text[colon + 1..to].iter().position(|&byte| byte == b'@');
            let to = if sign == b'/' { address().map_or(to, |at| colon + 1 + at) } else { to };
            // A user and a group may be numbers.
            let is_number =
                text[from..to].iter().all(|byte| byte.is_ascii_digit() || *byte == b':');
            if colon + 1 < to && !is_number {
                self.remove(colon + 1, to);
            }
        }
    }

    /// What a colon may begin: the authority of an address, or the secret part of a bot's token.
    fn colon(&mut self) {
        let colon = self.at;
        self.at += 1;
        if self.bytes[colon..].starts_with(b"://") {
            self.authority(colon + 3);
        } else if let Some(length) = shapes::telegram(self.bytes, colon) {
            self.remove(colon + 1, colon + 1 + length);
        } else if let Some((from, to)) = commands::pgpass(self.bytes, colon) {
            self.remove(from, to);
        } else if self.bytes[..colon].ends_with(b"jdbc:oracle:thin") {
            self.user(colon + 1, b'/');
        }
    }

    /// Removes the password of `user:password@host`, or the token of `token@host`.
    fn authority(&mut self, from: usize) {
        (self.at, self.heat) = (from, Heat::None);
        let text = self.bytes;
        let sign = self.at_sign(from);
        if sign > self.blank(from) || sign >= text.len() {
            return;
        }
        let ends = |byte: u8| is_blank(byte) || b"/?#\\".contains(&byte);
        let mut end = from + count(&text[from..], |byte| !ends(byte));
        if end < sign {
            // A password with a slash, unless it is a port.
            if !is_password(&text[from..end]) {
                return;
            }
            end = sign + count(&text[sign..], |byte| !ends(byte));
        }
        // The last one: a password may have others.
        let Some(last) = text[from..end].iter().rposition(|&byte| byte == b'@') else { return };
        let sign = from + last;
        let colon = text[from..sign].iter().position(|&byte| byte == b':');
        let user = colon.map_or(sign, |colon| from + colon);
        let name = &text[from..user];
        if user < sign && is_sign(self.bytes, user + 1) {
            self.pass(user + 1 + SIGN.len());
        } else if self.text[from..sign].contains(SIGN) {
            // What is left of it is read as other texts are.
        } else if is_random(name) || is_hash(name) || self.has_key(from, user) {
            self.remove(from, sign);
        } else if user < sign && text[user + 1..sign].iter().any(|&byte| byte != b'*') {
            self.remove(user + 1, sign);
        }
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

    fn at_sign(&mut self, from: usize) -> usize {
        if self.next_at < from {
            self.next_at = from + count(&self.bytes[from..], |byte| byte != b'@');
        }
        self.next_at
    }

    fn blank(&mut self, from: usize) -> usize {
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

/// Whether a user and a port could not be this: there is a colon, and no number after it.
fn is_password(authority: &[u8]) -> bool {
    let mut parts = authority.splitn(2, |&byte| byte == b':');
    let (user, rest) = (parts.next(), parts.next());
    user.is_some_and(|user| !user.starts_with(b"["))
        && rest.is_some_and(|rest| !rest.iter().all(u8::is_ascii_digit))
}
