//! How large the values are that every turn and tool moves. Sizes are exact, and times are not.

use std::future::ready;

use runtime_orchestrator::{ActiveTurn, BoxError, Turn};

use crate::support::Fixture;

/// A call without a state of its own.
fn call() -> std::future::Ready<Result<(), BoxError>> {
    ready(Ok(()))
}

#[test]
fn turns_and_futures_are_small() {
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let turn = size_of_val(&session.run_turn(Turn::model("m"), call));
    let recovering = size_of_val(&session.run_turn_recovering(Turn::model("m"), |_| call()));
    let tool = size_of_val(&session.run_tool("search", call));
    let begin = size_of_val(&session.begin_turn(Turn::model("m")));
    let sizes = [
        ("Turn<()>", size_of::<Turn>(), 80),
        ("ActiveTurn", size_of::<ActiveTurn<'_>>(), 256),
        ("the future of run_turn", turn, 900),
        ("the future of run_turn_recovering", recovering, 2_048),
        ("the future of run_tool", tool, 600),
        ("the future of begin_turn", begin, 544),
    ];
    for (what, size, most) in sizes {
        println!("{what}: {size} bytes");
        assert!(size <= most, "{what} has {size} bytes, and may have {most}");
    }
}

#[test]
fn futures_are_send_even_if_the_reply_is_not_sync() {
    const fn assert_send<T: Send>(_: &T) {}
    let fixture = Fixture::new();
    let session = fixture.orchestrator.session().unwrap();
    let reply = async || Ok::<_, BoxError>(std::cell::Cell::new(1));
    assert_send(&session.run_turn(Turn::model("m"), reply));
    assert_send(&session.run_turn_recovering(Turn::model("m"), async |_| reply().await));
    assert_send(&session.run_tool("search", reply));
    assert_send(&session.begin_turn(Turn::model("m").guarded("prompt")));
    assert_send(&session.pause_for_input("?"));
}
