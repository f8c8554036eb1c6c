//! `instructions NAME COUNT` does the named work so many times; `instructions` lists the names.
//!
//! `cargo xtask instructions` runs each under valgrind with two counts. The difference is what the work costs:
//! what comes before is in both.
#![expect(clippy::unwrap_used, reason = "what cannot be measured may panic")]
#![expect(clippy::print_stdout, reason = "a command prints its output")]

mod durable;
mod parts;
mod turns;

use std::env;

/// Work that is counted: set up once, then done again and again.
type Work = Box<dyn FnMut()>;

type Setup = fn() -> Work;

/// Every work, by its name.
const ALL: &[(&str, Setup)] = &[
    ("breaker, closed call", parts::breaker_call),
    ("breaker, async call", parts::breaker_call_async),
    ("limiter, reserve and adjust", parts::limiter),
    ("account, reserve and settle, path of 3", parts::account),
    ("fault from a response", parts::fault),
    ("usage from a reply, with its cost", parts::usage),
    ("event to JSON", parts::event_to_json),
    ("event from JSON", parts::event_from_json),
    ("turn, bare session", turns::bare),
    ("turn, whole session", turns::whole),
    ("tool call", turns::tool),
    ("session, opened and finished", turns::session),
    ("durable turn", durable::made),
    ("durable turn, its entries read", durable::folded),
    ("durable turn, answered again", durable::answered_again),
];

fn main() {
    let mut arguments = env::args().skip(1);
    let Some(name) = arguments.next() else {
        for (name, _) in ALL {
            println!("{name}");
        }
        return;
    };
    let count: u32 = arguments.next().unwrap().parse().unwrap();
    let (_, work) = ALL.iter().find(|(known, _)| *known == name).unwrap();
    let mut work = work();
    for _ in 0..count {
        work();
    }
}
