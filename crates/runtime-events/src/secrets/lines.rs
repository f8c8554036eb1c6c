//! Passwords in a line of a protocol, of a configuration or of a file of passwords: `PASS hunter2`, `a1 LOGIN bob hunter2`,
//! `host:5432:shop:bob:hunter2`; and those of `user:password` whose colon stands in an argument.

use super::arguments::argument;
use super::bytes::{blanks, count, count_back, is_of_token};
use super::quote::Quote;
use super::shapes::{FAR, is_odd};
use super::value::{Manner, is_placeholder, run};

/// The password of `PASS hunter2`, a line of FTP or of POP3, whose first word this is.
pub(super) fn pass(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    if !matches!(text[..start].last(), None | Some(b'\n')) {
        return None;
    }
    let (from, to, after) = argument(text, end)?;
    let password = &text[from..to];
    let is_alone = matches!(text.get(after), None | Some(b'\r' | b'\n'));
    let is_file = password.iter().any(|byte| b"/.".contains(byte));
    (is_alone && is_odd(password) && !is_file && !is_placeholder(password)).then_some((from, to))
}

/// The password of `a1 LOGIN bob hunter2`, a line of IMAP, whose command this is.
pub(super) fn login(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    const LONGEST_TAG: usize = 16;
    let line = start - count_back(&text[start.saturating_sub(FAR)..start], |byte| byte != b'\n');
    // A log says whose line it is: `C: `.
    let tag = text[line..start].rsplit(|&byte| byte == b' ').find(|word| !word.is_empty())?;
    let is_tag = tag.len() <= LONGEST_TAG
        && tag.iter().any(u8::is_ascii_digit)
        && tag.iter().all(u8::is_ascii_alphanumeric);
    let (.., user) = argument(text, end).filter(|_| is_tag)?;
    let (from, to, after) = argument(text, user)?;
    let password = &text[from..to];
    let is_alone = matches!(text.get(after), None | Some(b'\r' | b'\n'));
    let is_odd = after > to || is_odd(password) || password.iter().all(u8::is_ascii_uppercase);
    (is_alone && is_odd && !is_placeholder(password)).then_some((from, to))
}

/// The password of `user:password`, whose colon stands here, where the line or the command says that it is one.
/// `line` is where its line begins, and `program` where a [program of pairs](takes_pairs) ends before it.
pub(super) fn pair(
    text: &[u8],
    (line, program): (usize, usize),
    colon: usize,
) -> Option<(usize, usize)> {
    const LONGEST_USER: usize = 256;
    let is_near = program > line && colon - program < FAR;
    let begins_line = b"[r".contains(&text[line]) && colon - line < FAR;
    if !is_near && !begins_line {
        return None;
    }

    let is_user = |byte: u8| is_of_token(byte) || b"@+/\\".contains(&byte);
    let length = count_back(&text[line.max(colon.saturating_sub(LONGEST_USER))..colon], is_user);
    let (start, from) = (colon - length, colon + 1);
    if length == 0 || text.get(from).is_none_or(|&next| next <= b' ' || next == b'/') {
        return None;
    }
    let quote = start.checked_sub(1).and_then(|mark| Quote::at(text, mark));
    let behind = behind(text, (line, program), start)?;
    let to = match quote {
        Some(quote) => quote.end(text, from)?,
        None => run(text, from, Manner::Assigned),
    };
    let host = text[from..to].iter().rposition(|&byte| byte == b'@').map(|at| from + at);
    let to = match behind {
        Behind::Nothing => to,
        Behind::Host => host?,
        Behind::MaybeHost => host.unwrap_or(to),
        Behind::Line if matches!(text.get(to), None | Some(b'\r' | b'\n')) => to,
        Behind::Line => return None,
    };
    let password = &text[from..to];
    (from < to && is_odd(password) && !is_placeholder(password)).then_some((from, to))
}

/// What stands behind `user:password`.
enum Behind {
    Nothing,
    Host,
    MaybeHost,
    /// The end of the line.
    Line,
}

