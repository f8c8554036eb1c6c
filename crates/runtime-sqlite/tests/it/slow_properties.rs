//! Properties of imports and reads.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use runtime_events::{AgentEvent, Data};
use runtime_sqlite::SqliteSink;

use crate::common::{Place, numbered, rows};

fn event() -> impl Strategy<Value = Arc<AgentEvent>> {
    ("[ab]|\\PC{0,3}", 1..40_u64).prop_map(|(session, seq)| numbered(&session, seq))
}

fn everything(place: &Place) -> Vec<String> {
    rows(&place.sql(), "SELECT * FROM event")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn any_order_and_repetition_makes_the_same_table(
        events in vec(event(), 1..60),
        order in vec((any::<prop::sample::Index>(), any::<bool>()), 0..120),
        garbage in "\\PC{0,20}",
    ) {
        let (straight, shuffled) = (Place::new("straight"), Place::new("shuffled"));
        let log = SqliteSink::open(straight.db()).unwrap();
        log.emit_all(&events).unwrap();

        let mut lines: Vec<String> = events.iter().map(|event| event.to_json()).collect();
        for (index, repeat) in &order {
            let place = index.index(lines.len());
            if *repeat {
                lines.push(lines[place].clone());
            } else {
                lines.swap(0, place);
            }
        }
        // Lines that are not JSON objects are skipped.
        lines.insert(0, format!("x{garbage}"));
        let copy = SqliteSink::open(shuffled.db()).unwrap();
        let (first, rest) = lines.split_at(lines.len() / 2);
        let mut new = 0;
        for part in [first, rest, &lines] {
            let imported = copy.import(part.join("\n").as_bytes()).unwrap();
            prop_assert_eq!(imported.conflicts, 0);
            prop_assert_eq!(
                imported.read,
                imported.new + imported.duplicates + imported.torn,
            );
            new += imported.new;
        }
        let table = everything(&shuffled);
        prop_assert_eq!(new, table.len() as u64);
        prop_assert_eq!(table, everything(&straight));
    }

    #[test]
    fn no_line_fails_an_import(lines in vec(line(), 0..40)) {
        let place = Place::new("lines");
        let log = SqliteSink::open(place.db()).unwrap();
        let text = lines.join("\n");
        let imported = log.import(text.as_bytes()).unwrap();
        let again = log.import(text.as_bytes()).unwrap();
        prop_assert_eq!(again.new, 0);
        prop_assert_eq!(again.conflicts, imported.conflicts);
        for view in ["cost_by_model", "cost_by_session", "recoveries", "spans", "tool_stats"] {
            rows(&place.sql(), &format!("SELECT * FROM {view}"));
        }
    }

    #[test]
    fn written_events_are_read_back_equal(
        text in "\\PC{0,12}|[\\x00-\\x7f]{0,12}",
        number in any::<f64>().prop_filter("JSON has no others", |number| number.is_finite()),
        tokens in any::<u64>(),
    ) {
        let place = Place::new("back");
        let log = SqliteSink::open(place.db()).unwrap();
        let mut event = AgentEvent::clone(&numbered(&text, 1)).with_role(&*text);
        let data = Data::new().with(text.clone(), text.clone()).with("cost_usd", number);
        event.data = Some(data.with("input_tokens", tokens));
        log.emit_all(&[Arc::new(event.clone())]).unwrap();
        let reader = log.reader().unwrap();
        prop_assert_eq!(reader.events(&text).next().unwrap().unwrap(), event);
    }
}

/// Lines that resemble events.
fn line() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec![
        "agent.turn_completed",
        "agent.tool_called",
        "agent.tool_completed",
        "agent.recovery.attempted",
        "agent.wait_started",
        "no.such_event",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "-1",
        "1e18",
        "99999999999999999999",
        "\"x\"",
        "null",
        "[]",
        "{}",
        "true",
        "\"\\u0000\"",
        "0.000000001",
    ]);
    let values = vec(value, 8);
    let cut = prop::option::weighted(0.1, any::<prop::sample::Index>());
    (name, 0..4_u8, values, cut).prop_map(|(name, seq, values, cut)| {
        let mut line = format!(
            r#"{{"event":"{name}","status":"running","session_id":"s","seq":{seq},"span":{},"outcome":{},"elapsed_ns":{},"data":{{"tool":{},"model":{},"cost_usd":{},"scenario":{},"wait_seconds":{}}}}}"#,
            values[0], values[1], values[2], values[3], values[4], values[5], values[6], values[7],
        );
        if let Some(cut) = cut {
            line.truncate(cut.index(line.len()));
        }
        line
    })
}
