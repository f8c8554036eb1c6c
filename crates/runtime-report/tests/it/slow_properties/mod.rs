//! Any events have a timeline, and it keeps its promises.

use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use runtime_events::{AgentEvent, AgentEventName, AgentEventStatus, Data, SpanId, SpanOutcome};
use runtime_report::PageConfig;
use runtime_report::Timeline;

use crate::common::Session;

const NAMES: &[AgentEventName] = &[
    AgentEventName::AgentStarted,
    AgentEventName::TurnStarted,
    AgentEventName::TurnCompleted,
    AgentEventName::TurnFailed,
    AgentEventName::AttemptStarted,
    AgentEventName::AttemptFailed,
    AgentEventName::ToolCalled,
    AgentEventName::ToolCompleted,
    AgentEventName::WaitStarted,
    AgentEventName::WaitEnded,
    AgentEventName::StatusChanged,
    AgentEventName::BreakerChanged,
    AgentEventName::BudgetMark,
    AgentEventName::RecoveryAttempted,
    AgentEventName::HandedOver,
    AgentEventName::AgentBlocked,
    AgentEventName::LogDropped,
    AgentEventName::AgentCompleted,
    AgentEventName::AgentFailed,
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-c]{0,2}", any::<String>(), Just("</td><script>".to_owned())]
}

fn data() -> impl Strategy<Value = Data> {
    let keys = prop::sample::select(vec![
        "model",
        "tool",
        "from",
        "to",
        "breaker",
        "limit_usd",
        "cost_usd",
        "percent",
        "for",
        "target_role",
        "generation",
        "input_tokens",
        "spent_usd",
        "count",
    ]);
    let value = prop_oneof![
        text().prop_map(serde_json::Value::from),
        any::<f64>().prop_map(serde_json::Value::from),
        any::<u64>().prop_map(serde_json::Value::from),
    ];
    prop::collection::vec((keys, value), 0..5).prop_map(|pairs| pairs.into_iter().collect())
}

fn event() -> impl Strategy<Value = AgentEvent> {
    let elapsed = prop_oneof![0..5_000_000_000_u64, any::<u64>()];
    let seconds = prop_oneof![0..100_i64, -60_000_000_000_i64..250_000_000_000];
    (
        (
            prop::sample::select(NAMES),
            seconds,
            prop::option::of(elapsed),
            prop::option::of(0..4_u8),
        ),
        (prop::option::of(1..6_u64), prop::option::of(1..6_u64), any::<bool>(), any::<u64>()),
        (prop::option::of(text()), prop::option::of(text()), prop::option::of(data())),
    )
        .prop_map(
            |(
                (name, seconds, elapsed, session),
                (span, parent, ends, seq),
                (role, detail, data),
            )| {
                let at = DateTime::from_timestamp(seconds, 0).unwrap_or_default();
                let mut event = AgentEvent::new(name, AgentEventStatus::Running, at);
                event.session_id = session.map(|session| session.to_string().into());
                event.elapsed = elapsed.map(Duration::from_nanos);
                event.span = span.map(SpanId::from_u64);
                event.parent = parent.map(SpanId::from_u64);
                event.outcome = (ends && span.is_some()).then_some(SpanOutcome::Failed);
                event.seq = Some(if seq % 3 == 0 { seq } else { seq % 50 });
                event.role = role.map(Into::into);
                event.detail = detail.map(Into::into);
                event.data = data;
                event
            },
        )
}

// A case makes and reads five texts of up to sixty events. Where the environment names a number of
// cases, it is that number.
proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_events_have_every_projection(events in prop::collection::vec(event(), 0..60)) {
        let timeline = Timeline::read(&events);
        prop_assert_eq!(timeline.events().len(), events.len());
        for span in timeline.spans() {
            prop_assert!(span.duration() <= Duration::from_nanos(u64::MAX));
        }
        let page = timeline.html(&PageConfig::default().max_spans(20));
        prop_assert!(!page.contains("</td><script>"));
        prop_assert!(!page.contains("NaN") && !page.contains("inf%"));
        prop_assert_eq!(&page, &Timeline::read(&events).html(&PageConfig::default().max_spans(20)));
        prop_assert!(serde_json::from_str::<serde_json::Value>(&timeline.chrome_trace()).is_ok());
        prop_assert!(timeline.mermaid().len() < 60_000);
        let stats = timeline.stats();
        prop_assert_eq!(stats.events, events.len() as u64);
        let places = timeline.findings().iter().all(|finding| finding.event < events.len());
        prop_assert!(places);
    }

    /// Whatever runs in parallel with whatever: a log that was written as it should be has no
    /// findings, and every span lasts as long as it did.
    #[test]
    fn a_log_that_was_written_as_it_should_be_has_no_findings(
        steps in prop::collection::vec((1..40_u64, 0..3_u8, any::<prop::sample::Index>()), 1..80),
    ) {
        let mut session = Session::new("s", "writer").opened_after(TimeDelta::days(1).num_milliseconds());
        session.begin(0, AgentEventName::AgentStarted, 1, 0);
        let (mut now, mut next) = (0, 2);
        let mut open: Vec<(u64, u64, bool)> = Vec::new();
        let mut lasted = Vec::new();
        for (pass, action, which) in steps {
            now += pass;
            if action == 0 && !open.is_empty() {
                let (span, since, is_turn) = open.remove(which.index(open.len()));
                let name = if is_turn { AgentEventName::TurnCompleted } else { AgentEventName::ToolCompleted };
                session.end(now, name, span);
                lasted.push((span, now - since));
            } else {
                let is_turn = action == 1;
                let name = if is_turn { AgentEventName::TurnStarted } else { AgentEventName::ToolCalled };
                session.begin(now, name, next, 1);
                open.push((next, now, is_turn));
                next += 1;
            }
        }
        for (span, since, is_turn) in open {
            let name = if is_turn { AgentEventName::TurnFailed } else { AgentEventName::ToolCompleted };
            session.end(now, name, span);
            lasted.push((span, now - since));
        }
        session.end(now, AgentEventName::AgentCompleted, 1);
        let timeline = Timeline::read(&session.events);
        prop_assert_eq!(timeline.findings(), &[]);
        for (id, millis) in lasted {
            let span = timeline.spans().iter().find(|span| span.id().get() == id).unwrap();
            prop_assert_eq!(span.duration(), Duration::from_millis(millis));
        }
        prop_assert_eq!(timeline.duration(), Duration::from_millis(now));
    }
}
