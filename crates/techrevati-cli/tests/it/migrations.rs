//! `techrevati migrate`, over a real server. Without one its tests pass, with a word about it.

use crate::run;

#[test]
fn migrate_makes_a_schema_once() {
    let Some(url) = test_postgres::url() else { return };
    let schema = format!("cli{}", std::process::id());
    for _ in 0..2 {
        let (code, out, error) = run(&["migrate", url, "--schema", &schema]);
        assert_eq!((code, &*out, &*error), (0, "the schema is up to date\n", ""));
    }
    let (code, out, error) = run(&["threads", url, "--schema", &schema, "--all"]);
    assert_eq!((code, &*out, &*error), (0, "no threads\n", ""));
    let (code, _, error) = run(&["threads", url, "--schema", &schema, "cancel", "nobody"]);
    assert_eq!((code, &*error), (1, "error: there is no thread `nobody`\n"));
}

#[test]
fn migrate_says_why_it_cannot() {
    for (url, why) in [
        ("postgres://x:hunter2@127.0.0.1:1/x", "Connection refused"),
        ("postgres://x:hunter2@127.0.0.1:1/x?sslmode=hunter2", "sslmode"),
        ("run.jsonl", "postgres://"),
    ] {
        let (code, out, error) = run(&["migrate", url]);
        assert_eq!((code, &*out), (3, ""));
        assert!(error.contains(why) && !error.contains("hunter2"), "{error}");
    }
}
