//! Removes the passwords of `user:password`, and of addresses.

use super::bytes::{SIGN, count, is_blank, is_of_token, is_sign};
use super::heat::Heat;
use super::quote::Quote;
use super::scan::Scan;
use super::shapes::{is_hash, is_random};
use super::value::{Manner, run};
use super::{lines, shapes};

impl Scan<'_> {
    /// `-u user:password` of a command, from the user on, with this sign between the two.
    pub(super) fn user(&mut self, from: usize, sign: u8) {
        let text = self.bytes;
        let from = from + Quote::at(text, from).map_or(0, Quote::len);
        let is_of_user = |byte: u8| {
            // A domain may stand before the user.
            let is_of_domain = sign == b'%' && matches!(byte, b'\\' | b'/');
            is_of_token(byte) || byte == b'@' || byte == b'+' || is_of_domain
        };
        let colon = from + count(&text[from..], is_of_user);
        let is_pair = colon > from && text.get(colon) == Some(&sign);
        // The address of a database: `jdbc:hive2://db`.
        let is_address = || {
            let scheme = count(&text[colon + 1..], is_of_token);
            text[colon + 1 + scheme..].starts_with(b"://")
        };
        if !is_pair
            || text[colon..].starts_with(b"://")
            || is_address()
            || self.has_key(from, colon)
        {
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
    pub(super) fn colon(&mut self) {
        let colon = self.at;
        self.at += 1;
        if self.bytes[colon..].starts_with(b"://") {
            self.authority(colon + 3);
        } else if let Some(length) = shapes::telegram(self.bytes, colon) {
            self.remove(colon + 1, colon + 1 + length);
        } else if let Some((from, to)) = lines::pgpass(self.bytes, colon) {
            self.remove(from, to);
        } else if let Some((from, to)) =
            lines::pair(self.bytes, (self.line(colon), self.program), colon)
        {
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
}

/// Whether a user and a port could not be this: there is a colon, and no number after it.
fn is_password(authority: &[u8]) -> bool {
    let mut parts = authority.splitn(2, |&byte| byte == b':');
    let (user, rest) = (parts.next(), parts.next());
    user.is_some_and(|user| !user.starts_with(b"["))
        && rest.is_some_and(|rest| !rest.iter().all(u8::is_ascii_digit))
}
