//! A reply says the same in whichever pieces its bytes come: events, lines, messages of Bedrock and whole bodies.
#![no_main]

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::{Method, Uri};
use libfuzzer_sys::fuzz_target;
use runtime_http::{Ask, Framing, Meter};

const URLS: [&str; 6] = [
    "https://api.openai.com/v1/chat/completions",
    "https://api.openai.com/v1/responses",
    "https://api.anthropic.com/v1/messages",
    "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent",
    "http://localhost:11434/api/chat",
    "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2/converse-stream",
];
const FRAMINGS: [Framing; 4] = [Framing::Whole, Framing::Events, Framing::Lines, Framing::Messages];

/// A line with the numbers of a URL, of a framing and of the bytes of each piece, and the bytes of the reply.
fn cut(bytes: &[u8]) -> Option<(&'static str, Framing, Vec<usize>, Bytes)> {
    let end = bytes.iter().position(|byte| *byte == b'\n')?;
    let head = str::from_utf8(&bytes[..end]).ok()?;
    let mut numbers = head.split(' ').filter_map(|word| word.parse().ok());
    let url = *URLS.get(numbers.next()?)?;
    let framing = *FRAMINGS.get(numbers.next()?)?;
    Some((url, framing, numbers.collect(), Bytes::copy_from_slice(&bytes[end + 1..])))
}

fuzz_target!(|bytes: &[u8]| {
    let Some((url, framing, cuts, reply)) = cut(bytes) else { return };
    let uri = Uri::from_static(url);
    let request = br#"{"model":"m","stream":true,"messages":[]}"#;
    let ask = Ask::of(&Method::POST, &uri, request).expect("it is a call");

    let read = |pieces: &mut dyn Iterator<Item = Bytes>| {
        let mut meter = Meter::new(&ask, framing, UNIX_EPOCH);
        for piece in pieces {
            meter.push(&piece);
        }
        meter.finish();
        (meter.usage(), meter.has_ended(), meter.error().cloned())
    };
    let whole = read(&mut std::iter::once(reply.clone()));
    let mut rest = reply.clone();
    let mut pieces: Vec<_> = cuts.iter().map(|cut| rest.split_to((*cut).min(rest.len()))).collect();
    pieces.push(rest);
    assert_eq!(read(&mut pieces.into_iter()), whole);
});
