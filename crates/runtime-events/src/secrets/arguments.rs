//! Passwords that are known by their place among the words of a command: `rabbitmqctl add_user bob hunter2`,
//! `net use \\srv\share hunter2`; and the items of a list in YAML.

use super::bytes::{any_blanks, blanks, count, is_sign};
use super::programs::is_of;
use super::quote::Quote;
use super::shapes::{FAR, is_odd};
use super::value::{Manner, is_placeholder, run};

/// Programs that take a password as a word behind others: a command of theirs, the words that say so, how many words
/// stand between, and whether plain words may stand there as well, in prose about the program.
type Row = (&'static str, &'static str, &'static str, &'static [usize], bool);

/// From the manuals of these programs. A word that ends with a point begins a longer one.
const WORDS: [Row; 31] = [
    ("rabbitmqctl", "", "add_user change_password authenticate_user", &[1], false),
    ("ejabberdctl", "", "change_password check_password", &[2], true),
    ("ejabberdctl prosodyctl", "", "register", &[2], true),
    ("htpasswd", "", "-nb -bn -nbB -nbm", &[1], false),
    ("htpasswd", "", "-b -cb -bc -bB -Bb -cbB -bm", &[2], false),
    ("mosquitto_passwd", "", "-b", &[2], false),
    ("gh", "secret", "-b --body", &[0], true),
    ("az", "secret", "--value", &[0], true),
    ("mc mcli", "", "alias", &[4], true),
    ("rclone", "", "obscure", &[0], true),
    ("", "", "wpa_passphrase", &[1], true),
    ("pdftk", "", "user_pw owner_pw input_pw", &[0], false),
    // The length of a key stands behind both.
    ("qpdf", "", "--encrypt", &[0, 1], false),
    (POPPLER, "", "-upw -opw", &[0], false),
    ("redis-cli valkey-cli", "", "AUTH auth", &[0], true),
    // Of Redis' configuration.
    ("", "", "requirepass masterauth", &[0], true),
    ("iwconfig iw", "", "key enc", &[0], true),
    ("samba-tool", "user", "create add", &[1], true),
    ("doveadm", "auth", "test login", &[1], true),
    ("", "", "radtest", &[1, 4], true),
    ("grafana-cli grafana", "", "reset-admin-password", &[0], true),
    ("vault bao", "operator", "unseal", &[0], true),
    ("composer", "config", "http-basic.", &[1], true),
    ("connect CONNECT", "user USER", "using USING", &[0], true),
    ("NickServ nickserv NS", "", "IDENTIFY identify", &[0], true),
    ("swaks", "", "-ap --auth-password", &[0], false),
    ("sendemail sendEmail", "", "-xp", &[0], false),
    // Of the configuration of Net-SNMP.
    ("createUser", "", "MD5 SHA SHA-224 SHA-256 SHA-384 SHA-512 DES AES", &[0], false),
    // Of routers and switches.
    ("tacacs-server radius-server isakmp", "", "key", &[0], true),
    ("snmp-server", "", "community", &[0], true),
    ("username neighbor", "", "password secret", &[0], true),
];

const POPPLER: &str = "pdftotext pdftohtml pdftoppm pdftops pdftocairo pdfinfo pdfimages pdffonts pdfdetach pdfseparate";

/// Whether this word is one of the rows.
pub(super) fn may_say(word: &[u8]) -> bool {
    match word {
        b"add_user"
        | b"change_password"
        | b"authenticate_user"
        | b"check_password"
        | b"register"
        | b"obscure"
        | b"wpa_passphrase"
        | b"user_pw"
        | b"owner_pw"
        | b"input_pw"
        | b"requirepass"
        | b"masterauth"
        | b"alias"
        | b"AUTH"
        | b"auth"
        | b"key"
        | b"enc"
        | b"create"
        | b"add"
        | b"test"
        | b"radtest"
        | b"reset-admin-password"
        | b"unseal"
        | b"using"
        | b"USING"
        | b"IDENTIFY"
        | b"identify"
        | b"MD5"
        | b"SHA"
        | b"SHA-224"
        | b"SHA-256"
        | b"SHA-384"
        | b"SHA-512"
        | b"DES"
        | b"AES"
        | b"community"
        | b"password"
        | b"secret" => true,
        word => word.starts_with(b"http-basic."),
    }
}

