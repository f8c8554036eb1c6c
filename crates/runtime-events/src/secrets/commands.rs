//! Passwords in commands and calls that do not name them: `mysql -phunter2`, `login("bob", "hunter2")`.

use super::bytes::{any_blanks, blanks, count, is_of_token, is_sign};
use super::programs::{Row, is_of};
use super::quote::Quote;
use super::shapes::{FAR, is_random};
use super::value::{Manner, is_placeholder, is_said, run};

/// From the manuals of these programs.
const ROWS: [Row; 22] = [
    (
        "mysql mysqladmin mysqlbinlog mysqlcheck mysqldump mysqlimport mysqlpump mysqlsh mysqlshow mariadb \
         mariadb-admin mariadb-dump mycli",
        "",
        b"-p",
        false,
    ),
    (
        "sshpass mongo mongosh mongodump mongoexport mongoimport mongorestore cqlsh psexec PsExec.exe PsExec64.exe \
         twine useradd usermod rdesktop smbmap evil-winrm crackmapexec netexec nxc beeline yt-dlp youtube-dl tabcmd \
         hydra medusa racadm mutool gsec ncftp ncftpget ncftpput bloodhound-python ldapdomaindump elasticsearch-users \
         certutil",
        "",
        b"-p",
        true,
    ),
    ("docker podman buildah skopeo oras az cf oc", "login", b"-p", true),
    ("az", "sql mysql postgres mariadb synapse", b"-p", true),
    ("security", "unlock-keychain create-keychain set-keychain-password", b"-p", true),
    ("security", "add-generic-password add-internet-password", b"-w", true),
    ("security", "import export", b"-P", true),
    ("security", "set-key-partition-list", b"-k", true),
    ("openssl", "enc", b"-k", true),
    ("openssl", "enc", b"-K", true),
    ("slappasswd ldappasswd", "", b"-s", true),
    ("ldappasswd", "", b"-a", true),
    ("pk12util", "", b"-W", true),
    ("pk12util", "", b"-K", true),
    ("redis-cli valkey-cli", "", b"-a", true),
    ("7z rar unrar", "", b"-p", false),
    ("zip unzip sqlcmd bcp tsql ipmitool mosquitto_pub mosquitto_sub ssh-keygen", "", b"-P", true),
    ("ssh-keygen", "", b"-N", true),
    ("snmpget snmpgetnext snmpset snmpwalk snmpbulkget snmpbulkwalk snmptable", "-u", b"-A", true),
    ("snmpget snmpgetnext snmpset snmpwalk snmpbulkget snmpbulkwalk snmptable", "-u", b"-X", true),
    // Cookies, or the file that has them.
    ("curl", "", b"-b", true),
    ("ldapadd ldapdelete ldapmodify ldappasswd ldapsearch kadmin", "", b"-w", true),
];

