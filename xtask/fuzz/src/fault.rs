//! Any reply is a fault, whose waits and texts stay in their bounds.
#![no_main]

use std::time::Duration;

use chrono::DateTime;
use libfuzzer_sys::fuzz_target;
use runtime_resilience::{Fault, FaultDetails, Provider, Reach};

/// A line with a provider and a status, lines of headers, an empty line, and the body.
fn reply(text: &str) -> Option<(Provider, u16, Vec<(&str, &str)>, &str)> {
    let (head, body) = text.split_once("\n\n")?;
    let mut lines = head.lines();
    let (provider, status) = lines.next()?.split_once(' ')?;
    let provider = Provider::ALL.iter().find(|known| known.as_str() == provider)?;
    let headers = lines.filter_map(|line| line.split_once(": ")).collect();
    Some((*provider, status.parse().ok()?, headers, body))
}

fuzz_target!(|text: &str| {
    let Some((provider, status, headers, body)) = reply(text) else { return };
    let (now, body) = (DateTime::UNIX_EPOCH + Duration::from_secs(1_780_000_000), body.as_bytes());
    let fault = Fault::from_response(provider, status, &headers, body, now);
    assert!(fault.reach != Reach::NotSent, "a reply came, so it was sent");
    if let Ok(value) = serde_json::from_slice(body) {
        assert_eq!(Fault::from_json(provider, status, &headers, &value, now), fault);
        assert_eq!(Fault::from_stream_error(provider, &value, now).reach, Reach::Unknown);
    }
    let details = FaultDetails::from_response(&headers, body);
    let texts = [details.code, details.error_type, details.message, details.request_id];
    assert!(texts.iter().flatten().all(|text| text.chars().count() <= 1_500));
});
