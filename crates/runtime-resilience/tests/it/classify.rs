//! What kind of failure an error is: types before texts, from the outside in.

use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use runtime_events::{AgentFailureClass, FailureScenario};
use runtime_resilience::{
    BoxError, CallError, CircuitBreaker, Classifier, Failure, Fault, FaultDetails, FaultError,
    FaultKind, classify_error, classify_text,
};

use FailureScenario::{
    ContextOverflow, DependencyTimeout, LlmError, LlmTimeout, MemoryCorruption, ProviderFailure,
    ToolExecutionError,
};

use crate::fault::now;

/// An error with a text and, perhaps, a source.
#[derive(Debug)]
struct Layer(&'static str, Option<BoxError>);

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Layer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

fn text(text: &'static str) -> Layer {
    Layer(text, None)
}

fn around(text: &'static str, source: impl Into<BoxError>) -> Layer {
    Layer(text, Some(source.into()))
}

#[test]
fn difference_1_status_code_inside_a_longer_number_is_none() {
    for code in ["429", "401", "502", "503"] {
        for not_a_code in [
            format!("cannot open file {code}1.txt"),
            format!("cannot open file 1{code}.txt"),
            format!("took {code}.5 ms"),
            format!("took 1.{code} s"),
            format!("{code},000 rows"),
            format!("1,{code} rows"),
            format!("request req_{code}a"),
            format!("block x{code}"),
            format!("größe ä{code}"),
        ] {
            assert_eq!(classify_text(&not_a_code), LlmError, "{not_a_code}");
            let in_front = format!("{not_a_code} from downstream");
            assert_eq!(classify_text(&in_front), DependencyTimeout, "{in_front}");
        }
        let expected = if code == "429" { LlmError } else { ProviderFailure };
        for is_a_code in [
            code.to_owned(),
            format!("HTTP/1.1 {code}"),
            format!("status:{code}, downstream"),
            format!("status={code}; downstream"),
            format!("({code}) downstream"),
            format!("downstream said {code}."),
            format!("http_{code} downstream"),
            format!("{code}1 downstream {code}"),
        ] {
            assert_eq!(classify_text(&is_a_code), expected, "{is_a_code}");
        }
    }
}

#[test]
fn texts_are_read_in_any_case_by_the_first_matching_rule() {
    for (text, expected) in [
        ("Rate Limit reached", LlmError),
        ("request TIMED OUT", LlmTimeout),
        ("503 upstream timed out", LlmTimeout),
        ("429: maximum context exceeded", LlmError),
        ("context_length_exceeded, 503", ContextOverflow),
        ("Malformed reply, 502", MemoryCorruption),
        ("Bad Gateway from upstream", ProviderFailure),
        ("Unauthorized tool error", ProviderFailure),
        ("the tool FAILED downstream", ToolExecutionError),
        ("the tool answered downstream", DependencyTimeout),
        ("external service is down", DependencyTimeout),
        ("", LlmError),
    ] {
        assert_eq!(classify_text(text), expected, "{text}");
        assert_eq!(classify_error(&self::text(text)), expected, "{text}");
    }
}

#[test]
fn the_kind_of_an_io_error_decides_whatever_its_text() {
    for (kind, expected) in [
        (ErrorKind::TimedOut, LlmTimeout),
        (ErrorKind::WouldBlock, LlmTimeout),
        (ErrorKind::ConnectionRefused, ProviderFailure),
        (ErrorKind::ConnectionReset, ProviderFailure),
        (ErrorKind::ConnectionAborted, ProviderFailure),
        (ErrorKind::NotConnected, ProviderFailure),
        (ErrorKind::BrokenPipe, ProviderFailure),
        (ErrorKind::HostUnreachable, ProviderFailure),
        (ErrorKind::NetworkUnreachable, ProviderFailure),
        (ErrorKind::NetworkDown, ProviderFailure),
    ] {
        assert_eq!(classify_error(&io::Error::new(kind, "tool failed")), expected, "{kind:?}");
        assert_eq!(classify_error(&io::Error::from(kind)), expected, "{kind:?}");
    }
    assert_eq!(
        classify_error(&io::Error::new(ErrorKind::NotFound, "tool failed")),
        ToolExecutionError,
        "a kind that says nothing leaves it to the text"
    );
}

#[test]
fn an_error_inside_an_io_error_is_found() {
    let json = serde_json::from_str::<serde_json::Value>("{bad").unwrap_err();
    assert_eq!(classify_error(&io::Error::other(json)), MemoryCorruption);
    let deep = io::Error::other(around("outer", io::Error::from(ErrorKind::TimedOut)));
    assert_eq!(classify_error(&deep), LlmTimeout);
}

#[test]
fn an_error_behind_an_arc_is_found() {
    let shared = Arc::new(io::Error::from(ErrorKind::TimedOut));
    assert_eq!(classify_error(&around("tool failed", shared)), LlmTimeout);
    let shared: Arc<dyn Error + Send + Sync> = Arc::new(io::Error::from(ErrorKind::BrokenPipe));
    assert_eq!(classify_error(&around("tool failed", shared)), ProviderFailure);
}

#[test]
fn the_outermost_type_decides() {
    let inner = io::Error::from(ErrorKind::TimedOut);
    let outer = io::Error::new(ErrorKind::ConnectionReset, around("between", inner));
    assert_eq!(classify_error(&around("tool failed", outer)), ProviderFailure);
}

#[test]
fn a_type_deep_inside_outweighs_every_text() {
    let inner = io::Error::from(ErrorKind::ConnectionRefused);
    let error = around("timed out", around("429", inner));
    assert_eq!(classify_error(&error), ProviderFailure);
}

#[test]
fn a_rule_is_tried_on_all_texts_before_the_next_rule() {
    assert_eq!(classify_error(&around("503", text("timed out"))), LlmTimeout);
    assert_eq!(classify_error(&around("timed out", text("503"))), LlmTimeout);
    assert_eq!(
        classify_error(&around("the tool", text("failed"))),
        LlmError,
        "both words of the tool rule stand in one text"
    );
}

#[test]
fn unreadable_json_is_corruption_and_other_shape_is_not() {
    for corrupt in ["{bad", "", "[1, 2"] {
        let error = serde_json::from_str::<serde_json::Value>(corrupt).unwrap_err();
        assert_eq!(classify_error(&error), MemoryCorruption, "{corrupt}");
    }
    let form = serde_json::from_str::<Vec<u8>>(r#""a""#).unwrap_err();
    assert_eq!(classify_error(&form), LlmError);
}

#[test]
fn data_quoted_by_serde_decides_nothing() {
    #[derive(Debug, serde::Deserialize)]
    struct Reply {
        #[expect(dead_code, reason = "only its absence matters")]
        timeout: u8,
    }

    #[derive(Debug)]
    struct Wrapped(serde_json::Error);
    impl fmt::Display for Wrapped {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "Tool reply: {}", self.0)
        }
    }
    impl Error for Wrapped {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    let error = || serde_json::from_str::<Reply>("{}").unwrap_err();
    assert!(error().to_string().contains("timeout"));
    assert_eq!(classify_error(&error()), LlmError);
    assert_eq!(classify_error(&Wrapped(error())), LlmError);
    assert_eq!(classify_error(&around("tool failed", error())), ToolExecutionError);
}

#[test]
fn json_of_a_broken_stream_is_the_streams_failure() {
    struct Reset;
    impl io::Read for Reset {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(ErrorKind::ConnectionReset.into())
        }
    }
    let error = serde_json::from_reader::<_, u8>(Reset).unwrap_err();
    assert_eq!(classify_error(&error), ProviderFailure);
}

