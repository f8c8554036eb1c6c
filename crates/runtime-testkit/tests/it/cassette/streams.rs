//! Streams: the same chunks, at the same times, with the same end.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use runtime_events::{Clock as _, ManualClock, Sleeper as _};
use runtime_testkit::cassette::{End, Tape};
use serde_json::json;

use super::{BoxError, Case, block_on};

const SECOND: Duration = Duration::from_secs(1);

/// The chunks of a stream with the seconds at which they come; `Err` is an error in the stream.
async fn read(tape: &Tape, most: usize) -> Vec<(u64, Result<u32, String>)> {
    let begun = tape.clock().now();
    let clock = tape.clock();
    let open = async || {
        let clock = tape.clock();
        clock.sleep(SECOND).await;
        let items = [Ok(1), Ok(2), Err("the connection broke"), Ok(3)];
        let items = stream::iter(items).then(move |item| {
            let sleep = clock.sleep(SECOND * 2);
            async move {
                sleep.await;
                item
            }
        });
        Ok::<_, BoxError>(items)
    };
    let chunks = tape.stream(&json!("count"), open).await.unwrap();
    let told = chunks.take(most).map(|chunk| {
        let seconds = (clock.now() - begun).as_secs();
        (seconds, chunk.map_err(|error| error.to_string()))
    });
    told.collect().await
}

#[test]
fn a_stream_that_breaks_breaks_again_at_the_same_time() {
    let case = Case::new();
    let tape = case.cassette().time(ManualClock::skipping()).record().unwrap();
    let recorded = block_on(read(&tape, 9));
    let broke = "the connection broke".to_owned();
    assert_eq!(recorded, [(3, Ok(1)), (5, Ok(2)), (7, Err(broke))]);
    let tape = case.play();
    assert_eq!(block_on(read(&tape, 9)), recorded);
    tape.finish().unwrap();
}

#[test]
fn without_its_timing_a_stream_is_there_at_once() {
    let case = Case::new();
    let tape = case.cassette().time(ManualClock::skipping()).record().unwrap();
    let recorded = block_on(read(&tape, 9));
    let played = block_on(read(&case.cassette().untimed().play().unwrap(), 9));
    assert!(played.iter().all(|(seconds, _)| *seconds == 0));
    let chunks =
        |all: &[(u64, Result<u32, String>)]| all.iter().map(|it| it.1.clone()).collect::<Vec<_>>();
    assert_eq!(chunks(&played), chunks(&recorded));
}

#[test]
fn a_stream_that_was_left_has_what_was_read() {
    let case = Case::new();
    let tape = case.cassette().time(ManualClock::skipping()).record().unwrap();
    let recorded = block_on(read(&tape, 1));
    let recordings = case.cassette().recordings().unwrap();
    assert_eq!((recordings[0].chunks.len(), &recordings[0].end), (1, &End::Dropped));
    assert_eq!(block_on(read(&case.play(), 1)), recorded);
}

#[test]
fn a_stream_that_does_not_open_does_not_open_again() {
    let case = Case::new();
    for open in [Case::record, Case::play] {
        let tape = open(&case);
        let call = async || Err::<stream::Empty<Result<u32, BoxError>>, _>("overloaded");
        let error = block_on(tape.stream(&json!(1), call)).unwrap_err();
        assert_eq!(error.to_string(), "overloaded");
    }
}