/// What stands behind `user:password` if the user stands here, by what stands before; `None` if nothing says that it
/// is one.
fn behind(text: &[u8], (line, program): (usize, usize), start: usize) -> Option<Behind> {
    let before = &text[line..start];
    if is_map(before) {
        return Some(Behind::Line);
    }
    if before.starts_with(b"register") && before.trim_ascii_end().ends_with(b"=>") {
        return Some(Behind::Host);
    }
    let words = text.get(program..start).filter(|_| program > line)?;
    let has = |word: &[u8]| words.split(|&byte| !is_of_token(byte)).any(|said| said == word);
    let is_command = !words.iter().any(|byte| b"|;&".contains(byte));
    let program = &text[line..program];
    if !is_command {
        None
    } else if program.ends_with(b"etcdctl") {
        (has(b"user") || has(b"--user")).then_some(Behind::Nothing)
    } else if program.ends_with(b"bundle") {
        has(b"config").then_some(Behind::Nothing)
    } else {
        Some(Behind::MaybeHost)
    }
}

/// Whether a program takes `user:password` somewhere behind it.
pub(super) fn takes_pairs(word: &[u8]) -> bool {
    let is_named = || matches!(word, b"etcdctl" | b"bundle") || word.starts_with(b"impacket-");
    is_named() || (word.ends_with(b".py") && IMPACKET.contains(&word))
}

/// The scripts of Impacket that log in.
const IMPACKET: [&[u8]; 22] = [
    b"psexec.py",
    b"smbexec.py",
    b"wmiexec.py",
    b"atexec.py",
    b"dcomexec.py",
    b"secretsdump.py",
    b"smbclient.py",
    b"lookupsid.py",
    b"rpcdump.py",
    b"samrdump.py",
    b"reg.py",
    b"services.py",
    b"mssqlclient.py",
    b"getTGT.py",
    b"getST.py",
    b"GetNPUsers.py",
    b"GetUserSPNs.py",
    b"GetADUsers.py",
    b"findDelegation.py",
    b"addcomputer.py",
    b"ntlmrelayx.py",
    b"ticketer.py",
];

/// `[smtp.example.com]:587 `, the host of a line of a map of passwords of Postfix.
fn is_map(before: &[u8]) -> bool {
    let Some(host) = before.strip_prefix(b"[") else { return false };
    let length = count(host, is_of_token);
    let Some(rest) = host[length..].strip_prefix(b"]") else { return false };
    let port =
        rest.strip_prefix(b":").map_or(0, |port| count(port, |byte| byte.is_ascii_digit()) + 1);
    let is_host = host[..length].contains(&b'.') && port != 1;
    is_host && blanks(rest, port) > 0 && port + blanks(rest, port) == rest.len()
}

/// The password of a line of `.pgpass`, `host:port:database:user:password`, whose first colon stands here.
pub(super) fn pgpass(text: &[u8], colon: usize) -> Option<(usize, usize)> {
    let host = count_back(&text[colon.saturating_sub(FAR)..colon], |byte| byte > b' ');
    let begin = colon - host;
    if !matches!(text[..begin].last(), None | Some(b'\n')) {
        return None;
    }
    let line = &text[begin..text.len().min(begin + FAR)];
    let line = &line[..count(line, |byte| byte > b' ')];
    let mut parts = line.splitn(5, |&byte| byte == b':');
    let mut next = || parts.next().filter(|part| !part.is_empty());
    let (host, port, database, user, password) = (next()?, next()?, next()?, next()?, next()?);
    let is_number = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let is_host = host == b"*" || host == b"localhost" || host.contains(&b'.');
    let is_port = port == b"*" || (matches!(port.len(), 4 | 5) && is_number(port));
    let is_line = is_host && is_port && !is_number(database) && !is_number(user);
    let from = begin + line.len() - password.len();
    let is_secret = is_odd(password) && !is_placeholder(password);
    (is_line && is_secret).then_some((from, begin + line.len()))
}
