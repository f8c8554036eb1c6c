//! A reply says the same in whichever pieces its bytes come.

use std::time::UNIX_EPOCH;

use bytes::Bytes;
use http::{Method, Uri};
use proptest::prelude::*;
use runtime_http::{Ask, Framing, Meter};
use runtime_resilience::FaultError;
use runtime_usage::{FinishReason, ReportedUsage, UsageSnapshot};

/// A recorded reply: the URL and the body of its request, the form of its bytes, and the tokens.
struct Recorded {
    url: &'static str,
    request: &'static str,
    framing: Framing,
    reply: Bytes,
    tokens: Result<UsageSnapshot, &'static str>,
}

const ASKS_STREAM: &str = r#"{"model": "m", "stream": true}"#;

fn recorded() -> Vec<Recorded> {
    of_text().into_iter().chain(of_others()).chain(of_bedrock()).collect()
}

#[cfg(not(feature = "bedrock"))]
fn of_bedrock() -> [Recorded; 0] {
    []
}

#[cfg(feature = "bedrock")]
fn of_bedrock() -> [Recorded; 5] {
    use crate::bedrock::{claude, conversation, llama, throttled};

    const CONVERSE: &str =
        "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2/converse-stream";
    const CLAUDE: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/us.anthropic.claude-v2/invoke-with-response-stream";
    const LLAMA: &str = "https://bedrock-runtime.us-east-1.amazonaws.com/model/meta.llama3/invoke-with-response-stream";

    let recorded = |url, reply: Vec<u8>, tokens| Recorded {
        url,
        request: r#"{"messages": []}"#,
        framing: Framing::Messages,
        reply: reply.into(),
        tokens,
    };
    let mut damaged = conversation();
    damaged[40] ^= 1;
    [
        recorded(CONVERSE, conversation(), Ok(UsageSnapshot::new(12, 3))),
        recorded(CONVERSE, throttled(), Err("rate_limit")),
        recorded(CONVERSE, damaged, Err("malformed")),
        recorded(CLAUDE, claude(), Ok(UsageSnapshot::new(25, 15))),
        recorded(LLAMA, llama(), Ok(UsageSnapshot::new(13, 34))),
    ]
}

fn of_text() -> Vec<Recorded> {
    vec![
        Recorded {
            url: "https://api.openai.com/v1/chat/completions",
            request: ASKS_STREAM,
            framing: Framing::Events,
            reply: Bytes::from_static("\u{feff}: comment\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"Grüße \"}}]}\r\n\r\n\
                data: {\"choices\":\ndata: [{\"delta\":{\"content\":\"🌍\"},\"finish_reason\":\"stop\"}]}\n\n\
                data: {\"choices\":[],\"usage\":{\"prompt_tokens\":30,\"completion_tokens\":5,\"total_tokens\":35}}\n\n\
                data: [DONE]\n\n".as_bytes()),
            tokens: Ok(UsageSnapshot::new(30, 5)),
        },
        Recorded {
            url: "https://api.anthropic.com/v1/messages",
            request: ASKS_STREAM,
            framing: Framing::Events,
            reply: Bytes::from_static("event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":25,\"output_tokens\":1}}}\n\n\
                event: ping\ndata: {\"type\": \"ping\"}\n\n\
                event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"Hello\"}}\n\n\
                event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\"},\"usage\":{\"output_tokens\":15}}\n\n\
                event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n".as_bytes()),
            tokens: Ok(UsageSnapshot::new(25, 15)),
        },
        Recorded {
            url: "https://api.anthropic.com/v1/messages",
            request: ASKS_STREAM,
            framing: Framing::Events,
            reply: Bytes::from_static("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"Overloaded\"}}\n\n".as_bytes()),
            tokens: Err("overload"),
        },
        Recorded {
            url: "https://api.openai.com/v1/responses",
            request: ASKS_STREAM,
            framing: Framing::Events,
            reply: Bytes::from_static("data: {\"type\":\"response.created\",\"response\":{\"id\":\"r\",\"error\":null}}\n\n\
                data: {\"type\":\"response.output_text.delta\",\"delta\":\"Hello\"}\n\n\
                data: {\"type\":\"response.completed\",\"response\":{\"status\":\"completed\",\"usage\":{\"input_tokens\":37,\"output_tokens\":11,\"total_tokens\":48}}}\n\n".as_bytes()),
            tokens: Ok(UsageSnapshot::new(37, 11)),
        },
        Recorded {
            url: "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent?alt=sse",
            request: r#"{"contents": []}"#,
            framing: Framing::Events,
            reply: Bytes::from_static("data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}],\"usageMetadata\":{\"promptTokenCount\":4,\"totalTokenCount\":4}}\n\n\
                data: {\"candidates\":[{\"finishReason\":\"STOP\"}],\"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":2,\"totalTokenCount\":6}}\n\n".as_bytes()),
            tokens: Ok(UsageSnapshot::new(4, 2)),
        },
        Recorded {
            url: "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-pro:streamGenerateContent",
            request: r#"{"contents": []}"#,
            framing: Framing::Whole,
            reply: Bytes::from_static("[{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi\"}]}}]},\n{\"candidates\":[{\"finishReason\":\"STOP\"}],\
                \"usageMetadata\":{\"promptTokenCount\":4,\"candidatesTokenCount\":2,\"totalTokenCount\":6}}]".as_bytes()),
            tokens: Ok(UsageSnapshot::new(4, 2)),
        },
        Recorded {
            url: "http://localhost:11434/api/chat",
            request: r#"{"model": "llama3.2"}"#,
            framing: Framing::Lines,
            reply: Bytes::from_static("{\"message\":{\"content\":\"Hi\"},\"done\":false}\n\
                {\"message\":{\"content\":\"\"},\"done\":true,\"done_reason\":\"stop\",\"prompt_eval_count\":26,\"eval_count\":9}".as_bytes()),
            tokens: Ok(UsageSnapshot::new(26, 9)),
        },
        Recorded {
            url: "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-v2/converse",
            request: r#"{"messages": []}"#,
            framing: Framing::Whole,
            reply: Bytes::from_static("{\"output\":{},\"stopReason\":\"end_turn\",\"usage\":{\"inputTokens\":12,\"outputTokens\":3,\"totalTokens\":15}}".as_bytes()),
            tokens: Ok(UsageSnapshot::new(12, 3)),
        },
        Recorded {
            url: "https://openrouter.ai/api/v1/chat/completions",
            request: r#"{"model": "m"}"#,
            framing: Framing::Whole,
            reply: Bytes::from_static("{\"error\":{\"code\":402,\"message\":\"Insufficient credits\"}}".as_bytes()),
            tokens: Err("quota"),
        },
        Recorded {
            url: "https://api.openai.com/v1/chat/completions",
            request: r#"{"model": "m"}"#,
            framing: Framing::Whole,
            reply: Bytes::from_static("{\"choices\":[{\"message\":{\"content\":\"cut of".as_bytes()),
            tokens: Err("network"),
        },
    ]
}

