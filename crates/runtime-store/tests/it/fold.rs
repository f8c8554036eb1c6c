//! The fold: what the next life is answered.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use runtime_store::{
    AttemptRecord, BillRecord, Entry, EntryKind, Fold, JournalError, Part, Step, StepKind,
    StepName, Stored, Totals,
};
use runtime_usage::{UsageSnapshot, Usd};
use serde::Serialize;
use serde_json::{Value, json};

fn name(kind: StepKind, name: &str) -> StepName {
    StepName { kind, name: name.into(), scope: "".into(), keyed: false }
}

fn turn(ordinal: u32, model: &str) -> Step {
    Step::in_order(name(StepKind::Turn, model), &Value::Null, (0, ordinal))
}

fn tool(key: &str, tool: &str, args: &Value) -> Step {
    Step::keyed(name(StepKind::Tool, tool), args, (0, key))
}

/// A thread's entries as a store would number them, a second apart.
#[derive(Default)]
struct Log(Vec<Stored>);

impl Log {
    fn push(
        &mut self,
        kind: EntryKind,
        step: Option<(&Step, runtime_store::StepKey)>,
        body: &impl Serialize,
    ) {
        let seq = u32::try_from(self.0.len()).expect("few") + 1;
        let at: DateTime<Utc> = DateTime::UNIX_EPOCH + TimeDelta::seconds(seq.into());
        let (key, print) = (step.map(|step| step.1), step.map(|step| step.0.print));
        let body = serde_json::to_vec(body).expect("JSON");
        let entry = Entry { kind, version: 1, step: key, print, body };
        self.0.push(Stored { seq: seq.into(), fence: 1, at, entry });
    }

    fn life(mut self, code: &str) -> Self {
        self.push(EntryKind::LIFE, None, &json!({ "code": code, "holder": "h" }));
        self
    }

    fn intent(mut self, step: &Step, reserved: u64) -> Self {
        let turn = step.name.kind == StepKind::Turn;
        let model = turn.then(|| step.name.name.clone());
        let intent = json!({ "step": step.name, "reserved": reserved, "model": model });
        self.push(EntryKind::INTENT, Some((step, step.key)), &intent);
        self
    }

    /// Another attempt, after one that cost this.
    fn attempt(mut self, step: &Step, before: BillRecord, (model, reserved): (&str, u64)) -> Self {
        let (reserved, model) = (Usd::from_nanos(reserved), Some(model.into()));
        let attempt = AttemptRecord { before, reserved, model, provider: None };
        self.push(EntryKind::ATTEMPT, Some((step, step.key)), &attempt);
        self
    }

    fn ok(mut self, step: &Step, value: &str, bill: Option<&BillRecord>) -> Self {
        let outcome = json!({ "step": step.name, "ok": value, "bill": bill });
        self.push(EntryKind::OUTCOME, Some((step, step.key)), &outcome);
        self
    }

    fn failed(mut self, step: &Step) -> Self {
        let error = json!({ "kind": "failed", "class": "tool_error", "text": "down" });
        let outcome = json!({ "step": step.name, "error": error });
        self.push(EntryKind::OUTCOME, Some((step, step.key)), &outcome);
        self
    }

    fn fold(&self) -> Fold {
        let mut fold = Fold::new();
        self.0.iter().cloned().try_for_each(|stored| fold.apply(stored)).expect("a log");
        fold
    }
}

fn enter(fold: &mut Fold, step: &Step, part: Part) -> Result<Option<String>, JournalError> {
    let body = fold.enter(step, part, &"2".into())?;
    Ok(body.map(|body| String::from_utf8_lossy(&body).into_owned()))
}

fn diverged(error: &JournalError) -> String {
    assert!(matches!(error, JournalError::Diverged(_)), "{error}");
    error.to_string()
}

fn bill(tokens: u64, cents: u64) -> BillRecord {
    let usage = UsageSnapshot::new(tokens, tokens);
    let cost = Usd::from_cents(cents);
    BillRecord { model: "gpt-5".into(), usage, cost, attempts: 1, ..BillRecord::default() }
}

#[test]
fn recorded_outcomes_answer_and_what_is_in_doubt_is_known() {
    let (first, pay) = (turn(0, "gpt-5"), tool("c1", "pay", &json!({ "amount": 12 })));
    let log = Log::default().life("1").intent(&first, 500).ok(&first, "draft", Some(&bill(7, 2)));
    let mut fold = log.intent(&pay, 0).fold();
    assert_eq!(
        fold.open().iter().map(|open| open.name.to_string()).collect::<Vec<_>>(),
        ["tool `pay`"]
    );
    assert!(enter(&mut fold, &first, Part::Intent(0)).unwrap().is_some());
    assert!(enter(&mut fold, &first, Part::Outcome).unwrap().unwrap().contains("draft"));
    assert!(enter(&mut fold, &pay, Part::Intent(0)).unwrap().is_some());
    assert_eq!(enter(&mut fold, &pay, Part::Outcome).unwrap(), None);
    assert_eq!(enter(&mut fold, &pay, Part::Intent(1)).unwrap(), None);
    assert_eq!(fold.totals().iterations, 1);
    assert_eq!(fold.totals().cost(), Usd::from_cents(2));
    assert_eq!(fold.totals().elapsed_us, 3_000_000);
    fold.check_end(&"2".into()).unwrap();
}

