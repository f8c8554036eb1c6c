//! A plan of an outage, as numbers and as a page.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

use std::fs;

use crate::{TempFile, run};

/// A shorter outage than that of the plan, so that it is simulated in a second.
fn plan() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/plans/outage.toml");
    let plan = fs::read_to_string(path).unwrap();
    plan.replace("\"2h\"", "\"12m\"").replace("\"30m\"", "\"3m\"").replace("\"90m\"", "\"9m\"")
}

#[test]
fn a_second_provider_answers_what_one_alone_does_not() {
    let (plan, page) = (TempFile::new("plan.toml", &plan()), TempFile::new("plan.html", ""));
    let (code, out, err) = run(&["simulate", plan.path(), "-o", page.path()]);
    assert_eq!((code, &*err), (0, ""));
    let share = |name: &str| {
        let line = out.lines().find(|line| line.starts_with(&format!("{name}: "))).unwrap();
        line.split([':', '%']).nth(1).unwrap().trim().parse::<f64>().unwrap()
    };
    assert!(share("one provider, no retries") < 80.0, "{out}");
    assert!(share("a second provider") > 99.0, "{out}");
    // The same plan gives the same numbers and the same page.
    let first = fs::read_to_string(page.path()).unwrap();
    assert_eq!(run(&["simulate", plan.path(), "-o", page.path()]).1, out);
    assert_eq!(fs::read_to_string(page.path()).unwrap(), first);
    assert!(first.contains("<svg") && !first.contains("<script") && !first.contains("http"));
}

#[test]
fn a_plan_that_is_wrong_is_named() {
    for (from, to, why) in [
        ("\"12m\"", "\"12\"", "is no time"),
        ("routes = [\"openai\"]", "routes = [\"opnai\"]", "names provider `opnai`"),
        ("retries = 20", "retry = 20", "line 44: unknown field `retry`"),
        ("turns_per_minute = 60", "turns_per_minute = 0", "`turns_per_minute` must be"),
        // These were simulated as if there were no limit, no fault, or another range.
        ("routes = [\"openai\"]", "routes = [\"openai\"]\nlimit = 0", "nonzero"),
        ("price = ", "capacity = 0\nprice = ", "nonzero"),
        ("until = \"9m\"", "until = \"2m\"", "`until` must be after `from`"),
        ("share = 40", "share = 140", "`share` must be from 1 to 100"),
        ("[\"0.3s\", \"2s\"]", "[\"2s\", \"0.3s\"]", "`first_token` must be the shortest"),
        ("input = [500, 4000]", "input = [4000, 500]", "`input` must be the fewest"),
    ] {
        let plan = TempFile::new("wrong.toml", &plan().replacen(from, to, 1));
        let (code, _, err) = run(&["simulate", plan.path()]);
        assert_eq!(code, 3, "{err}");
        assert!(err.contains(why), "{err}");
        assert!(!err.contains(" | "), "it is one line: {err}");
    }
}

#[test]
fn page_is_not_written_over_its_plan() {
    let file = TempFile::new("itself.toml", &plan());
    let (code, _, error) = run(&["simulate", file.path(), "-o", file.path()]);
    assert_eq!(code, 3);
    assert!(error.contains("it is the file that is read"), "{error}");
    assert_eq!(fs::read_to_string(file.path()).unwrap(), plan());
}