/// The passwords that stand some words behind this one, as in `rabbitmqctl add_user bob hunter2`.
pub(super) fn words(
    text: &[u8],
    start: usize,
    end: usize,
) -> impl Iterator<Item = (usize, usize)> + '_ {
    let word = &text[start..end];
    let is_one = move |known: &str| {
        let known = known.as_bytes();
        known == word || (known.ends_with(b".") && word.starts_with(known))
    };
    let rows = WORDS.iter().filter(move |row| row.2.split_ascii_whitespace().any(is_one));
    let places = rows.flat_map(|row| row.3.iter().map(move |place| (row, *place)));
    places.filter_map(move |((program, command, _, places, in_prose), place)| {
        let (from, to) = nth(text, end, place)?;
        let password = &text[from..to];
        // Code and prose go on with a sign.
        let is_plain = || is_odd(password) && !b"=[](){}|:,/`\\-&".contains(&password[0]);
        let is_marked = || password[0].is_ascii() && text[from - 1] != b'`';
        let is_said = || {
            (program.is_empty() && command.is_empty())
                || is_of(text, start, &(program, command, b"", true))
        };
        // `qpdf --encrypt user-password owner-password key-length` is no call.
        let is_call = || {
            *places != [0, 1]
                || nth(text, end, 2).is_some_and(|(from, to)| is_length(&text[from..to]))
        };
        let is_one = from < to
            && !is_placeholder(password)
            && (!in_prose || (is_plain() && is_marked()))
            && is_call()
            && is_said();
        // In which letters a key is written: `s:hunter2`.
        let is_lettered = password.get(1) == Some(&b':') && to > from + 2;
        is_one.then_some((from + if is_lettered { 2 } else { 0 }, to))
    })
}

/// The word behind so many others. The kinds of a key do not count, as in `key restricted [3] 0123456789` and
/// `key 7 070C285F4D06`.
fn nth(text: &[u8], end: usize, place: usize) -> Option<(usize, usize)> {
    let (mut from, mut to, mut at) = argument(text, end)?;
    for _ in 0..place {
        (from, to, at) = argument(text, at)?;
    }
    while matches!(&text[from..to], b"restricted" | b"open" | [b'0'..=b'9'] | [b'[', b'0'..=b'9']) {
        let behind = at + count(&text[at..], |byte| byte == b']');
        (from, to, at) = argument(text, behind)?;
    }
    Some((from, to))
}

/// Of a key, in bits.
fn is_length(word: &[u8]) -> bool {
    matches!(word, b"40" | b"128" | b"256")
}

/// The next word of a command, without its marks, and where it ends with them.
pub(super) fn argument(text: &[u8], at: usize) -> Option<(usize, usize, usize)> {
    let at = at + Some(blanks(text, at)).filter(|&blanks| blanks > 0)?;
    let Some(quote) = Quote::at(text, at) else {
        let to = run(text, at, Manner::Assigned);
        return Some((at, to, to));
    };
    let from = at + quote.len();
    let to = quote.end(text, from)?;
    Some((from, to, to + quote.len()))
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
    const ROWS: [(&str, &[u8], u8); 5] = [
        ("xfreerdp xfreerdp3 wlfreerdp sdl-freerdp", b"p", b':'),
        ("schtasks", b"rp", b' '),
        ("signtool signtool.exe", b"p", b' '),
        ("netdom", b"passwordd", b':'),
        ("netdom", b"passwordo", b':'),
    ];
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