/// The password behind the option that is in this token.
pub(super) fn password(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    let &[b'-', letter, ..] = &text[start..end] else { return None };
    let is_option = |row: &&Row| row.2[1] == letter && is_of(text, start, row);
    if !b"pabPwAXNkKsW".contains(&letter) {
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
    let is_other = value.is_empty() || value[0] == b'-' || is_placeholder(value) || is_said(value);
    (!is_other && !is_file && !is_ports(value)).then_some((from, to))
}

/// Programs, their options that take a user and a password, and the sign between the two.
const PAIRS: [(&str, &str, u8); 5] = [
    ("curl", "-u --user -U --proxy-user", b':'),
    ("http https xh xhs", "-a --auth", b':'),
    ("ab", "-A -P", b':'),
    ("lftp", "-u --user", b','),
    ("smbclient smbget smbcacls smbcquotas smbtree rpcclient net winexe wmic", "-U --user", b'%'),
];

/// Programs whose `-u` and `--user` take a user of this machine and a group, or no user at all.
const OF_MACHINES: &str =
    "docker docker-compose podman nerdctl kubectl systemd-run chroot setpriv python python3 rsync";

/// Where the user begins that the option in this token has, as `bob:hunter2` of curl, and the sign behind it.
pub(super) fn user(text: &[u8], start: usize, end: usize) -> Option<(usize, u8)> {
    let option = &text[start..end];
    let is_assigned = text.get(end) == Some(&b'=') && option.starts_with(b"--");
    let next = end + if is_assigned { 1 } else { blanks(text, end) };
    let is_one =
        |options: &str| options.split_ascii_whitespace().any(|known| known.as_bytes() == option);
    let said_to = |programs: &'static str| is_of(text, start, &(programs, "", b"", true));
    if option.starts_with(b"-u") && text.get(end) == Some(&b':') {
        return said_to("curl").then_some((start + 2, b':'));
    }
    if next == end {
        return None;
    }
    if !option.starts_with(b"-") {
        // The programs of Oracle's databases, behind their options and parameters.
        return Some((next + of_oracle(&text[next..text.len().min(next + FAR)]), b'/'));
    }
    let row = PAIRS.iter().find(|row| is_one(row.1) && said_to(row.0));
    let is_any = || is_one("-u --user") && !said_to(OF_MACHINES);
    row.map(|row| (next, row.2)).or_else(|| is_any().then_some((next, b':')))
}

/// How long the options and parameters are that stand before a user of Oracle's databases.
fn of_oracle(text: &[u8]) -> usize {
    const USER: &[u8] = b"userid=";
    let mut at = 0;
    loop {
        let rest = &text[at..];
        if rest.get(..USER.len()).is_some_and(|start| start.eq_ignore_ascii_case(USER)) {
            return at + USER.len();
        }
        let word = count(rest, |byte| byte > b' ');
        if !rest.starts_with(b"-") && !rest[..word].contains(&b'=') {
            return at;
        }
        at += word;
        at += blanks(text, at);
    }
}

/// `8080:80`
fn is_ports(value: &[u8]) -> bool {
    let first = count(value, |byte| byte.is_ascii_digit());
    let rest = &value[first..];
    first > 0 && rest.strip_prefix(b":").is_some_and(|rest| rest.iter().all(u8::is_ascii_digit))
}

/// The two quoted texts that a call like `login("bob", "hunter2")` or `auth=("bob", "hunter2")` has, which ends its name
/// here: a user and a password. A call that opens a database has them behind its address:
/// `new PDO("mysql:host=db", "bob", "hunter2")`.
pub(super) fn user_and_password(
    text: &[u8],
    start: usize,
    end: usize,
) -> Option<((usize, usize), (usize, usize))> {
    const SOME: &[u8] = b"Some(";
    let name = &text[start..end];
    let ends = |word: &str| {
        let rest = name.len().checked_sub(word.len());
        rest.is_some_and(|rest| name[rest..].eq_ignore_ascii_case(word.as_bytes()))
    };
    let bracket = end + usize::from(text.get(end) == Some(&b'='));
    if text.get(bracket) != Some(&b'(') {
        return None;
    }
    let mut at = bracket + 1 + any_blanks(text, bracket + 1);
    let mut is_last = true;
    if ["pdo", "mysqli", "mysql_connect", "mysqli_connect", "getconnection"].into_iter().any(ends)
        || (ends("connect") && text.get(at + 1..at + 5)?.eq_ignore_ascii_case(b"dbi:"))
    {
        let address = Quote::at(text, at)?;
        let comma = address.end(text, at + address.len())? + address.len();
        at = comma + 1 + any_blanks(text, comma + 1);
        is_last = false;
        if text.get(comma) != Some(&b',') {
            return None;
        }
    } else if !["auth", "login", "pscredential"].into_iter().any(ends) {
        return None;
    }
    let first = Quote::at(text, at)?;
    let user = at + first.len();
    let is_of_user = |byte: u8| is_of_token(byte) || byte == b'@' || byte == b'+';
    let user_end = user + count(&text[user..], is_of_user);
    let comma = user_end + first.len();
    let at = comma + 1 + any_blanks(text, comma + 1);
    // Of a method in Rust, it may be left out.
    let at = at + if text.get(at..)?.starts_with(SOME) { SOME.len() } else { 0 };
    let second = Quote::at(text, at)?;
    let from = at + second.len();
    let to = second.end(text, from)?;
    let after = to + second.len();
    let after = text.get(after + any_blanks(text, after));
    let is_pair = user_end > user
        && !is_random(&text[user..user_end])
        && Quote::at(text, user_end) == Some(first)
        && text.get(comma) == Some(&b',')
        && (after == Some(&b')') || (!is_last && after == Some(&b',')))
        // What a removed one has left is passed over.
        && (!is_placeholder(&text[from..to]) || is_sign(text, from));
    (is_pair && from < to).then_some(((user, user_end), (from, to)))
}

/// What `IDENTIFIED BY` in SQL has behind it, of which the last word ends here, `ConvertTo-SecureString` in
/// PowerShell, or `: EAP` in a file of secrets of strongSwan.
pub(super) fn quoted_behind(text: &[u8], start: usize, end: usize) -> Option<(usize, usize)> {
    const WORD: &[u8] = b"identified ";
    let before = &text[start.saturating_sub(WORD.len())..start];
    let at = end + blanks(text, end);
    let is_said = match &text[start..end] {
        b"EAP" | b"XAUTH" | b"NTLM" | b"PKCS8" => text[..start].ends_with(b": "),
        word => word.len() > 2 || before.eq_ignore_ascii_case(WORD),
    };
    let quote = Quote::at(text, at).filter(|_| is_said)?;
    let from = at + quote.len();
    let to = quote.end(text, from)?;
    (from < to && !is_placeholder(&text[from..to])).then_some((from, to))
}
