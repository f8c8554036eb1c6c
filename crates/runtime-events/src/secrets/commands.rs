//! Passwords in commands and calls that do not name them: `mysql -phunter2`, `.netrc`, `login("bob", "hunter2")`.

use super::bytes::{blanks, count, is_of_token};
use super::quote::Quote;
use super::shapes::{FAR, is_random};
use super::value::{Manner, is_placeholder, run};

/// Programs, the command that they are given, their option, and whether a blank may stand behind it.
type Row = (&'static str, &'static str, &'static [u8], bool);

/// From the manuals of these programs.
const ROWS: [Row; 8] = [
    (
        "mysql mysqladmin mysqlbinlog mysqlcheck mysqldump mysqlimport mysqlpump mysqlsh mysqlshow mariadb \
         mariadb-admin mariadb-dump mycli",
        "",
        b"-p",
        false,
    ),
    ("sshpass mongo mongosh mongodump mongoexport mongoimport mongorestore", "", b"-p", true),
    ("docker podman buildah skopeo oras az cf oc", "login", b"-p", true),
    ("redis-cli valkey-cli", "", b"-a", true),
    ("7z", "", b"-p", false),
    ("zip unzip", "", b"-P", true),
    // Cookies, or the file that has them.
    ("curl", "", b"-b", true),
    ("ldapadd ldapdelete ldapmodify ldappasswd ldapsearch", "", b"-w", true),
];

/// The password behind the option that is in this token.
pub(super) fn password(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let &[b'-', letter, ..] = &text[start..end] else { return None };
    let is_option = |row: &&Row| row.2[1] == letter && is_of(text, start, row);
    if !matches!(letter, b'p' | b'a' | b'b' | b'P' | b'w') {
        return None;
    }
    let row = ROWS.iter().find(is_option)?;
    let option = start + 2;
    let from = if option < end || Quote::at(text, end).is_some() {
        option
    } else {
        option + Some(blanks(text, option)).filter(|&blanks| row.3 && blanks > 0)?
    };
    let (from, to) = match Quote::at(text, from) {
        Some(quote) => (from + quote.len(), quote.end(text, from + quote.len())?),
        None => (from, run(text, from, Manner::Assigned)),
    };
    let value = &text[from..to];
    let is_file = letter == b'b' && !value.contains(&b'=');
    let is_other = value.is_empty() || value[0] == b'-' || is_placeholder(value);
    (!is_other && !is_file && !is_ports(value)).then_some((from, to))
}

/// `-ubob:hunter2` of curl: where the user begins.
pub(super) fn user(text: &[u8], start: usize, end: usize) -> Option<usize> {
    let is_pair = text[start..end].starts_with(b"-u") && text.get(end) == Some(&b':');
    (is_pair && is_of(text, start, &("curl", "", b"-u", false))).then_some(start + 2)
}

/// Whether what stands here is said to one of these programs, in the same command.
fn is_of(text: &[u8], start: usize, (programs, command, ..): &Row) -> bool {
    let before = &text[start.saturating_sub(FAR)..start];
    let from = before.iter().rposition(|byte| b"\n|;&".contains(byte)).map_or(0, |at| at + 1);
    let has = |words: &str| {
        let mut said = before[from..].split(|&byte| !is_of_token(byte));
        said.any(|word| words.split_ascii_whitespace().any(|known| known.as_bytes() == word))
    };
    before.last().is_some_and(u8::is_ascii_whitespace)
        && has(programs)
        && (command.is_empty() || has(command))
}

/// `8080:80`
fn is_ports(value: &[u8]) -> bool {
    let first = count(value, |byte| byte.is_ascii_digit());
    let rest = &value[first..];
    first > 0 && rest.strip_prefix(b":").is_some_and(|rest| rest.iter().all(u8::is_ascii_digit))
}

/// The two quoted texts that a call like `login("bob", "hunter2")` or `auth=("bob", "hunter2")` has, which ends its name
/// here: a user and a password.
pub(super) fn user_and_password(
    text: &[u8],
    start: usize,
    end: usize,
) -> Option<((usize, usize), (usize, usize))> {
    let name = &text[start..end];
    let ends = |word: &[u8]| {
        let rest = name.len().checked_sub(word.len());
        rest.is_some_and(|rest| name[rest..].eq_ignore_ascii_case(word))
    };
    let bracket = end + usize::from(text.get(end) == Some(&b'='));
    if text.get(bracket) != Some(&b'(') || !(ends(b"auth") || ends(b"login")) {
        return None;
    }
    let first = Quote::at(text, bracket + 1)?;
    let user = bracket + 1 + first.len();
    let is_of_user = |byte: u8| is_of_token(byte) || byte == b'@' || byte == b'+';
    let user_end = user + count(&text[user..], is_of_user);
    let comma = user_end + first.len();
    let at = comma + 1 + blanks(text, comma + 1);
    let second = Quote::at(text, at)?;
    let from = at + second.len();
    let to = second.end(text, from)?;
    let is_pair = user_end > user
        && !is_random(&text[user..user_end])
        && Quote::at(text, user_end) == Some(first)
        && text.get(comma) == Some(&b',')
        && text.get(to + second.len()) == Some(&b')')
        && !is_placeholder(&text[from..to]);
    (is_pair && from < to).then_some(((user, user_end), (from, to)))
}

/// What `IDENTIFIED BY` in SQL has behind it, of which the last word ends here.
pub(super) fn identified_by(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    const WORD: &[u8] = b"identified ";
    let before = &text[start.saturating_sub(WORD.len())..start];
    let at = end + blanks(text, end);
    let quote = Quote::at(text, at).filter(|_| before.eq_ignore_ascii_case(WORD))?;
    let from = at + quote.len();
    let to = quote.end(text, from)?;
    (from < to && !is_placeholder(&text[from..to])).then_some((from, to))
}