fn of_others() -> Vec<Recorded> {
    vec![
        Recorded {
            url: "https://api.cohere.com/v2/chat",
            request: r#"{"model": "command-a", "messages": [], "stream": true}"#,
            framing: Framing::Events,
            reply: Bytes::from_static("event: message-start\ndata: {\"type\":\"message-start\",\"id\":\"1\",\"delta\":{\"message\":{\"role\":\"assistant\"}}}\n\n\
                event: content-delta\ndata: {\"type\":\"content-delta\",\"index\":0,\"delta\":{\"message\":{\"content\":{\"text\":\"Hi\"}}}}\n\n\
                event: message-end\ndata: {\"type\":\"message-end\",\"delta\":{\"finish_reason\":\"COMPLETE\",\"usage\":{\"billed_units\":{\"input_tokens\":17,\"output_tokens\":12}}}}\n\n".as_bytes()),
            tokens: Ok(UsageSnapshot::new(17, 12)),
        },
        Recorded {
            url: "https://api.cohere.com/v1/chat",
            request: r#"{"model": "command-r", "message": "Hi"}"#,
            framing: Framing::Whole,
            reply: Bytes::from_static("{\"text\":\"Hi\",\"generation_id\":\"1\",\"finish_reason\":\"COMPLETE\",\"meta\":{\"billed_units\":{\"input_tokens\":17,\"output_tokens\":12}}}".as_bytes()),
            tokens: Ok(UsageSnapshot::new(17, 12)),
        },
        Recorded {
            url: "https://generativelanguage.googleapis.com/v1beta/interactions",
            request: r#"{"model": "gemini-3-pro", "input": "Hi", "stream": true}"#,
            framing: Framing::Events,
            reply: Bytes::from_static("data: {\"event_type\":\"interaction.created\",\"interaction\":{\"id\":\"1\",\"status\":\"in_progress\"}}\n\n\
                data: {\"event_type\":\"step.delta\",\"index\":0,\"delta\":{\"type\":\"text\",\"text\":\"Hi\"}}\n\n\
                data: {\"event_type\":\"interaction.completed\",\"interaction\":{\"status\":\"completed\",\"usage\":{\"total_input_tokens\":4,\"total_output_tokens\":2,\"total_tokens\":6}}}\n\n\
                data: [DONE]\n\n".as_bytes()),
            tokens: Ok(UsageSnapshot::new(4, 2)),
        },
        Recorded {
            url: "https://gateway.our.test/v1/chat/completions",
            request: r#"{"model": "m", "messages": []}"#,
            framing: Framing::Whole,
            reply: Bytes::from_static("\u{feff}{\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3,\"total_tokens\":15}}".as_bytes()),
            tokens: Ok(UsageSnapshot::new(12, 3)),
        },
        Recorded {
            url: "https://us-central1-aiplatform.googleapis.com/v1/publishers/mistralai/models/m:rawPredict",
            request: r#"{"model": "m", "messages": []}"#,
            framing: Framing::Whole,
            reply: Bytes::from_static("{\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},\"finish_reason\":\"stop\"}],\"usage\":{\"prompt_tokens\":12,\"completion_tokens\":3,\"total_tokens\":15}}".as_bytes()),
            tokens: Ok(UsageSnapshot::new(12, 3)),
        },
    ]
}

