//! The numbers.

use std::time::Duration;

use runtime_events::{AgentEventName, Data, SpanOutcome};
use runtime_report::StatsLine;
use runtime_report::Timeline;

use crate::common::{Session, golden_events};

fn named<'a>(lines: &'a [StatsLine], name: &str) -> &'a StatsLine {
    lines.iter().find(|line| &*line.name == name).expect("it is there")
}

#[test]
fn a_recovering_turn_is_not_counted_twice() {
    let stats = Timeline::read(golden_events()).stats();
    assert_eq!(stats.spent.cost_nanousd, 79_990_000);
    // Its attempts are counted under the models they asked.
    assert_eq!(named(&stats.models, "claude-sonnet-4").calls, 3);
    assert_eq!(named(&stats.models, "claude-sonnet-4").spent.cost_nanousd, 66_090_000);
    let sum: u64 = stats.models.iter().map(|line| line.spent.cost_nanousd).sum();
    assert_eq!(sum, stats.spent.cost_nanousd);
    let sum: u64 = stats.agents.iter().map(|line| line.spent.cost_nanousd).sum();
    assert_eq!(sum, stats.spent.cost_nanousd);
}

#[test]
fn use_of_a_turn_beyond_its_attempts_counts_with_the_turn() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.begin(1, AgentEventName::TurnStarted, 2, 1);
    session.begin(2, AgentEventName::AttemptStarted, 3, 2);
    session.end(3, AgentEventName::AttemptFailed, 3).data =
        Some(Data::new().with("cost_usd", 0.01));
    // The second attempt is not in the log.
    session.end(9, AgentEventName::TurnCompleted, 2).data =
        Some(Data::new().with("cost_usd", 0.03));
    let stats = Timeline::read(&session.events).stats();
    assert_eq!(stats.spent.cost_nanousd, 30_000_000);
}

#[test]
fn percentiles_are_durations_that_there_were() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    for span in 2..22 {
        session.tool(1_000 * span, 1_000 * span + 10 * (span - 1), span);
    }
    session.events.last_mut().unwrap().outcome = Some(SpanOutcome::Failed);
    let stats = Timeline::read(&session.events).stats();
    let tool = named(&stats.tools, "search");
    assert_eq!((tool.calls, tool.failed), (20, 1));
    assert_eq!(tool.p50, Duration::from_millis(100));
    assert_eq!(tool.p95, Duration::from_millis(190));
    assert_eq!(tool.max, Duration::from_millis(200));
    assert_eq!(tool.total, Duration::from_millis(2_100));
}

#[test]
fn agent_that_is_still_at_work_has_no_duration() {
    let mut done = Session::new("a", "writer");
    done.begin(0, AgentEventName::AgentStarted, 1, 0);
    done.end(40, AgentEventName::AgentCompleted, 1);
    let mut open = Session::new("b", "writer");
    open.begin(0, AgentEventName::AgentStarted, 2, 0);
    open.tool(1, 9_000, 3);
    let stats = Timeline::read(done.events.iter().chain(&open.events)).stats();
    let agents = named(&stats.agents, "writer");
    assert_eq!((agents.calls, agents.max), (2, Duration::from_millis(40)));
    let sessions = named(&stats.kinds, "session");
    assert_eq!((agents.p50, agents.total), (sessions.p50, sessions.total));
}

#[test]
fn odd_numbers_in_the_data_are_no_costs() {
    let mut session = Session::new("s", "writer");
    session.begin(0, AgentEventName::AgentStarted, 1, 0);
    session.begin(1, AgentEventName::TurnStarted, 2, 1);
    let odd =
        Data::new().with("cost_usd", -3.0).with("input_tokens", -7).with("output_tokens", "many");
    session.end(2, AgentEventName::TurnCompleted, 2).data = Some(odd);
    session.turn(3, 4, 3, f64::MAX);
    session.turn(5, 6, 4, f64::MAX);
    let stats = Timeline::read(&session.events).stats();
    assert_eq!(stats.spent.cost_nanousd, u64::MAX);
    assert_eq!(stats.spent.input_tokens, 200);
}
