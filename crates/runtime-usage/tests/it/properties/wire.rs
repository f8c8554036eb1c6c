//! Reported usage, written from known counts as each provider writes it.

mod shapes;

use proptest::collection::vec;
use proptest::prelude::*;
use runtime_usage::{ReportedUsage, ReportedUsageError, StreamUsage, UsageSnapshot};
use serde_json::{Value, json};

use self::shapes::{SHAPES, Shape};

fn count() -> impl Strategy<Value = u64> {
    prop_oneof![Just(0), 0..10_u64, 0..2_000_000_u64, 0..1_u64 << 40]
}

prop_compose! {
    fn any_counts()(
        (input, output, write, read) in (count(), count(), count(), count()),
        (hour, heard, spoken) in (count(), count(), count()),
        share in 0..=100_u64,
    ) -> UsageSnapshot {
        UsageSnapshot::new(input, output)
            .cache_write(write)
            .cache_read(read)
            .cache_write_1h(hour)
            .input_audio(heard)
            .output_audio(spoken)
            .reasoning(output / 100 * share)
    }
}

fn any_shape() -> impl Strategy<Value = &'static Shape> {
    (0..SHAPES.len()).prop_map(|shape| &SHAPES[shape])
}

/// JSON of any kind, with the names that providers use.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        count().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(shapes::TEXTS).prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 8, |inner| {
        prop_oneof![
            1 => vec(inner.clone(), 0..4).prop_map(Value::from),
            4 => vec((prop::sample::select(shapes::NAMES), inner), 0..8)
                .prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn fed(mut stream: StreamUsage, events: &[Value]) -> Result<StreamUsage, ReportedUsageError> {
    events.iter().try_for_each(|event| stream.push(event))?;
    Ok(stream)
}

/// Whether every count of the first is at least that of the second.
fn covers(more: &UsageSnapshot, less: &UsageSnapshot) -> bool {
    let counts = |usage: &UsageSnapshot| {
        [
            usage.input_tokens,
            usage.output_tokens,
            usage.cache_write_tokens,
            usage.cache_read_tokens,
            usage.cache_write_1h_tokens,
            usage.input_audio_tokens,
            usage.output_audio_tokens,
            usage.reasoning_tokens,
        ]
    };
    counts(more).iter().zip(counts(less)).all(|(more, less)| *more >= less)
}

fn is_sound(usage: &ReportedUsage) -> bool {
    usage.tokens.reasoning_tokens <= usage.tokens.output_tokens
}

proptest! {
    #[test]
    fn counts_round_trip_through_every_provider(shape in any_shape(), counts in any_counts()) {
        let counts = shape.told(&counts);
        let usage = (shape.usage)(&counts);
        let alone = shape.format.read(&usage).unwrap();
        prop_assert_eq!(alone.tokens, counts, "{}: {}", shape.name, &usage);
        prop_assert!(alone.missing.is_empty(), "{} misses {:?}", shape.name, alone.missing);
        let body = (shape.body)(usage);
        prop_assert_eq!(shape.format.read(&body).unwrap().tokens, counts, "{}: {}", shape.name, body);
    }

    #[test]
    fn counts_round_trip_through_every_stream(
        shape in any_shape(),
        (first, last) in (any_counts(), any_counts()),
        texts in vec("[a-zé]{0,40}", 0..5),
    ) {
        let first = shape.told(&first);
        let last = shape.told(&first.saturating_add(&last));
        // A usage of nothing is no report of a text.
        let texts = if last == UsageSnapshot::default() { Vec::new() } else { texts };
        let events = (shape.events)(&first, &last, &texts);
        let stream = fed(StreamUsage::new(shape.format), &events).unwrap();
        prop_assert!(stream.is_complete(), "{}", shape.name);
        let usage = stream.usage();
        prop_assert_eq!(usage.tokens, last, "{}: {:?}", shape.name, &events);
        prop_assert!(!usage.estimated);
    }

    #[test]
    fn repeated_report_changes_nothing(
        shape in any_shape(),
        (first, last) in (any_counts(), any_counts()),
        times in vec(1..4_usize, 8),
    ) {
        let first = shape.told(&first);
        let last = shape.told(&first.saturating_add(&last));
        let events = (shape.events)(&first, &last, &[]);
        let repeated: Vec<Value> = events
            .iter()
            .zip(times)
            .flat_map(|(event, times)| vec![event.clone(); times])
            .collect();
        let once = fed(StreamUsage::new(shape.format), &events).unwrap().usage();
        let often = fed(StreamUsage::new(shape.format), &repeated).unwrap().usage();
        prop_assert_eq!(once, often, "{}", shape.name);
    }

    #[test]
    fn any_repeated_json_changes_nothing(shape in any_shape(), usage in any_json()) {
        let event = (shape.body)(usage);
        let once = fed(StreamUsage::new(shape.format), std::slice::from_ref(&event));
        let twice = fed(StreamUsage::new(shape.format), &[event.clone(), event]);
        // Repeated text counts each time, so it is removed.
        let told = |stream: Result<StreamUsage, _>| {
            let mut usage = stream?.usage();
            if usage.estimated {
                usage.tokens.output_tokens = 0;
            }
            Ok::<_, ReportedUsageError>(usage)
        };
        prop_assert_eq!(told(once), told(twice), "{}", shape.name);
    }

    #[test]
    fn cut_stream_is_never_estimated_below_its_reports(
        shape in any_shape(),
        (first, last) in (any_counts(), any_counts()),
        texts in vec("[a-zé]{0,40}", 0..5),
        estimate in count(),
        cut in any::<prop::sample::Index>(),
    ) {
        let first = shape.told(&first);
        let last = shape.told(&first.saturating_add(&last));
        let events = (shape.events)(&first, &last, &texts);
        let seen = &events[..cut.index(events.len() + 1)];
        let stream = fed(StreamUsage::new(shape.format).input_estimate(estimate), seen).unwrap();
        let usage = stream.usage();
        prop_assert!(is_sound(&usage));
        prop_assert_eq!(usage.estimated, !stream.is_complete());

        // The observed counts are those of the same stream without texts and an estimate.
        let silent: Vec<Value> = seen.iter().filter(|event| !shapes::is_text(event)).cloned().collect();
        let observed = fed(StreamUsage::new(shape.format), &silent).unwrap().usage().tokens;
        prop_assert!(covers(&usage.tokens, &observed), "{}: {usage:?} < {observed:?}", shape.name);
        if usage.estimated {
            let texts = seen.iter().filter(|event| shapes::is_text(event)).count();
            let bytes: usize = shape_bytes(&events, texts);
            let streamed = u64::try_from(bytes).unwrap().div_ceil(4);
            prop_assert_eq!(usage.tokens.output_tokens, observed.output_tokens.max(streamed));
            let unseen = observed.total_input_tokens() == 0;
            let input = if unseen { estimate } else { observed.total_input_tokens() };
            prop_assert_eq!(usage.tokens.total_input_tokens(), input);
        } else {
            prop_assert_eq!(usage.tokens, observed);
        }
    }

    #[test]
    fn reading_any_json_does_not_panic(json in any_json(), events in vec(any_json(), 0..4)) {
        for shape in &SHAPES {
            for json in [json.clone(), (shape.body)(json.clone()), json!({"usage": json})] {
                match shape.format.read(&json) {
                    Ok(usage) => prop_assert!(is_sound(&usage), "{}: {usage:?}", shape.name),
                    Err(error) => prop_assert!(!error.field.is_empty(), "{}: {error}", shape.name),
                }
            }
            let mut stream = StreamUsage::new(shape.format);
            for event in &events {
                let before = stream.usage();
                if stream.push(event).is_err() {
                    prop_assert_eq!(stream.usage(), before, "{}: a refusal left a trace", shape.name);
                }
            }
            let usage = stream.usage();
            prop_assert!(is_sound(&usage), "{}: {usage:?}", shape.name);
        }
    }
}

/// The number of bytes in the first texts.
fn shape_bytes(events: &[Value], texts: usize) -> usize {
    let texts = events.iter().filter(|event| shapes::is_text(event)).take(texts);
    texts.map(shapes::text_len).sum()
}
