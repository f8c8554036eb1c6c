//! Laws of `without_secrets`, for texts made of what it looks at.

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use runtime_events::without_secrets;
use serde_json::Value;

/// What names, values and secrets are made of, and what stands between them.
const PARTS: &[&str] = &[
    "api_key",
    "apiKey",
    "API key",
    "key",
    "token",
    "tokens",
    "password",
    "PWD",
    "pass",
    "secret",
    "Authorization",
    "authorization",
    "Cookie",
    "auth",
    "signature",
    "code",
    "provided",
    "value",
    "name",
    "arn",
    "mysql",
    "-p",
    "-phunter2",
    "machine a.b",
    "login",
    "login(",
    "auth=(",
    "os.getenv(",
    "config.password",
    "await",
    "!vault",
    "ENV",
    "for a: ",
    "\"name\":\"",
    "\",\"value\":\"",
    "id",
    "model",
    "request",
    "-u",
    "--token",
    "Bearer",
    "bearer",
    "Basic",
    "Digest",
    "Token",
    "Custom",
    "is",
    "was",
    "missing",
    "null",
    "true",
    "user",
    "Some(",
    "b",
    "u",
    "n",
    "=",
    ":",
    "://",
    "::",
    ":=",
    "=>",
    "%3D",
    "%26",
    "%22",
    "?",
    "&",
    ";",
    ",",
    ".",
    "-",
    "_",
    "/",
    "@",
    "#",
    "$",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "<",
    ">",
    "|",
    "*",
    "***",
    "+",
    "~",
    "!",
    "\"",
    "'",
    "`",
    "\\",
    "\\\"",
    "\\\\\\\"",
    "\\n",
    "\\u0022",
    " ",
    "  ",
    "\t",
    "\n",
    "\r\n",
    "5",
    "12345",
    "2024",
    "abc",
    "hunter2",
    "foo",
    "é",
    "密",
    "…",
    "\u{a0}",
    "sk-",
    "sk-abc123",
    "sk-proj-abcDEF123456",
    "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
    "eyJhbGciOiJIUzI1NiJ9",
    "eyJhbGciOiJIUzI1NiJ9.e30.abc",
    "AKIAIOSFODNN7EXAMPLE",
    "xoxb-",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCY9",
    "dXNlcjpwYXNz",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----END RSA PRIVATE KEY-----",
    "-----BEGIN",
    "PRIVATE KEY",
    "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw0",
    "hooks.slack.com/services/",
    "[redacted]",
    "[redacted",
    "redacted]",
    "https://",
    "postgres://app:hunter2@db/x",
    "a=b",
    "c=d",
];

fn text() -> impl Strategy<Value = String> {
    vec(prop_oneof![12 => select(PARTS).prop_map(str::to_owned), 1 => ".{0,3}"], 0..24)
        .prop_map(|parts| parts.concat())
}

/// Any JSON made of such texts.
fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        4 => text().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => select(vec![Value::Null, Value::from(true)]),
    ];
    let key = prop_oneof![select(&PARTS[..16]).prop_map(str::to_owned), text()];
    leaf.prop_recursive(3, 12, 3, move |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            btree_map(key.clone(), inner, 0..4)
                .prop_map(|object| Value::Object(object.into_iter().collect())),
        ]
    })
}

/// Keys that are known wherever they stand.
fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        "sk-ant-api03-[a-zA-Z0-9_-]{40}[a-zA-Z0-9]",
        "sk-proj-[a-zA-Z0-9]{40}",
        "ghp_[a-zA-Z0-9]{36}",
        "AKIA[A-Z2-7]{16}",
        "AIza[a-zA-Z0-9_-]{34}[a-zA-Z0-9]",
        "xoxb-[0-9]{12}-[0-9]{12}-[a-zA-Z0-9]{24}",
        "hf_[a-zA-Z]{34}",
        "eyJ[a-zA-Z0-9]{20}\\.eyJ[a-zA-Z0-9]{20}\\.[a-zA-Z0-9_-]{20}[a-zA-Z0-9]",
    ]
}