#[test]
fn a_lost_call_is_booked_once_per_life_that_lost_it() {
    let first = turn(0, "gpt-5");
    let twice = Log::default().life("1").intent(&first, 500).life("1").intent(&first, 700);
    assert_eq!(twice.fold().totals().cost(), Usd::from_nanos(1_200));
    let fold = twice.ok(&first, "draft", Some(&bill(7, 2))).fold();
    let totals = fold.totals();
    assert_eq!(totals.cost(), Usd::from_cents(2).saturating_add(Usd::from_nanos(500)));
    let model = totals.models.get("gpt-5").unwrap();
    assert_eq!((model.turns, model.lost, totals.iterations), (2, Usd::from_nanos(500), 2));
}

#[test]
fn attempts_before_a_lost_one_are_booked_as_they_were_billed() {
    let first = turn(0, "gpt-5");
    let log = || {
        let log =
            Log::default().life("1").intent(&first, 500).attempt(&first, bill(7, 2), ("b", 300));
        log.attempt(&first, BillRecord { model: "b".into(), ..bill(9, 1) }, ("c", 200))
    };
    let lost = log().fold().totals();
    let booked = |totals: &Totals, model: &str| {
        let total = totals.models.get(model).copied().unwrap_or_default();
        (total.turns, total.usage.input_tokens, total.cost, total.lost)
    };
    let (cents, nanos, none) = (Usd::from_cents, Usd::from_nanos, Usd::ZERO);
    // It is one turn, which was lost with its last attempt.
    assert_eq!(lost.iterations, 1);
    assert_eq!(booked(&lost, "gpt-5"), (0, 7, cents(2), none));
    assert_eq!(booked(&lost, "b"), (0, 9, cents(1), none));
    assert_eq!(booked(&lost, "c"), (1, 0, nanos(200), nanos(200)));
    // The next life is answered at once, and its bill is of its own attempts.
    let again = log().life("1").intent(&first, 500).ok(&first, "a", Some(&bill(7, 4)));
    let totals = again.fold().totals();
    assert_eq!((totals.iterations, booked(&totals, "gpt-5")), (2, (1, 14, cents(6), none)));
    assert_eq!(booked(&totals, "c"), (1, 0, nanos(200), nanos(200)));
    // The bill of an answer has all attempts of its life.
    let answered = log().ok(&first, "a", Some(&bill(20, 9))).fold().totals();
    assert_eq!((answered.iterations, answered.cost()), (1, cents(9)));
}

#[test]
fn an_attempt_of_nothing_is_corrupt() {
    let first = turn(0, "gpt-5");
    let answered = Log::default().life("1").intent(&first, 5).ok(&first, "a", None);
    for log in [Log::default().life("1"), answered] {
        let log = log.attempt(&first, bill(7, 2), ("b", 3));
        let mut fold = Fold::new();
        let error = log.0.iter().cloned().try_for_each(|stored| fold.apply(stored)).unwrap_err();
        assert!(error.to_string().contains("an attempt of a step that has not begun"), "{error}");
    }
}

#[test]
fn another_name_other_arguments_or_another_order_is_the_first_divergence() {
    let steps = [turn(0, "gpt-5"), turn(1, "gpt-5-mini")];
    let pay = tool("c1", "pay", &json!({ "amount": 12 }));
    let log = || {
        let log = Log::default().life("1").ok(&steps[0], "a", None).ok(&steps[1], "b", None);
        log.ok(&pay, "paid", None).fold()
    };
    let renamed = enter(&mut log(), &turn(0, "gpt-6"), Part::Outcome).unwrap_err();
    assert_eq!(
        diverged(&renamed),
        "entry 2 of the thread is turn `gpt-5`, recorded by code version `1`, but the code now has turn `gpt-6` (code version `2`)"
    );
    // The second turn was removed: what follows it is asked for instead, or nothing.
    let mut fold = log();
    enter(&mut fold, &steps[0], Part::Outcome).unwrap();
    let removed = enter(&mut fold, &pay, Part::Outcome).unwrap_err();
    assert!(diverged(&removed).contains("entry 3 of the thread is turn `gpt-5-mini`"));
    assert!(
        fold.check_end(&"1".into())
            .unwrap_err()
            .to_string()
            .ends_with("but the code now has no more steps")
    );
    // A new tool before the turn that was there.
    let mut fold = log();
    enter(&mut fold, &steps[0], Part::Outcome).unwrap();
    let new = enter(&mut fold, &tool("c2", "mail", &Value::Null), Part::Intent(0)).unwrap_err();
    assert!(diverged(&new).contains("entry 3 of the thread is turn `gpt-5-mini`"));
    // Other arguments under the same key.
    let mut fold = log();
    let more = tool("c1", "pay", &json!({ "amount": 13 }));
    let more = diverged(&enter(&mut fold, &more, Part::Intent(0)).unwrap_err());
    assert!(more.contains("is tool `pay` with other arguments, recorded"), "{more}");
    // A turn where a tool with a key is left.
    let mut fold = log();
    for step in &steps {
        enter(&mut fold, step, Part::Outcome).unwrap();
    }
    let third = enter(&mut fold, &turn(2, "gpt-5"), Part::Outcome).unwrap_err();
    assert!(diverged(&third).contains("entry 4 of the thread is tool `pay`"));
}

