//! Removes the values of names.

use super::bytes::{SIGN, count, count_back, is_sign};
use super::heat::Heat;
use super::names::{self, Name};
use super::quote::Quote;
use super::scan::Scan;
use super::value::{self, Manner, Place};
use super::{arguments, code, literals, schemes, shapes};

impl Scan<'_> {
    /// Reads the value of the name that ends here, if it is one. Whether the value was removed, or
    /// had been.
    pub(super) fn name(&mut self, start: usize, end: usize) -> bool {
        // What an escape leaves before a token is no word of its name.
        let is_cut = start > 0 && self.bytes[start - 1].is_ascii_alphanumeric();
        let floor = if is_cut { start } else { self.floor };
        let Some(name) = names::of(self.bytes, floor, end) else { return false };
        // Of a list of tests.
        if self.bytes[start..].starts_with(b"PASS: ") {
            return false;
        }
        if matches!(name, Name::Secret | Name::Secrets) && self.items(end) {
            return true;
        }
        if let Some(place) = value::place(self.bytes, start, end)
            && self.value(name, (start, end), place)
        {
            return true;
        }
        self.heat = Heat::of(name, end).unwrap_or(self.heat);
        false
    }

    fn value(&mut self, name: Name, (start, end): (usize, usize), place: Place) -> bool {
        // Where OpenSSL and others get it from: `pass:hunter2`, `env:NAME`.
        let is_said = self.bytes[place.from..].starts_with(b"pass:");
        let (text, from) = (self.bytes, place.from + if is_said { 5 } else { 0 });
        if let Some(quote) = place.quote {
            return self.quoted(name, start, place, quote);
        }
        if is_sign(self.bytes, from) {
            self.pass(from + SIGN.len());
            return true;
        }
        if let Some((inside, end)) = value::block(text, start, from) {
            let lines = text[inside..end].trim_ascii();
            let is_word = matches!(name, Name::Secret | Name::Secrets | Name::Token);
            let is_secret = is_word && value::is_secret(name, lines, place.manner, (true, false));
            if is_secret {
                self.remove(from, end);
            }
            return is_secret;
        }
        if let Some((inside, end)) = literals::inside(text, from) {
            let is_secret = !matches!(name, Name::Authorization | Name::Cookie)
                && value::is_secret(name, &text[inside..end], place.manner, (true, false));
            if is_secret {
                self.remove(inside, end);
            }
            return is_secret;
        }
        let to = self.run.end(text, from, place.manner);
        if [&b"env:"[..], b"file:", b"fd:"].iter().any(|other| text[from..to].starts_with(other)) {
            return false;
        }
        // `=$[redacted]`: what a removed value has left.
        if is_sign(text, to) && !text[from..to].iter().any(u8::is_ascii_alphanumeric) {
            self.pass(to + SIGN.len());
            return true;
        }
        let followed = value::is_followed(text, to);
        let is_secret = value::is_secret(name, &text[from..to], place.manner, (false, followed));
        // The variable of a shell that has the working directory.
        let is_folder = text[from..].starts_with(b"/") && text[start..].starts_with(b"PWD=");
        if !is_secret || is_folder || code::is_itself(text, (start, end), (from, to)) {
            return false;
        }
        let found = match name {
            Name::Authorization => schemes::credentials(text, from),
            Name::Cookie => schemes::cookies(text, from).map(|to| (from, to)),
            _ if place.manner == Manner::Element => {
                let value = count(&text[from..], |byte| !matches!(byte, b'<' | b'"' | b'\n'));
                let slashes = count_back(&text[from..from + value], |byte| byte == b'\\');
                Some((from, from + value - slashes))
            }
            _ => Some((from, shapes::private_key(text, from).unwrap_or(to))),
        };
        let Some((from, to)) = found.filter(|(from, to)| from < to || is_sign(self.bytes, *from))
        else {
            return false;
        };
        if is_sign(self.bytes, from) {
            self.pass(from + SIGN.len());
        } else {
            // In JSON a value without marks gets those of its name.
            let marks = place.name_quote.filter(|_| place.manner == Manner::Field);
            self.remove_in(marks, from, to);
        }
        true
    }

    /// Removes a value in quotation marks, and those after it in a list.
    fn quoted(&mut self, name: Name, start: usize, place: Place, quote: Quote) -> bool {
        let (text, mut from, mut has_removed) = (self.bytes, place.from, false);
        loop {
            let end = quote.end(text, from).or_else(|| quote.end_of_lines(text, start, from));
            let to = end.unwrap_or_else(|| self.cut(from, quote));
            let value = &text[from..to];
            if name == Name::Token && quote.is_of_text(text, to) {
                return has_removed;
            }
            if value == SIGN.as_bytes() {
                self.pass(to);
                has_removed = true;
            } else if from < to && value::is_secret(name, value, place.manner, (true, false)) {
                let (inner, to) = match name {
                    Name::Authorization => (schemes::quoted_credentials(text, from, to), to),
                    // In a file of variables a key has lines of its own.
                    _ => (from, shapes::private_key(text, from).map_or(to, |end| end.max(to))),
                };
                self.remove(inner, to);
                has_removed = true;
            }
            let next = end.filter(|_| place.is_list).and_then(|end| self.item(quote, end));
            let Some(next) = next else { return has_removed };
            from = next;
        }
    }

    /// Removes the items of a list in YAML below a name that ends here, up to the first that is no secret.
    fn items(&mut self, end: usize) -> bool {
        let (text, mut line, mut has_removed) = (self.bytes, end, false);
        if !text[..end].ends_with(b"s") || text.get(end) != Some(&b':') {
            return false;
        }
        line += 1;
        while let Some((from, to, after)) = arguments::item(text, line) {
            if is_sign(text, from) {
                self.pass(from + SIGN.len());
            } else {
                self.remove(from, to);
            }
            (line, has_removed) = (after, true);
        }
        has_removed
    }

    /// The end of a quotation whose closing mark is cut off.
    fn cut(&self, from: usize, quote: Quote) -> usize {
        if is_sign(self.bytes, from) {
            return from + SIGN.len();
        }
        // An apostrophe may be no quotation mark.
        if !quote.is_double() {
            return value::run(self.bytes, from, Manner::Assigned);
        }
        let line = from + count(&self.bytes[from..], |byte| byte != b'\n' && byte != b'\r');
        line - count_back(&self.bytes[from..line], |byte| byte == b'\\')
    }

    /// Where the next item of a list begins, inside its marks, after the one that ends here.
    fn item(&self, quote: Quote, end: usize) -> Option<usize> {
        let after = end + quote.len();
        let blank = |byte: u8| byte.is_ascii_whitespace() || byte == b',';
        let next = after + count(&self.bytes[after..], blank);
        (next > after && Quote::at(self.bytes, next) == Some(quote)).then(|| next + quote.len())
    }
}
