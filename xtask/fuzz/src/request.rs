//! Any body of a request is asked for its model, its limits and its estimate.
#![no_main]

use http::{Method, Uri};
use libfuzzer_sys::fuzz_target;
use runtime_http::Ask;

const HOSTS: [&str; 4] = [
    "https://api.openai.com",
    "https://api.anthropic.com",
    "http://localhost:11434",
    "https://bedrock-runtime.us-east-1.amazonaws.com",
];

fuzz_target!(|text: &str| {
    // A line with the path, and the body.
    let Some((path, body)) = text.split_once('\n') else { return };
    for host in HOSTS {
        if let Ok(uri) = format!("{host}{path}").parse::<Uri>() {
            let _ = Ask::of(&Method::POST, &uri, body.as_bytes());
        }
    }
});
