//! What a program reads that asks for a password: `echo hunter2 | sudo -S ls`, `'hunter2' | docker login`,
//! `kinit bob <<< hunter2`, and the lines below `chpasswd <<EOF`.

use super::arguments::argument;
use super::bytes::{blanks, count};
use super::names;
use super::quote::Quote;
use super::shapes::FAR;
use super::value::is_placeholder;

/// What a program reads.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Password,
    /// `bob:hunter2`
    UserAndPassword,
}

/// What is piped into a program that reads a password, by `echo` or `printf`, which ends here.
pub(super) fn echoed(text: &[u8], end: usize) -> Option<(usize, usize)> {
    let mut at = end;
    let (from, to) = loop {
        let (from, to, after) = argument(text, at)?;
        at = after;
        if !text[from..to].starts_with(b"-") {
            break (from, to);
        }
    };
    let pipe = at + blanks(text, at);
    secret(text, (from, to), behind(text, pipe)?)
}

/// The quotation before the pipe that stands here, which is a command of its own in `PowerShell`.
pub(super) fn quoted(text: &[u8], pipe: usize) -> Option<(usize, usize)> {
    let before = text[..pipe].trim_ascii_end();
    let begin = before.len().saturating_sub(FAR);
    let mark = *before.last().filter(|mark| matches!(mark, b'"' | b'\''))?;
    let to = before.len() - 1;
    let from = begin + before[begin..to].iter().rposition(|&byte| byte == mark)? + 1;
    let is_command =
        matches!(text[..from - 1].trim_ascii_end().last(), None | Some(b';' | b'&' | b'>'))
            || text[..from - 1].ends_with(b"\n");
    secret(text, (from, to), behind(text, pipe).filter(|_| is_command)?)
}

/// The text behind `<<<`, or the lines of `<<EOF`, which stand here, if the command before reads a password.
pub(super) fn here(text: &[u8], sign: usize) -> Option<(usize, usize)> {
    let line = &text[sign.saturating_sub(FAR)..sign];
    let begin = line.iter().rposition(|byte| b"\n|;&".contains(byte)).map_or(0, |at| at + 1);
    let reads = reads(&line[begin..])?;
    if text[sign..].starts_with(b"<<<") {
        let at = sign + 3;
        let place = match Quote::at(text, at) {
            Some(quote) => (at + quote.len(), quote.end(text, at + quote.len())?),
            None => argument(text, at).map(|(from, to, _)| (from, to))?,
        };
        return secret(text, place, reads);
    }
    let word = sign + 2 + count(&text[sign + 2..], |byte| b"-~'\"".contains(&byte));
    let length = count(&text[word..], |byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let rest = &text[word + length..];
    let from = word + length + count(rest, |byte| byte != b'\n') + 1;
    let to = from + count(text.get(from..)?, |byte| byte != b'\n' && byte != b'\r');
    let is_end = length == 0 || text[from..to] == text[word..word + length];
    secret(text, (from, to), reads).filter(|_| !is_end)
}

/// What the command reads that stands behind the pipe here.
fn behind(text: &[u8], pipe: usize) -> Option<Reads> {
    let rest = text[pipe..text.len().min(pipe + FAR)].strip_prefix(b"|")?;
    reads(&rest[..count(rest, |byte| !b"\n|;&<".contains(&byte))])
}

/// What a command reads, if that is a secret.
fn reads(command: &[u8]) -> Option<Reads> {
    const PROGRAMS: [&[u8]; 4] = [b"cryptsetup", b"kinit", b"--with-token", b"--passphrase-fd"];
    const STORES: [&[u8]; 4] = [b"create", b"put", b"set", b"add"];
    let words = || command.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    if words().any(|word| word == b"chpasswd") {
        return Some(Reads::UserAndPassword);
    }
    let is_root = words().next() == Some(b"sudo");
    let is_asked = |word: &[u8]| {
        let is_name = |name: &[u8]| name.is_empty() || names::of(name, 0, name.len()).is_some();
        let of_stdin = word.strip_prefix(b"--").and_then(|word| word.strip_suffix(b"stdin"));
        let of_stdin = of_stdin.map(|name| name.strip_suffix(b"-").unwrap_or(name));
        let of_stdin = of_stdin.map(|name| name.strip_suffix(b"-on").unwrap_or(name));
        PROGRAMS.contains(&word)
            || of_stdin.is_some_and(is_name)
            || (is_root
                && word.starts_with(b"-")
                && !word.starts_with(b"--")
                && word.contains(&b'S'))
    };
    let stores = || {
        let mut pairs = words().zip(words().skip(1));
        pairs.any(|(of, what)| matches!(of, b"secret" | b"secrets") && STORES.contains(&what))
    };
    (words().any(is_asked) || stores()).then_some(Reads::Password)
}

/// The secret in what is read.
fn secret(text: &[u8], (mut from, mut to): (usize, usize), reads: Reads) -> Option<(usize, usize)> {
    if reads == Reads::UserAndPassword {
        from += count(&text[from..to], |byte| byte != b':') + 1;
        to -= if text[..to].ends_with(b"\\n") { 2 } else { 0 };
    }
    let is_answer =
        |word: &[u8]| word.eq_ignore_ascii_case(b"y") || word.eq_ignore_ascii_case(b"yes");
    let password = text.get(from..to).filter(|password| !matches!(password, [] | [b'$', ..]))?;
    (!is_placeholder(password) && !is_answer(password)).then_some((from, to))
}