#[test]
fn channel_timeout_is_a_timeout_and_closing_is_not() {
    assert_eq!(classify_error(&RecvTimeoutError::Timeout), LlmTimeout);
    assert_eq!(classify_error(&RecvTimeoutError::Disconnected), LlmError);
}

#[test]
fn circuit_open_is_a_provider_failure_under_any_name() {
    let breaker = CircuitBreaker::new("tool timeout");
    (0..5).for_each(|_| breaker.record_failure());
    let refused = breaker.call(|| "1".parse::<u8>()).unwrap_err();
    assert!(matches!(refused, CallError::Open(_)));
    assert_eq!(classify_error(&refused), ProviderFailure);
}

#[test]
fn the_callers_types_are_asked_first_and_in_their_order() {
    let classifier = Classifier::default()
        .rule(|error| error.is::<fmt::Error>().then_some(ContextOverflow))
        .rule(|error| error.is::<fmt::Error>().then_some(LlmTimeout))
        .rule(|error| error.is::<io::Error>().then_some(ToolExecutionError));
    assert_eq!(classifier.classify(&fmt::Error, now()), ContextOverflow);
    assert_eq!(classifier.classify(&around("timed out", fmt::Error), now()), ContextOverflow);
    let known = io::Error::from(ErrorKind::TimedOut);
    assert_eq!(classifier.classify(&known, now()), ToolExecutionError);
    assert_eq!(classifier.classify(&text("503"), now()), ProviderFailure);
}

#[test]
fn endless_chain_is_left_after_64_errors() {
    let chain = |layers| {
        let inner: BoxError = io::Error::from(ErrorKind::TimedOut).into();
        (0..layers).fold(inner, |inner, _| around("tool failed", inner).into())
    };
    assert_eq!(classify_error(&*chain(50)), LlmTimeout);
    assert_eq!(classify_error(&*chain(1_000)), ToolExecutionError);
}

