//! What people decided about a thread, and what can go on.

use serde_json::{Value, json};

use crate::stories::story;
use crate::threads::{lines, pending};

#[test]
fn what_was_decided_is_shown_and_what_can_go_on_is_listed() {
    let place = story("decided");
    let (code, none) = place.told(&["resume"]);
    assert_eq!((code, none.contains("no thread can go on now")), (1, true), "{none}");
    let id = pending(&place);
    let (code, text) = place.told(&["deny", &id, "--who", "ann", "--note", "too much"]);
    assert_eq!(code, 0, "{text}");
    let (_, shown) = place.told(&["show", "trip-1"]);
    let at = lines(&shown).iter().position(|line| line == "decided approvals").expect(&shown);
    let decided = &lines(&shown)[at + 1];
    assert!(decided.starts_with("ID 20"), "{decided}");
    assert!(decided.contains("denied by ann: too much book"), "{decided}");
    assert!(!shown.contains("9f8e7d6c5b4a"), "{shown}");
    let (_, json) = place.told(&["show", "trip-1", "--json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&json["decided"][0]["who"], &json["pending"]), (&json!("ann"), &json!([])));
    // The decision woke the thread.
    assert_eq!(place.told(&["resume"]), (0, "trip-1\n".to_owned()));
    let (_, json) = place.told(&["resume", "--json"]);
    let row: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&row["id"], &row["code"]), (&json!("trip-1"), &json!("1.0.0")));
    assert_eq!(
        place.told(&["show", "live"]).1.lines().filter(|l| l.contains("decided")).count(),
        0
    );
}
