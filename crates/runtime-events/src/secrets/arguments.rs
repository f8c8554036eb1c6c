//! Passwords that are known by their place among the words of a command: `rabbitmqctl add_user bob hunter2`,
//! `echo hunter2 | sudo -S ls`, `net use \\srv\share hunter2`; and the items of a list in YAML.

use super::bytes::{any_blanks, blanks, count, is_sign};
use super::commands::is_of;
use super::quote::Quote;
use super::shapes::{FAR, is_odd};
use super::value::{Manner, is_placeholder, run};

/// Programs that take a password as a word behind others: a command of theirs, the word that says so, how many stand
/// between, and whether plain words may stand there as well, in prose about the program.
const WORDS: [(&str, &str, &str, usize, bool); 11] = [
    ("rabbitmqctl", "", "add_user change_password authenticate_user", 1, false),
    ("htpasswd", "", "-nb -bn -nbB -nbm", 1, false),
    ("htpasswd", "", "-b -cb -bc -bB -Bb -cbB -bm", 2, false),
    ("gh", "secret", "-b --body", 0, true),
    ("az", "secret", "--value", 0, true),
    ("mc mcli", "", "alias", 4, true),
    ("rclone", "", "obscure", 0, true),
    ("", "", "wpa_passphrase", 1, true),
    ("pdftk", "", "user_pw owner_pw input_pw", 0, false),
    ("redis-cli valkey-cli", "", "AUTH auth", 0, true),
    // Of Redis' configuration.
    ("", "", "requirepass masterauth", 0, true),
];

/// The password that stands some words behind this one, as in `rabbitmqctl add_user bob hunter2`.
pub(super) fn word(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let (.., between, in_prose) = WORDS.iter().find(|(program, command, words, ..)| {
        words.split_ascii_whitespace().any(|known| known.as_bytes() == &text[start..end])
            && (program.is_empty() || is_of(text, start, &(program, command, b"", true)))
    })?;
    let mut at = end;
    for _ in 0..*between {
        (_, _, at) = argument(text, at)?;
    }
    let (from, to, _) = argument(text, at)?;
    let password = &text[from..to];
    let is_one = to > from && !is_placeholder(password) && (!in_prose || is_odd(password));
    is_one.then_some((from, to))
}

/// The next word of a command, without its marks, and where it ends with them.
fn argument(text: &[u8], at: usize) -> Option<(usize, usize, usize)> {
    let at = at + Some(blanks(text, at)).filter(|&blanks| blanks > 0)?;
    let Some(quote) = Quote::at(text, at) else {
        let to = run(text, at, Manner::Assigned);
        return Some((at, to, to));
    };
    let from = at + quote.len();
    let to = quote.end(text, from)?;
    Some((from, to, to + quote.len()))
}

/// What is piped into a program that reads a password, by `echo` or `printf`, which ends here.
pub(super) fn piped(text: &[u8], end: usize) -> Option<(usize, usize)> {
    const READS: [&str; 6] =
        ["cryptsetup", "kinit", "--password-stdin", "--with-token", "--stdin", "--passphrase-fd"];
    let mut at = end;
    let (mut from, mut to) = loop {
        let (from, to, after) = argument(text, at)?;
        at = after;
        if !text[from..to].starts_with(b"-") {
            break (from, to);
        }
    };
    let pipe = at + blanks(text, at);
    let rest = text[pipe..text.len().min(pipe + FAR)].strip_prefix(b"|")?;
    let command = &rest[..count(rest, |byte| !b"\n|;&".contains(&byte))];
    let mut words = command.split(u8::is_ascii_whitespace).skip_while(|word| word.is_empty());
    let is_root = words.clone().next() == Some(b"sudo");
    let is_asked = |word: &[u8]| {
        let asks = word == b"--stdin" || (!word.starts_with(b"--") && word.contains(&b'S'));
        word.starts_with(b"-") && asks
    };
    if words.clone().any(|word| word == b"chpasswd") {
        from += count(&text[from..to], |byte| byte != b':') + 1;
        to -= if text[..to].ends_with(b"\\n") { 2 } else { 0 };
    } else if !words.any(|word| {
        READS.iter().any(|reads| reads.as_bytes() == word) || (is_root && is_asked(word))
    }) {
        return None;
    }
    let is_answer =
        |word: &[u8]| word.eq_ignore_ascii_case(b"y") || word.eq_ignore_ascii_case(b"yes");
    let password = text.get(from..to).filter(|password| !matches!(password, [] | [b'$', ..]))?;
    (!is_placeholder(password) && !is_answer(password)).then_some((from, to))
}