proptest! {
    #[test]
    fn cleaning_twice_is_cleaning_once(text in text()) {
        let once = without_secrets(&text).into_owned();
        prop_assert_eq!(without_secrets(&once), once.as_str(), "{}", text);
    }

    #[test]
    fn any_text_can_be_read(text in any::<String>()) {
        let once = without_secrets(&text).into_owned();
        prop_assert_eq!(without_secrets(&once), once.as_str());
    }

    #[test]
    fn words_and_numbers_stay(text in "([a-j]{1,12}|[0-9]{1,20}|[A-J][a-j]{1,8}|[-,.;!?()/#+]| |\n){0,40}") {
        prop_assert_eq!(without_secrets(&text), text.as_str());
    }

    #[test]
    fn key_between_boundaries_goes(
        before in text(),
        open in select(vec![" ", "\"", "'", "(", "=", ":", "/", "\n", "\\n", ",", "<", "[", "%22"]),
        key in key(),
        close in select(vec![" ", "\"", "'", ")", "&", ",", ";", "\n", "\\n", ">", "]", ". ", "%22"]),
        after in text(),
    ) {
        let text = format!("{before}{open}{key}{close}{after}");
        let clean = without_secrets(&text);
        prop_assert!(!clean.contains(&key), "{text}\n{clean}");
    }

    #[test]
    fn named_value_goes(
        before in "[a-z ]{0,12}[ ,;&?({\n]",
        name in select(vec!["api_key", "X-Api-Key", "password", "clientSecret", "ACCESS_TOKEN", "dbPassword"]),
        value in "[a-zA-Z0-9_]{4}[a-z][0-9][a-zA-Z0-9!@^*+/_-]{0,20}[a-z0-9]",
        (open, close) in select(vec![("=", ""), ("=\"", "\""), (": ", ""), (": '", "'"), (" = ", ""), ("%3D", "%26")]),
        after in "([ ,;&\n]|[)}] )[a-z ]{0,12}",
    ) {
        let text = format!("{before}{name}{open}{value}{close}{after}");
        let clean = format!("{before}{name}{open}[redacted]{close}{after}");
        prop_assert_eq!(without_secrets(&text), clean);
    }

    #[test]
    fn json_stays_json_however_deep(value in json()) {
        let mut text = value.to_string();
        for _ in 0..3 {
            let clean = without_secrets(&text).into_owned();
            let read = serde_json::from_str::<Value>(&clean);
            prop_assert!(read.is_ok(), "{text}\n{clean}");
            prop_assert_eq!(without_secrets(&clean), clean.as_str());
            text = serde_json::json!({ "body": text, "n": 1 }).to_string();
        }
    }
}

/// Texts that would take very long if any part of them were read again and again.
#[test]
fn hostile_texts_come_to_an_end() {
    const REPEATED: [&str; 33] = [
        "sk-",
        "sk-a",
        "eyJ",
        "eyJ-",
        "eyJ.",
        "sl.",
        "xoxb-",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN ",
        "://",
        "://a:b/",
        "a:b@",
        "password=\"",
        "password='",
        "password=\\\"",
        "password=[\"",
        "password: ",
        "password",
        "key ",
        "token key ",
        "[redacted]",
        "[",
        "\\",
        "%",
        "Authorization: a=",
        "Cookie: a=b; ",
        "mysql -pa ",
        "machine a.b login c password ",
        "PASSWORD=\"\n",
        "login(\"a\",\"b\")",
        "%22token%22%3A",
        "password=a.b.password",
        "password for a",
    ];
    for part in REPEATED {
        for (before, after) in [("", ""), ("api_key=\"", "@"), ("x://", " @")] {
            let text = format!("{before}{}{after}", part.repeat(30_000 / part.len()));
            let clean = without_secrets(&text);
            assert!(clean.len() <= text.len() * 4, "{part}");
        }
    }
}