fn read(recorded: &Recorded, cuts: &[usize]) -> (Option<ReportedUsage>, bool, Option<FaultError>) {
    let uri: Uri = recorded.url.parse().expect("it is a URL");
    let ask = Ask::of(&Method::POST, &uri, recorded.request.as_bytes()).expect("it is a call");
    let mut meter = Meter::new(&ask, recorded.framing, UNIX_EPOCH);
    let reply = &recorded.reply;
    let mut from = 0;
    for cut in cuts {
        let to = (*cut % (reply.len() + 1)).max(from);
        meter.push(&reply.slice(from..to));
        from = to;
    }
    meter.push(&reply.slice(from..));
    meter.finish();
    (meter.usage(), meter.has_ended(), meter.error().cloned())
}

#[test]
fn recorded_replies_have_their_tokens_or_their_fault() {
    for recorded in recorded() {
        let (usage, _, error) = read(&recorded, &[]);
        match recorded.tokens {
            Ok(tokens) => {
                let usage = usage.expect("it has usage");
                assert_eq!((usage.tokens, usage.estimated), (tokens, false), "{}", recorded.url);
                assert_eq!(usage.finish_reasons[0], Some(FinishReason::Stop), "{}", recorded.url);
                assert_eq!(error, None, "{}", recorded.url);
            }
            Err(kind) => {
                let error = error.expect("it is an error");
                assert_eq!(error.fault.kind.as_str(), kind, "{}", recorded.url);
            }
        }
    }
}

#[test]
fn last_event_counts_without_the_blank_line_behind_it() {
    let last = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}],\
        \"usage\":{\"prompt_tokens\":30,\"completion_tokens\":5,\"total_tokens\":35}}";
    let first = "data: {\"choices\":[{\"delta\":{\"content\":\"Hi\"}}]}\n\n";
    let of = |reply: String| Recorded {
        url: "https://api.openai.com/v1/chat/completions",
        request: ASKS_STREAM,
        framing: Framing::Events,
        reply: reply.into(),
        tokens: Ok(UsageSnapshot::new(30, 5)),
    };
    for end in ["", "\n", "\r\n"] {
        let (usage, ..) = read(&of(format!("{first}{last}{end}")), &[]);
        let usage = usage.expect("it has usage");
        assert_eq!((usage.tokens, usage.estimated), (UsageSnapshot::new(30, 5), false), "{end:?}");
        let (_, has_ended, error) = read(&of(format!("{first}data: [DONE]{end}")), &[]);
        assert!(has_ended && error.is_none(), "{end:?}");
        // What was cut is nothing.
        let (usage, has_ended, error) = read(&of(format!("{first}{}{end}", &last[..40])), &[]);
        assert!(usage.expect("a part came").estimated && !has_ended && error.is_none());
        assert_eq!(read(&of(format!("{}{end}", &last[..40])), &[]), (None, false, None));
    }
}

/// Servers send events as `text/plain`, as JSON or without a type, and errors as events.
#[test]
fn text_is_read_as_what_it_is_and_not_as_what_its_head_says() {
    for mut recorded in of_text().into_iter().chain(of_others()) {
        let own = read(&recorded, &[]);
        // One object on one line may be both.
        let is_line = recorded.framing == Framing::Whole && !recorded.reply.starts_with(b"[");
        for framing in [Framing::Whole, Framing::Events, Framing::Lines] {
            if is_line && framing == Framing::Lines {
                continue;
            }
            recorded.framing = framing;
            assert_eq!(read(&recorded, &[]), own, "{} {framing:?}", recorded.url);
        }
    }
}

#[test]
fn one_byte_after_the_other_is_the_whole() {
    for recorded in recorded() {
        let each: Vec<_> = (1..recorded.reply.len()).collect();
        assert_eq!(read(&recorded, &each), read(&recorded, &[]), "{}", recorded.url);
    }
}

proptest! {
    #[test]
    fn any_pieces_are_the_whole(
        which in 0..recorded().len(),
        mut cuts in proptest::collection::vec(0..2_000_usize, 0..40),
    ) {
        let recorded = &recorded()[which];
        let len = recorded.reply.len() + 1;
        for cut in &mut cuts {
            *cut %= len;
        }
        cuts.sort_unstable();
        prop_assert_eq!(read(recorded, &cuts), read(recorded, &[]));
    }
}
