//! What a turn takes on the disk.

use std::fs;

use futures_executor::block_on;
use runtime_sqlite::{SqliteConfig, SqliteDurability, SqliteStore};
use runtime_store::{EntryKind, Step, StepKind, StepName, Store};

use super::{append, entry, hold};
use crate::common::Place;

/// Bytes that cannot be compressed, and differ from call to call.
struct Noise(u64);

impl Noise {
    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let next = |seed: &mut u64| {
            // xorshift64
            *seed ^= *seed << 13;
            *seed ^= *seed >> 7;
            *seed ^= *seed << 17;
            seed.to_be_bytes()[0]
        };
        (0..count).map(|_| next(&mut self.0)).collect()
    }
}

/// The size of a database with one thread of these turns, a tool in every fourth.
fn size(place: &Place, turns: u32, content: usize) -> u64 {
    let path = place.path().join(format!("{turns}-{content}.db"));
    let config = SqliteConfig::default().durability(SqliteDurability::Os);
    let store = SqliteStore::open_with(&path, config).expect("a new file");
    let lease = hold(&store, "order-4711");
    let mut noise = Noise(0x9e37_79b9_7f4a_7c15);
    let mut head = 0;
    for turn in 0..turns {
        let name =
            StepName { kind: StepKind::Turn, name: "gpt-5".into(), scope: "".into(), keyed: false };
        let step = Step::in_order(name, &turn.into(), (0, turn));
        let intent =
            br#"{"step":{"kind":"turn","name":"gpt-5"},"reserved":12345678,"model":"gpt-5"}"#;
        let outcome = noise.bytes(content);
        let mut entries = vec![
            entry(EntryKind::INTENT, Some(&step), intent),
            entry(EntryKind::OUTCOME, Some(&step), &outcome),
        ];
        if turn % 4 == 3 {
            let tool = super::tool(&turn.to_string());
            let intent = br#"{"step":{"kind":"tool","name":"pay","keyed":true}}"#;
            entries.push(entry(EntryKind::INTENT, Some(&tool), intent));
            entries.push(entry(EntryKind::OUTCOME, Some(&tool), br#"{"ok":{"paid":12}}"#));
        }
        append(&store, &lease, head, &entries).expect("it has room");
        head += entries.len() as u64;
    }
    let mut read = 0;
    while read < head {
        let page = block_on(store.read(&lease.thread, read, 1_000)).expect("it is there");
        assert_eq!(page.first().map(|stored| stored.seq), Some(read + 1));
        read += page.len() as u64;
    }
    drop(store);
    fs::metadata(path).expect("it is there").len()
}

#[test]
fn a_turn_takes_its_content_and_little_more_however_many_there_are() {
    let place = Place::new("store-growth");
    let (few, many) = (size(&place, 1_000, 600) / 1_000, size(&place, 10_000, 600) / 10_000);
    println!("600 bytes of content: {few} bytes a turn of 1,000, {many} of 10,000");
    assert!(many <= 600 * 12 / 10 + 400, "{many} bytes a turn");
    assert!(few.abs_diff(many) * 10 <= few, "{few} bytes a turn become {many}");
}

#[test]
fn larger_contents_take_little_more_as_well() {
    let place = Place::new("store-growth-large");
    for content in [1_500, 6_000] {
        let taken = size(&place, 1_000, content) / 1_000;
        println!("{content} bytes of content: {taken} bytes a turn");
        assert!(taken <= content as u64 * 12 / 10 + 400, "{taken} bytes for {content}");
    }
}