#[test]
fn tools_with_keys_answer_in_any_order_and_a_new_one_may_join_them() {
    let [a, b, c] = ["a", "b", "c"].map(|key| tool(key, "search", &json!(key)));
    let log = Log::default().life("1").ok(&b, "b", None).ok(&a, "a", None);
    let mut fold = log.fold();
    assert!(enter(&mut fold, &a, Part::Outcome).unwrap().is_some());
    assert!(enter(&mut fold, &c, Part::Outcome).unwrap().is_none());
    assert!(enter(&mut fold, &b, Part::Outcome).unwrap().is_some());
    let twice = enter(&mut fold, &b, Part::Outcome).unwrap_err();
    assert!(matches!(twice, JournalError::Repeated { .. }), "{twice}");
}

#[test]
fn a_thread_that_failed_makes_its_last_failed_steps_again() {
    let (first, second) = (turn(0, "gpt-5"), turn(1, "gpt-5"));
    let mut log = Log::default().life("1").failed(&first).ok(&second, "b", None);
    let (third, fourth) = (turn(2, "gpt-5"), turn(3, "gpt-5"));
    log = log.failed(&third).failed(&fourth);
    let error = json!({ "kind": "failed", "class": "tool_error", "text": "down" });
    log.push(EntryKind::END, None, &json!({ "error": error }));
    let mut fold = log.fold();
    assert!(fold.end().is_none());
    // The first failure was followed by a success: the code has gone another way because of it.
    assert!(enter(&mut fold, &first, Part::Outcome).unwrap().unwrap().contains("down"));
    assert!(enter(&mut fold, &second, Part::Outcome).unwrap().is_some());
    assert_eq!(enter(&mut fold, &third, Part::Outcome).unwrap(), None);
    let again = fold.written(third.key);
    assert_ne!(again, third.key);
    log.push(EntryKind::OUTCOME, Some((&third, again)), &json!({ "step": third.name, "ok": "c" }));
    let mut fold = log.fold();
    for step in [&first, &second] {
        enter(&mut fold, step, Part::Outcome).unwrap();
    }
    assert!(enter(&mut fold, &third, Part::Outcome).unwrap().unwrap().contains("\"c\""));
}

#[test]
fn a_checkpoint_begins_anew_with_the_totals() {
    let first = turn(0, "gpt-5");
    let mut log = Log::default().life("1").ok(&first, "a", Some(&bill(7, 2)));
    let totals = log.fold().totals();
    log.push(
        EntryKind::CHECKPOINT,
        None,
        &json!({ "state": { "page": 4 }, "totals": totals, "lives": 1 }),
    );
    let mut fold = log.fold();
    assert_eq!(fold.checkpoint().map(|state| state.get().to_owned()), Some(r#"{"page":4}"#.into()));
    assert_eq!((fold.epoch(), fold.head(), fold.lives()), (3, 3, 1));
    assert_eq!(fold.totals().iterations, 1);
    let again = Step::in_order(first.name, &Value::Null, (fold.epoch(), 0));
    assert_eq!(enter(&mut fold, &again, Part::Outcome).unwrap(), None);
    // What was before the checkpoint may be deleted.
    let mut pruned = Fold::from_base(3);
    pruned.apply(log.0[2].clone()).unwrap();
    assert_eq!(pruned.totals(), log.fold().totals());
    // The time behind it counts all the same.
    let after = log.0.len();
    log = log.ok(&again, "b", None);
    pruned.apply(log.0[after].clone()).unwrap();
    assert_eq!(pruned.totals(), log.fold().totals());
}

#[test]
fn unknown_entries_are_refused_unless_they_may_be_skipped() {
    let mut log = Log::default().life("1");
    log.push(EntryKind::from_code(EntryKind::IGNORABLE + 7), None, &json!(1));
    log.push(EntryKind::from_code(7), None, &json!(1));
    let mut fold = Fold::new();
    fold.apply(log.0[0].clone()).unwrap();
    fold.apply(log.0[1].clone()).unwrap();
    let error = fold.apply(log.0[2].clone()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "entry 3 is of kind 7, version 1, which this version does not know"
    );
    let mut newer = log.0[0].clone();
    newer.entry.version = 2;
    let error = Fold::new().apply(newer).unwrap_err();
    assert!(matches!(error, JournalError::Unknown { seq: 1, kind: 1, version: 2 }), "{error}");
    let gap = Fold::new().apply(log.0[1].clone()).unwrap_err();
    assert_eq!(gap.to_string(), "entry 2 cannot be read: entry 1 was expected");
    let code: Arc<str> = "1".into();
    Fold::new().check_end(&code).unwrap();
}
