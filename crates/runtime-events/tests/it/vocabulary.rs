//! Names, classes, spans and ids.

use runtime_events::{
    AgentEvent, AgentEventName, AgentEventStatus, AgentFailureClass, Clock, CountingIds,
    FailureScenario, IdSource, Labels, RandomIds, SpanId, SpanOutcome, SystemClock, thread_of,
};

/// Checks that every value of an enum is written and read as the same word.
macro_rules! words_survive {
    ($($name:ty),+) => { $(
        for &value in <$name>::ALL {
            let word = value.as_str();
            assert_eq!(word.parse(), Ok(value));
            assert_eq!(value.to_string(), word);
            let json = format!("\"{word}\"");
            assert_eq!(serde_json::to_string(&value).unwrap(), json);
            assert_eq!(serde_json::from_str::<$name>(&json).unwrap(), value);
        }
    )+ };
}

#[test]
fn every_word_round_trips() {
    words_survive!(
        AgentEventName,
        AgentEventStatus,
        AgentFailureClass,
        FailureScenario,
        SpanOutcome
    );
}

#[test]
fn every_variant_has_the_words_of_its_name() {
    for name in AgentEventName::ALL {
        let path = name.as_str();
        // `agent` is the subject only where no other word is one.
        let rest = path.strip_prefix("agent.").filter(|rest| rest.contains(['_', '.']));
        let words = rest.unwrap_or(path).split(['_', '.']);
        let camel: String = words.map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        assert_eq!(format!("{name:?}"), camel, "{path}");
    }
}

#[test]
fn outcome_is_a_failure_unless_nobody_wanted_more() {
    let failures: Vec<_> = SpanOutcome::ALL.iter().filter(|outcome| outcome.is_failure()).collect();
    assert_eq!(failures, [&SpanOutcome::Failed, &SpanOutcome::TimedOut, &SpanOutcome::Panicked]);
}

#[test]
fn last_event_of_a_session_is_one_of_two_with_an_outcome() {
    for &name in AgentEventName::ALL {
        let event = AgentEvent::new(name, AgentEventStatus::Completed, SystemClock.utc_now());
        assert!(!event.ends_session(), "{name}");
        let is_last = matches!(name, AgentEventName::AgentCompleted | AgentEventName::AgentFailed);
        assert_eq!(event.with_outcome(SpanOutcome::Ok).ends_session(), is_last, "{name}");
    }
}

#[test]
fn words_are_case_sensitive_and_whole() {
    for wrong in ["Agent.Started", "agent.started ", "started", ""] {
        let error = wrong.parse::<AgentEventName>().unwrap_err();
        assert_eq!((error.what, &*error.name), ("event name", wrong));
        assert_eq!(error.to_string(), format!("unknown event name `{wrong}`"));
    }
}

#[test]
fn error_lists_the_accepted_words_if_they_are_few() {
    let unknown = "later".parse::<SpanOutcome>().unwrap_err();
    let words = "`ok`, `failed`, `timed_out`, `cancelled` or `panicked`";
    assert_eq!(unknown.to_string(), format!("unknown span outcome `later`, expected {words}"));
    let no_word = serde_json::from_str::<SpanOutcome>("7").unwrap_err();
    let expected =
        format!("invalid type: integer `7`, expected the span outcome as a string: {words}");
    assert_eq!(no_word.to_string(), format!("{expected} at line 1 column 1"));

    let no_word = serde_json::from_str::<AgentEventName>("7").unwrap_err();
    let text = "invalid type: integer `7`, expected the event name as a string at line 1 column 1";
    assert_eq!(no_word.to_string(), text);
}

#[test]
fn words_can_be_padded() {
    assert_eq!(
        format!("{:>8}|{:<8}", AgentEventStatus::Red, AgentEventStatus::Red),
        "     red|red     "
    );
}

#[test]
fn every_scenario_has_its_class() {
    for (scenario, class) in [
        (FailureScenario::LlmTimeout, AgentFailureClass::LlmTimeout),
        (FailureScenario::LlmError, AgentFailureClass::LlmError),
        (FailureScenario::ToolExecutionError, AgentFailureClass::ToolError),
        (FailureScenario::ContextOverflow, AgentFailureClass::ContextOverflow),
        (FailureScenario::DependencyTimeout, AgentFailureClass::DependencyFailed),
        (FailureScenario::MemoryCorruption, AgentFailureClass::MemoryCorruption),
        (FailureScenario::ProviderFailure, AgentFailureClass::DependencyFailed),
    ] {
        assert_eq!(scenario.failure_class(), class);
    }
    assert_eq!(FailureScenario::ALL.len(), 7, "a scenario is missing above");
}

#[test]
fn span_id_is_sixteen_hexadecimal_digits() {
    let span: SpanId = "00f067aa0ba902b7".parse().unwrap();
    assert_eq!(span.to_string(), "00f067aa0ba902b7");
    assert_eq!("00F067AA0BA902B7".parse(), Ok(span), "capitals are read");
    assert_eq!("ffffffffffffffff".parse(), Ok(SpanId::from_u64(u64::MAX)));
}

#[test]
fn invalid_span_id_is_refused_with_its_text() {
    for wrong in [
        "",
        "0",
        "0000000000000000",
        "00f067aa0ba902b",
        "00f067aa0ba902b7a",
        "+0f067aa0ba902b7",
        "ä0f067aa0ba902b",
    ] {
        let error = wrong.parse::<SpanId>().unwrap_err();
        assert_eq!(error.text, wrong);
        assert!(error.to_string().contains(&format!("`{wrong}`")));
    }
}

#[test]
fn span_id_of_zero_becomes_one() {
    assert_eq!(SpanId::from_u64(0), SpanId::from_u64(1));
}

#[test]
fn counting_ids_count_across_threads() {
    let ids = CountingIds::default();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..100).map(|_| ids.draw()).max());
        }
    });
    assert_eq!(ids.draw(), 401);
}

#[test]
fn random_ids_differ() {
    assert_ne!(RandomIds.draw(), RandomIds.draw());
}

const _: Option<&dyn IdSource> = None;

#[test]
fn thread_and_life_are_read_from_labels() {
    let labels = |pairs: &[(&'static str, &'static str)]| {
        pairs.iter().map(|&(key, value)| (key.into(), value.into())).collect::<Labels>()
    };
    let of = |pairs| thread_of(&labels(pairs)).map(|(thread, life)| (thread.to_owned(), life));
    assert_eq!(of(&[("thread", "order-1"), ("life", "7")]), Some(("order-1".into(), 7)));
    assert_eq!(of(&[("thread", "order-1")]), None);
    assert_eq!(of(&[("thread", "order-1"), ("life", "old")]), None);
}
