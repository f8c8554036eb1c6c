//! `techrevati accounts`, over real servers. Without them its tests pass, with a word about it.

use crate::run;

/// A story of accounts, told to any backend.
fn story(url: &str) {
    let accounts = |words: &[&str]| {
        let (code, out, error) = run(&[&["accounts", words[0], url], &words[1..]].concat());
        (code, if code == 0 { out } else { error })
    };
    assert_eq!(accounts(&["list"]), (0, "no accounts\n".to_owned()));
    let (code, error) = accounts(&["set", "company/search", "50"]);
    assert_eq!(code, 1);
    assert_eq!(
        error,
        "error: the account `company/search` cannot be opened: there is no account `company` above it\n"
    );
    let (code, out) = accounts(&["set", "company", "500"]);
    assert_eq!(code, 0, "{out}");
    assert_eq!(
        out,
        "account  may spend  spent  estimated  held   left     rule      holders\n\
         company  $500.00    $0.00  $0.00      $0.00  $500.00  enforced  0\n"
    );
    let words = ["set", "company/search", "12.5", "--strict", "--marks", "90,50", "--json"];
    let (_, out) = accounts(&words);
    assert_eq!(
        out,
        "{\"account\":\"company/search\",\"amount_usd\":12.5,\"estimated_usd\":0.0,\"held_usd\":0.0,\
         \"holders\":0,\"left_usd\":12.5,\"marks\":[50,90],\"on_loss\":\"spend\",\"rule\":\"strict\",\
         \"spent_usd\":0.0}\n"
    );
    // What is not given stays.
    let (_, out) = accounts(&["set", "company/search", "600", "--on-loss", "return", "--json"]);
    assert!(out.contains("\"marks\":[50,90],\"on_loss\":\"return\",\"rule\":\"strict\""), "{out}");
    let (_, out) = accounts(&["set", "company", "400", "--recorded", "--json"]);
    assert!(out.contains("\"amount_usd\":400.0") && out.contains("recorded"), "{out}");
    let (_, out) = accounts(&["set", "company", "500", "--enforced", "--json"]);
    assert!(out.contains("enforced"), "{out}");

    let (_, out) = accounts(&["statement", "company/search"]);
    assert_eq!(
        out,
        "company/search: strict, marks 50%, 90%\n  \
         money of a process that is not heard of any more: return\n  \
         can be taken now: $500.00, by `company`\n\
         account         may spend  spent  estimated  held   left     rule      holders\n\
         company         $500.00    $0.00  $0.00      $0.00  $500.00  enforced  0\n\
         company/search  $600.00    $0.00  $0.00      $0.00  $600.00  strict    0\n"
    );
    let (_, out) = accounts(&["statement", "company", "--json"]);
    assert!(
        out.contains("\"above\":[]") && out.contains("\"below\":[{\"account\":\"company/search\"")
    );
    let (_, out) = accounts(&["list", "--json"]);
    assert_eq!(out.lines().count(), 2, "{out}");
    let absent = accounts(&["statement", "nobody"]);
    assert_eq!(absent, (1, "error: there is no account `nobody`\n".to_owned()));
}

#[test]
fn accounts_are_set_and_shown_in_postgres() {
    let Some(url) = test_postgres::url() else { return };
    let url = format!("{url}?schema=cli_accounts{}", std::process::id());
    let (code, _, error) = run(&["accounts", "list", &url]);
    assert!(code == 3 && error.contains("techrevati migrate"), "{error}");
    assert_eq!(run(&["migrate", &url]).0, 0);
    story(&url);
    let (code, _, error) = run(&["accounts", "set", &url, "large", "10000000000"]);
    assert!(
        code == 1 && error.contains("`amount` of account `large` is $10000000000.00"),
        "{error}"
    );
}

#[test]
fn accounts_are_set_and_shown_in_redis() {
    let Some(url) = test_redis::url() else { return };
    story(&format!("{url}?prefix=cli{}", std::process::id()));
}

#[test]
fn what_is_wrong_is_named() {
    for (words, why) in [
        (["set", "redis://x", "a//b", "5"], "'a//b' for '<ACCOUNT>'"),
        (["set", "redis://x", "a", "-5"], "-5"),
        (["set", "redis://x", "a", "much"], "'much' for '<AMOUNT>'"),
    ] {
        let (code, _, error) = run(&[&["accounts"], words.as_slice()].concat());
        assert!(code == 2 && error.contains(why), "{error}");
    }
    let both = ["accounts", "set", "redis://x", "a", "5", "--strict", "--recorded"];
    assert!(run(&both).2.contains("cannot be used with"), "{}", run(&both).2);
    for (url, why) in [
        ("redis://:hunter2@127.0.0.1:1", "Connection refused"),
        ("postgres://x:hunter2@127.0.0.1:1/x", "Connection refused"),
        ("redis://:hunter2@127.0.0.1:1?push=hunter2", "`push`"),
        ("hunter2", "the URL of a fleet begins with"),
    ] {
        let (code, out, error) = run(&["accounts", "list", url]);
        assert_eq!((code, &*out), (3, ""));
        assert!(error.contains(why) && !error.contains("hunter2"), "{error}");
    }
}
