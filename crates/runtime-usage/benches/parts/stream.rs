//! Reading usage from a stream.

use std::hint::black_box;

use criterion::Criterion;
use runtime_usage::{StreamUsage, UsageFormat};
use serde_json::{Value, json};

/// A long answer: 999 pieces of text, and the usage at the end.
fn chunks() -> Vec<Value> {
    let text = json!({
        "id": "chatcmpl-123", "object": "chat.completion.chunk", "created": 1_779_200_000,
        "model": "gpt-5-2026-05-14", "service_tier": "default", "usage": null,
        "choices": [{"index": 0, "delta": {"content": " token"}, "finish_reason": null}],
    });
    let mut end = text.clone();
    end["choices"] = json!([]);
    end["usage"] = usage();
    let mut chunks = vec![text; 999];
    chunks.push(end);
    chunks
}

/// A server that reports the usage so far in each of 1,000 chunks.
fn reporting() -> Vec<Value> {
    let mut chunks = chunks();
    for chunk in &mut chunks {
        chunk["usage"] = usage();
    }
    chunks
}

fn usage() -> Value {
    json!({
        "prompt_tokens": 2_006, "completion_tokens": 999, "total_tokens": 3_005,
        "prompt_tokens_details": {"cached_tokens": 1_920, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    })
}

pub(crate) fn streams(c: &mut Criterion) {
    for (name, chunks) in [
        ("usage/stream_fold_1000_chunks", chunks()),
        ("usage/stream_fold_1000_reports", reporting()),
    ] {
        c.bench_function(name, |b| {
            b.iter(|| {
                let mut stream = StreamUsage::new(UsageFormat::OpenAiChat);
                for chunk in &chunks {
                    stream.push(black_box(chunk)).unwrap();
                }
                stream.usage()
            });
        });
    }
    c.bench_function("usage/read_openai_chat", |b| {
        let body = json!({"model": "gpt-5-2026-05-14", "usage": usage()});
        b.iter(|| UsageFormat::OpenAiChat.read(black_box(&body)));
    });
}