/// The password of `net use \\srv\share hunter2` or of `net user bob hunter2`, where `net` ends here.
pub(super) fn of_net(text: &[u8], end: usize) -> Option<(usize, usize)> {
    let line = &text[end..text.len().min(end + FAR)];
    let line = &line[..count(line, |byte| !b"\r\n|;&".contains(&byte))];
    let mut at = end;
    let words = line.split(u8::is_ascii_whitespace).map(|word| {
        let from = at;
        at += word.len() + 1;
        (from, word)
    });
    let mut words = words.filter(|(_, word)| !word.is_empty());
    let command = words.next()?.1;
    let mut words = words.filter(|(_, word)| !word.starts_with(b"/"));
    match command {
        b"use" => words.find(|(_, word)| word.starts_with(b"\\\\"))?,
        b"user" => words.next()?,
        _ => return None,
    };
    let (from, password) = words.next()?;
    let is_one = is_odd(password) && !is_placeholder(password);
    is_one.then_some((from, from + password.len()))
}

/// The password of an option with a slash, whose name stands here: `xfreerdp /p:hunter2`, `schtasks /rp hunter2`.
pub(super) fn slashed(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    const ROWS: [(&str, &[u8], u8); 2] =
        [("xfreerdp xfreerdp3 wlfreerdp sdl-freerdp", b"p", b':'), ("schtasks", b"rp", b' ')];
    let slash = start.checked_sub(1).filter(|&at| text[at] == b'/')?;
    let marked = slash.checked_sub(1).and_then(|at| Some((at, Quote::at(text, at)?)));
    let option = marked.map_or(slash, |(at, _)| at);
    ROWS.iter().find(|(programs, name, sign)| {
        *name == &text[start..end]
            && text.get(end) == Some(sign)
            && is_of(text, option, &(programs, "", b"", true))
    })?;
    let from = end + 1;
    let (from, to) = match (marked, Quote::at(text, from)) {
        (Some((_, quote)), _) => (from, quote.end(text, from)?),
        (None, Some(quote)) => (from + quote.len(), quote.end(text, from + quote.len())?),
        (None, None) => (from, run(text, from, Manner::Assigned)),
    };
    (from < to && !is_placeholder(&text[from..to])).then_some((from, to))
}

/// The password of `PASS hunter2`, a line of FTP or of POP3, whose first word this is.
pub(super) fn of_line(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    if !matches!(text[..start].last(), None | Some(b'\n')) {
        return None;
    }
    let (from, to, after) = argument(text, end)?;
    let password = &text[from..to];
    let is_alone = matches!(text.get(after), None | Some(b'\r' | b'\n'));
    let is_file = password.iter().any(|byte| b"/.".contains(byte));
    (is_alone && is_odd(password) && !is_file && !is_placeholder(password)).then_some((from, to))
}

/// `- hunter2` in the line below this one: the item, and where it ends with its marks. Names have joints, and other
/// items are sentences.
pub(super) fn item(text: &[u8], line: usize) -> Option<(usize, usize, usize)> {
    let next = line + blanks(text, line);
    let dash = next + any_blanks(text, next);
    let from = dash + 2;
    if dash == next || !text[dash..].starts_with(b"- ") {
        return None;
    }
    let quote = Quote::at(text, from);
    let (from, to, after) = if let Some(quote) = quote {
        let from = from + quote.len();
        let to = quote.end(text, from)?;
        (from, to, to + quote.len())
    } else {
        let to = from + count(&text[from..], |byte| byte > b' ' && byte != b':');
        (from, to, to)
    };
    let item = &text[from..to];
    let is_alone = matches!(text.get(after + blanks(text, after)), None | Some(b'\r' | b'\n'));
    let is_name = quote.is_none()
        && item.iter().any(|byte| b"_-./".contains(byte))
        && !item.iter().any(u8::is_ascii_uppercase);
    let is_one = is_sign(text, from) || (is_odd(item) && !is_name && !is_placeholder(item));
    (is_alone && is_one).then_some((from, to, after))
}
