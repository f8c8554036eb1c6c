//! Any JSON is usage or an error that names its field, whole and as a stream, and a refused event leaves no trace.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runtime_usage::{StreamUsage, UsageFormat};
use serde_json::Value;

const FORMATS: [UsageFormat; 7] = [
    UsageFormat::OpenAiChat,
    UsageFormat::OpenAiResponses,
    UsageFormat::OpenRouter,
    UsageFormat::Anthropic,
    UsageFormat::Gemini,
    UsageFormat::Bedrock,
    UsageFormat::Ollama,
];

fuzz_target!(|text: &str| {
    let events: Vec<Value> =
        text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    for format in FORMATS {
        let mut stream = StreamUsage::new(format);
        for event in &events {
            if let Err(error) = format.read(event) {
                assert!(!error.field.is_empty(), "{error}");
            }
            let before = stream.usage();
            if stream.push(event).is_err() {
                assert_eq!(stream.usage(), before, "a refusal left a trace");
            }
        }
    }
});
