//! A frozen database of schema 1 is migrated in place.

use std::fs;

use runtime_sqlite::{SqliteReader, SqliteSink};

use crate::common::Place;

const FROZEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../techrevati-runtime/tests/frozen/");

/// Tokens of all kinds, and money.
const TOTALS: &str = "SELECT sum(input_tokens), sum(output_tokens), sum(cost_nanos)";

#[test]
fn a_database_of_schema_1_is_migrated_with_its_views() {
    let place = Place::new("migration");
    fs::copy(format!("{FROZEN}schema-1.sqlite"), place.db()).unwrap();
    assert_eq!(place.rows("PRAGMA user_version"), ["1"]);
    let before = place.rows("SELECT * FROM event");
    let uncached = "SELECT sum(input_tokens) FROM calls WHERE cache_read_tokens > 0";
    let read = SqliteReader::open(place.db()).unwrap().sessions().unwrap();

    drop(SqliteSink::open(place.db()).unwrap());
    assert_eq!(place.rows("PRAGMA user_version"), ["2"]);
    assert_eq!(place.rows("PRAGMA integrity_check"), ["ok"]);
    assert_eq!(place.rows("SELECT * FROM event"), before, "nothing is written anew");
    assert_eq!(SqliteReader::open(place.db()).unwrap().sessions().unwrap().len(), read.len());

    let fresh = Place::new("migration-fresh");
    let log = fs::read(format!("{FROZEN}log.jsonl")).unwrap();
    SqliteSink::open(fresh.db()).unwrap().import(&log[..]).unwrap();
    for view in ["calls", "cost_by_model", "cost_by_role", "cost_by_session", "sessions", "spans"] {
        let all = format!("SELECT * FROM {view} ORDER BY 1, 2");
        assert_eq!(place.rows(&all), fresh.rows(&all), "{view}");
    }
    let totals = place.rows(&format!("{TOTALS} FROM cost_by_role"));
    assert_eq!(totals, place.rows(&format!("{TOTALS} FROM cost_by_session")));
    let all: i64 = totals[0].split('|').next().unwrap().parse().unwrap();
    let part: i64 = place.rows(uncached)[0].parse().unwrap();
    assert!(all > part + 30_000, "cached input is input: {totals:?}, {part}");
}
