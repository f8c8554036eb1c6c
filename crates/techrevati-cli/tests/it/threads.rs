//! The threads of a store.

use std::fs;
use std::time::Duration;

use futures_executor::block_on;
use runtime_store::{
    Approvals as _, Entry, Inbox as _, Leave, StepKind, Store as _, ThreadId, ThreadState,
};
use serde_json::{Value, json};

use crate::stories::{Place, hold, life, retried, step, story};
use crate::{TempFile, run};

/// Lines without the blanks between their cells, and with the ids of this run as `ID`.
pub(crate) fn lines(text: &str) -> Vec<String> {
    let is_id = |word: &str| word.len() == 32 && word.bytes().all(|byte| byte.is_ascii_hexdigit());
    let word = |word: &str| {
        let inner = word.trim_matches(['(', ')', ';']);
        if is_id(inner) { word.replace(inner, "ID") } else { word.to_owned() }
    };
    text.lines()
        .map(|line| line.split_whitespace().map(word).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn the_list_says_who_waits_for_what() {
    let place = story("list");
    let (code, text) = place.told(&[]);
    assert_eq!(code, 0, "{text}");
    let expected = [
        "thread state since held by until wakes waits for",
        "live runnable 2026-01-01T00:00:04Z host-1/7 2125-12-08T00:00:04Z",
        "order-4711 parked 2026-01-01T00:00:02Z somebody to say whether tool `pay` was done (step ID)",
        "trip-1 parked 2026-01-01T00:00:03Z a person to approve `book` (ID); an answer under the key `address`",
    ];
    assert_eq!(lines(&text), expected);
    let (_, all) = place.told(&["--all"]);
    assert!(lines(&all).contains(&"over done 2026-01-01T00:00:04Z".to_owned()), "{all}");
    let (_, json) = place.told(&["--json"]);
    let rows: Vec<Value> = json.lines().map(|row| serde_json::from_str(row).unwrap()).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!((&rows[0]["id"], &rows[0]["holder"]), (&json!("live"), &json!("host-1/7")));
    assert_eq!(rows[2]["waits_for"][1], "an answer under the key `address`");
}

#[test]
fn a_thread_is_shown_with_its_lives_steps_and_cost_and_without_secrets() {
    let place = story("show");
    let (code, text) = place.told(&["show", "order-4711"]);
    assert_eq!(code, 0, "{text}");
    let expected = [
        "thread order-4711",
        "state parked",
        "since 2026-01-01T00:00:02Z",
        "begun 2026-01-01T00:00:00Z",
        "code 1.0.0",
        "lives 1",
        "waits for somebody to say whether tool `pay` was done (step ID)",
        "turns 1",
        "time 1.00 s",
        "cost $0.02",
        "",
        r#"1 2026-01-01T00:00:01Z life 1 {"code":"1.0.0","holder":"host-1/7","session":"5f2c"}"#,
        "2 2026-01-01T00:00:01Z intent turn `gpt-5`",
        r#"3 2026-01-01T00:00:01Z outcome turn `gpt-5` $0.02 {"api_key":"[redacted]","text":"pay 12"}"#,
        "4 2026-01-01T00:00:02Z intent tool `look`",
        r#"5 2026-01-01T00:00:02Z outcome tool `look` {"error":{"class":"tool_error","kind":"failed","text":"no \u001b[31m shelf"}}"#,
        "6 2026-01-01T00:00:02Z intent tool `pay`",
        "",
        "model turns tokens in tokens out cost",
        "gpt-5 1 1,200 80 $0.02",
        "",
        "open steps",
        "ID tool `pay`, since 2026-01-01T00:00:02Z",
    ];
    assert_eq!(lines(&text), expected);
    assert!(!text.contains('\u{1b}'), "{text:?}");
    let (_, json) = place.told(&["show", "order-4711", "--json"]);
    assert!(!json.contains("9f8e7d6c"), "{json}");
    let shown: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(shown["entries"].as_array().map(Vec::len), Some(6));
    assert_eq!(shown["totals"]["models"]["gpt-5"]["cost"], 20_000_000);
    assert_eq!(shown["open"][0]["name"]["name"], "pay");
}

#[test]
fn attempts_are_shown_with_what_was_paid_before_them() {
    let place = story("attempts");
    place.append(&place.hold("retried", Duration::from_secs(60)), &retried());
    let (code, text) = place.told(&["show", "retried"]);
    assert_eq!(code, 0, "{text}");
    let shown = lines(&text);
    for line in [
        "turns 1",
        "cost $0.07, of which $0.05 estimated for calls that were lost",
        r#"3 2026-01-01T00:00:05Z attempt turn `gpt-5` {"asks":"claude","before":"$0.02, estimated","provider":"anthropic"}"#,
        "claude 1 0 0 $0.05",
        "gpt-5 0 1,200 80 $0.02",
    ] {
        assert!(shown.iter().any(|shown| shown == line), "{line} in {text}");
    }
}

/// The id of the one pending approval.
pub(crate) fn pending(place: &Place) -> String {
    let (_, json) = place.told(&["approvals", "--json"]);
    let asked: Value = serde_json::from_str(&json).unwrap_or_default();
    asked["id"].as_str().expect("one is pending").to_owned()
}

#[test]
fn approvals_are_listed_and_decided_once() {
    let place = story("approve");
    let (_, text) = place.told(&["approvals"]);
    let expected = [
        "ID book for trip-1",
        r#"arguments {"amount":12,"token":"[redacted]"}"#,
        "rule payments",
        "asked 2026-01-01T00:00:03Z, too late at 2125-12-08T00:00:03Z",
    ];
    assert_eq!(lines(&text), expected);
    let id = pending(&place);
    let (code, error) = place.told(&["approve", "none", "--who", "ann"]);
    assert_eq!((code, &*error), (1, "error: there is no approval `none`\n"));
    let (code, text) = place.told(&["approve", &id, "--who", "ann", "--note", "once"]);
    assert_eq!(code, 0, "{text}");
    assert_eq!(
        lines(&text),
        [r#"ID approved: book for trip-1: {"amount":12,"token":"[redacted]"}"#]
    );
    let kept = block_on(place.store.approval(&id)).unwrap().unwrap();
    assert_eq!((kept.who.as_deref(), kept.note.as_deref()), (Some("ann"), Some("once")));
    let (code, error) = place.told(&["deny", &id, "--who", "bob"]);
    assert_eq!(code, 1);
    assert!(error.contains("is approved: only a pending one can be decided"), "{error}");
    assert_eq!(place.told(&["approvals"]).1, "no approvals are pending\n");
}

#[test]
fn a_person_denies_or_puts_other_arguments() {
    let place = story("amend");
    let id = pending(&place);
    let (code, error) = place.told(&["amend", &id, "--args", "{", "--who", "ann"]);
    assert_eq!(code, 2, "{error}");
    assert!(error.contains("it is not JSON"), "{error}");
    let args = r#"{"amount":2,"token":"9f8e7d6c5b4a"}"#;
    let (code, text) = place.told(&["amend", &id, "--args", args, "--who", "ann", "--json"]);
    assert_eq!(code, 0, "{text}");
    let amended: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&amended["state"], &amended["amended"]["amount"]), (&json!("approved"), &json!(2)));
    assert!(!text.contains("9f8e7d6c5b4a"), "{text}");
    let kept = block_on(place.store.approval(amended["id"].as_str().unwrap())).unwrap().unwrap();
    assert_eq!(
        kept.amended.unwrap()["token"],
        "9f8e7d6c5b4a",
        "the tool gets what the person wrote"
    );

    let place = story("deny");
    let (code, text) = place.told(&["deny", &pending(&place), "--who", "ann"]);
    assert!(code == 0 && text.contains("denied: book for trip-1"), "{text}");
}

#[test]
fn a_step_in_doubt_is_resolved_and_an_answer_is_given() {
    let place = story("resolve");
    let pay = step(StepKind::Tool, "pay").key.to_string();
    let order = ThreadId::new("order-4711").unwrap();
    let resolve = ["resolve", "order-4711", &pay, "--done", r#"{"id":7}"#, "--who", "ann"];
    let (code, text) = place.told(&resolve);
    assert_eq!(code, 0, "{text}");
    assert_eq!(lines(&text), ["step ID of order-4711 is resolved as done"]);
    let said = block_on(place.store.message(&order, &format!("resolve/{pay}"))).unwrap();
    assert_eq!(said, Some(json!({ "done": { "id": 7 }, "who": "ann" })));
    let woken = block_on(place.store.thread(&order)).unwrap().unwrap();
    assert!(woken.wake_at.is_some(), "it goes on");
    let (code, error) = place.told(&["resolve", "order-4711", &pay, "--not-done", "--who", "bob"]);
    assert_eq!(code, 1);
    assert!(error.contains("the first one counts"), "{error}");
    let unknown = "0".repeat(32);
    let (code, error) =
        place.told(&["resolve", "order-4711", &unknown, "--not-done", "--who", "bob"]);
    assert!(code == 1 && error.contains("has no open step"), "{error}");
    assert_eq!(place.told(&["resolve", "order-4711", &pay, "--who", "bob"]).0, 2, "done or not?");

    let trip = ThreadId::new("trip-1").unwrap();
    let (code, text) = place.told(&["answer", "trip-1", "address", r#""1 Main St""#]);
    assert_eq!((code, &*text), (0, "trip-1 has its answer `address`\n"));
    let said = block_on(place.store.message(&trip, "address")).unwrap();
    assert_eq!(said, Some(json!("1 Main St")));
    let (code, error) = place.told(&["answer", "trip-1", "address", "1 Main St"]);
    assert!(code == 2 && error.contains("a text is in quotes"), "{error}");
}

#[test]
fn a_step_in_doubt_within_an_engine_is_resolved() {
    let place = Place::new("engine");
    let held = place.hold("t", Duration::from_secs(60));
    let began = br#"{"code":"1.0.0","holder":"host-1/7","engine":true}"#.to_vec();
    place.append(&held, &[Entry { body: began, ..life() }]);
    block_on(place.store.release(&held.0, Leave::Parked(None))).expect("it is held");
    // The engine has the step, and the store does not know of it.
    let pay = step(StepKind::Tool, "pay").key.to_string();
    let (code, text) = place.told(&["resolve", "t", &pay, "--not-done", "--who", "ann"]);
    assert_eq!(code, 0, "{text}");
}

#[test]
fn threads_are_cancelled_forgotten_and_swept() {
    let place = story("end");
    let (code, error) = place.told(&["cancel", "live"]);
    assert!(code == 1 && error.contains("is held by host-1/7 until 2125-"), "{error}");
    assert_eq!(place.told(&["cancel", "trip-1"]), (0, "trip-1 is cancelled\n".to_owned()));
    assert_eq!(place.state("trip-1"), ThreadState::Cancelled);
    assert_eq!(place.told(&["forget", "trip-1"]), (0, "trip-1 is forgotten\n".to_owned()));
    assert_eq!(place.state("trip-1"), ThreadState::Forgotten);
    let (code, error) = place.told(&["show", "nobody"]);
    assert_eq!((code, &*error), (1, "error: there is no thread `nobody`\n"));
    assert_eq!(place.told(&["sweep", "--older-than", "36500"]).1, "0 threads forgotten\n");
    assert_eq!(place.told(&["sweep", "--older-than", "0"]).1, "1 thread forgotten\n");
    assert_eq!(place.state("over"), ThreadState::Forgotten);
    assert_eq!(place.state("order-4711"), ThreadState::Parked);
    assert_eq!(place.told(&["sweep", "--older-than", "0", "--parked"]).1, "1 thread forgotten\n");
    assert_eq!(place.state("order-4711"), ThreadState::Forgotten);
}

#[test]
fn sealed_entries_are_said_to_be_unreadable() {
    let place = Place::new("sealed");
    let held = place.hold("t", Duration::from_secs(60));
    let sealed = Entry { body: vec![0xff, 0, 7], ..life() };
    place.append(&held, &[sealed]);
    block_on(place.store.release(&held.0, Leave::Parked(None))).expect("it is held");
    let (code, text) = place.told(&["show", "t"]);
    assert_eq!(code, 0);
    assert!(text.contains("unreadable  entry 1 cannot be read"), "{text}");
    assert!(place.told(&[]).1.contains("what cannot be read"));
}

#[test]
fn a_file_that_is_no_store_is_named_and_left_as_it_is() {
    let (code, _, error) = run(&["threads", "no/such.db"]);
    assert!(code == 3 && error.starts_with("error: cannot read `no/such.db`: "), "{error}");
    let empty = TempFile::new("threads-empty", "");
    let (code, _, error) = run(&["threads", empty.path()]);
    assert!(code == 3 && error.contains("it is empty"), "{error}");
    assert_eq!(fs::metadata(empty.path()).unwrap().len(), 0);
    let log = TempFile::new("threads-log", "{\"event\":\"agent.started\"}\n");
    let (code, _, error) = run(&["threads", log.path()]);
    assert!(code == 3 && error.contains("it is not a SQLite file of threads"), "{error}");
    // A password of a URL is not shown.
    let url = "postgres://me:hunter2secret@127.0.0.1:1/agents?connect_timeout=1";
    let (code, _, error) = run(&["threads", url]);
    assert!(code == 3 && !error.contains("hunter2secret"), "{error}");
}

#[test]
fn the_help_says_what_each_command_does() {
    let (code, text, _) = run(&["threads", "--help"]);
    assert_eq!(code, 0);
    for words in [
        "Usage: techrevati threads ",
        "who waits for what, since when",
        "takes your own program",
        "  show  ",
        "  approvals  ",
        "  approve  ",
        "  deny  ",
        "  amend  ",
        "  resolve  ",
        "  answer  ",
        "  cancel  ",
        "  forget  ",
        "  sweep  ",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let place = Place::new("help");
    assert_eq!(
        place.told(&[]),
        (0, "no thread is under way; `--all` lists those that are over, too\n".to_owned())
    );
    assert_eq!(place.told(&["--all"]), (0, "no threads\n".to_owned()));
}

#[test]
fn a_thread_that_its_code_does_not_fit_says_so_and_goes_on_when_somebody_says() {
    let place = story("stuck");
    // At the time of the command.
    let store = runtime_sqlite::SqliteStore::open(&place.path).unwrap();
    let (lease, _) = hold(&store, "trip-2", Duration::from_secs(60));
    let why = "entry 7 of the thread is tool `pay`,\nand the code now has tool `refund`";
    let once = runtime_store::Stuck::again(None, &"1.0.0".into(), why);
    let once = runtime_store::Stuck { times: 12, ..once };
    let stuck = runtime_store::Stuck::again(Some(&once), &"1.1.0".into(), why);
    block_on(store.release(&lease, Leave::Stuck(stuck))).unwrap();
    let (_, text) = place.told(&[]);
    let row = lines(&text).into_iter().find(|row| row.starts_with("trip-2 runnable ")).unwrap();
    let fits = "code that goes on with it (tried 13 times by version `1.0.0`, `1.1.0`: entry 7 of the thread is tool `pay`, and";
    assert!(row.contains(fits), "{row}");
    let (_, shown) = place.told(&["show", "trip-2"]);
    assert!(
        lines(&shown).iter().any(|row| row.starts_with("waits for code that goes on with it")),
        "{shown}"
    );
    assert!(lines(&shown).iter().any(|row| row.starts_with("wakes ")), "{shown}");
    let (_, json) = place.told(&["show", "trip-2", "--json"]);
    let shown: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (&shown["thread"]["stuck"]["times"], &shown["thread"]["stuck"]["codes"][1]),
        (&json!(13), &json!("1.1.0"))
    );
    let can_go_on = || place.told(&["resume"]).1.lines().any(|row| row == "trip-2");
    assert!(!can_go_on());
    assert_eq!(place.told(&["resume", "trip-2"]), (0, "trip-2\n".to_owned()));
    assert!(can_go_on());

    // One that failed, too; and not one that waits for a person.
    let (lease, _) = hold(&store, "trip-3", Duration::from_secs(60));
    block_on(store.release(&lease, Leave::Failed)).unwrap();
    let (code, json) = place.told(&["resume", "trip-3", "--json"]);
    assert!(code == 0 && json.contains(r#""state":"runnable""#), "{json}");
    let (code, text) = place.told(&["resume", "trip-1"]);
    assert!(code == 1 && text.contains("waits for something else"), "{text}");
    assert_eq!(place.told(&["resume", "over"]).0, 1);
}
