//! `techrevati accounts`, over real servers. Without them its tests pass, with a word about it.

use std::time::Duration;

use futures_executor::block_on;
use runtime_fleet::{Accounts, Booking, MemberId};
use runtime_postgres::PgFleet;
use runtime_redis::RedisFleet;
use runtime_usage::Usd;

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
    let nothing = ["correct", "company", "dead.0", "1", "--who", "ops", "--note", "invoice 7"];
    let error = "error: nothing of `company` counts as spent by an estimate for `dead.0`\n";
    assert_eq!(accounts(&nothing), (1, error.to_owned()));
    let absent = accounts(&["statement", "nobody"]);
    assert_eq!(absent, (1, "error: there is no account `nobody`\n".to_owned()));
}

/// A process holds $3 of `company/search` and is not heard of any more: then $2 turn out not to have been billed.
fn correction(url: &str, backend: &dyn Accounts) {
    let accounts = |words: &[&str]| {
        let (code, out, error) = run(&[&["accounts", words[0], url], &words[1..]].concat());
        (code, if code == 0 { out } else { error })
    };
    accounts(&["set", "company/search", "50", "--on-loss", "spend"]);
    let (dollars, zero) = (Usd::from_dollars, Usd::ZERO);
    let booking = Booking {
        account: "company/search".parse().expect("it is a path"),
        member: MemberId::new("dead.0"),
        seq: 1,
        heard: 0,
        granted: dollars(4),
        spent: dollars(1),
        estimated: zero,
        returned: zero,
        least: zero,
        most: zero,
        ttl: Duration::ZERO,
    };
    block_on(backend.book(&booking)).expect("it is booked");
    let (_, out) = accounts(&["statement", "company/search"]);
    assert!(
        out.ends_with(
            "\nholder  spent  estimated  held   heard of\n\
             dead.0  $4.00  $3.00      $0.00  not any more\n"
        ),
        "{out}"
    );
    let correct = |amount, more: &[&str]| {
        let words = ["correct", "company/search", "dead.0", amount];
        accounts(&[&words, &["--who", "ops@example.org", "--note", "invoice 7"], more].concat())
    };
    let (code, out) = correct("2", &[]);
    let line = " ops@example.org gave back $2.00: `company/search`, `dead.0`: invoice 7\n";
    assert!(code == 0 && out.ends_with(line), "{out}");
    let (_, out) = accounts(&["statement", "company/search", "--json"]);
    let held = "\"held_by\":[{\"away\":true,\"estimated_usd\":1.0,\"held_usd\":0.0,\"holder\":\"dead.0\",\"spent_usd\":2.0}]";
    assert!(out.contains(held), "{out}");
    // Never more than the estimate.
    let (_, out) = correct("100", &["--json"]);
    assert!(
        out.contains("\"asked_usd\":100.0,") && out.contains("\"given_back_usd\":1.0,"),
        "{out}"
    );
    assert!(out.contains("\"note\":\"invoice 7\",\"who\":\"ops@example.org\""), "{out}");
    assert_eq!(correct("1", &[]).0, 1);
    let (_, out) = accounts(&["list", "--json"]);
    assert!(out.lines().all(|line| line.contains("\"spent_usd\":1.0")), "all of its path: {out}");
    let no_reason = accounts(&["correct", "company", "dead.0", "1", "--who", "ops"]);
    assert!(no_reason.0 == 2 && no_reason.1.contains("--note"), "{no_reason:?}");
}

#[test]
fn accounts_are_set_and_shown_in_postgres() {
    let Some(url) = test_postgres::url() else { return };
    let url = format!("{url}?schema=cli_accounts{}", std::process::id());
    let (code, _, error) = run(&["accounts", "list", &url]);
    assert!(code == 3 && error.contains("techrevati migrate"), "{error}");
    assert_eq!(run(&["migrate", &url]).0, 0);
    story(&url);
    correction(&url, &block_on(PgFleet::connect(&url)).unwrap());
    let (code, _, error) = run(&["accounts", "set", &url, "large", "10000000000"]);
    assert!(
        code == 1 && error.contains("`amount` of account `large` is $10000000000.00"),
        "{error}"
    );
}

#[test]
fn accounts_are_set_and_shown_in_redis() {
    let Some(url) = test_redis::url() else { return };
    let url = format!("{url}?prefix=cli{}", std::process::id());
    story(&url);
    correction(&url, &block_on(RedisFleet::connect(&url)).unwrap());
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