#[test]
fn a_failure_stands_around_the_callers_error_and_leads_to_it() {
    let failure =
        Failure::classified(io::Error::from(ErrorKind::TimedOut), &Classifier::default(), now());
    assert_eq!(failure.scenario(), LlmTimeout);
    assert_eq!(failure.failure_class(), AgentFailureClass::LlmTimeout);
    assert_eq!(failure.to_string(), "the call failed: timed out");
    assert_eq!(failure.chain_text(), "timed out");
    assert!(failure.source().unwrap().is::<io::Error>());
    assert!(failure.error().is::<io::Error>());
    assert!(failure.downcast_ref::<fmt::Error>().is_none());
    assert!(format!("{failure:?}").contains("LlmTimeout"));
    assert!(failure.into_error().is::<io::Error>());
}

#[test]
fn given_scenario_outweighs_the_error() {
    let failure = Failure::new(io::Error::from(ErrorKind::TimedOut), ContextOverflow, now());
    assert_eq!(classify_error(&around("503", failure)), ContextOverflow);
}

/// An error that counts how often somebody asked for its source.
#[derive(Debug)]
struct Asked(Arc<AtomicU32>);

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("503")
    }
}

impl Error for Asked {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.fetch_add(1, Relaxed);
        None
    }
}

fn asked<T>(read: impl FnOnce(Asked) -> T) -> u32 {
    let asked = Arc::default();
    read(Asked(Arc::clone(&asked)));
    asked.load(Relaxed)
}

#[test]
fn failure_walks_along_its_error_once() {
    let rules = Classifier::default().rule(|error| error.is::<fmt::Error>().then_some(LlmError));
    assert_eq!(asked(|error| Failure::new(error, ProviderFailure, now())), 1);
    assert_eq!(asked(|error| Failure::new(error, ContextOverflow, now())), 1);
    assert_eq!(asked(|error| Failure::classified(error, &rules, now())), 1);
    assert_eq!(asked(|error| Failure::classified(around("outer", error), &rules, now())), 1);
    let questions = asked(|error| {
        let failure = Failure::classified(error, &rules, now());
        (failure.fault(), failure.counts(), failure.failure_class(), failure.scenario())
    });
    assert_eq!(questions, 1);
    assert_eq!(asked(|error| Fault::from_error(&error, now())), 1);
    assert_eq!(asked(|error| classify_error(&error)), 1);
}

#[test]
fn failure_keeps_the_note_of_its_walk() {
    let error = around("outer", around("inner", fmt::Error));
    let noted = |error: &(dyn Error + 'static), note: &mut Option<Vec<String>>| {
        note.get_or_insert_default().push(error.to_string());
    };
    let failure = Failure::classified_with(error, &Classifier::default(), now(), noted);
    let texts: Vec<_> = ["outer", "inner"].map(str::to_owned).into();
    let texts = [texts, vec![fmt::Error.to_string()]].concat();
    assert_eq!(failure.note(), Some(&texts));
    assert_eq!(failure.note::<u8>(), None, "a note of another type");
    let plain = Failure::classified(fmt::Error, &Classifier::default(), now());
    assert_eq!(plain.note::<Vec<String>>(), None);
}

#[test]
fn failure_inside_an_error_is_read_as_the_fault_it_keeps() {
    let asks = FaultError::of(FaultKind::RateLimit, "slow down");
    let mut fault = asks.fault;
    fault.asked = Some(Duration::from_secs(9));
    let asks = FaultError::new(fault, FaultDetails::default());
    let failure = Failure::new(asks, ContextOverflow, now());
    let fault = failure.fault();
    assert_eq!((fault.kind, fault.asked), (FaultKind::ContextLength, Some(Duration::from_secs(9))));
    assert_eq!(Fault::from_error(&around("503", failure), now()), fault);
}

#[test]
fn fault_rule_tells_all_facts_of_a_type() {
    let quota = |error: &(dyn Error + 'static), _| {
        error.is::<fmt::Error>().then(|| Fault::of(FaultKind::Quota))
    };
    let classifier = Classifier::default().fault_rule(quota);
    let failure = Failure::classified(around("timed out", fmt::Error), &classifier, now());
    assert_eq!((failure.fault(), failure.counts()), (Fault::of(FaultKind::Quota), false));
    assert_eq!(classifier.classify(&fmt::Error, now()), ProviderFailure);

    // A rule for the scenario knows better.
    let both = classifier.rule(|error| error.is::<fmt::Error>().then_some(ToolExecutionError));
    let failure = Failure::classified(fmt::Error, &both, now());
    assert_eq!(failure.scenario(), ToolExecutionError);
}
