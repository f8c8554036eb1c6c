//! Amazon's binary event stream, as Bedrock's two streamed operations send it.
//!
//! Each message has headers that name its event or its exception, and a JSON payload. `ConverseStream`
//! has its facts there; `InvokeModelWithResponseStream` has them in the Base64 of a `chunk`, in the
//! form of the model's maker. Sources: `ConverseStreamOutput` and `ResponseStream`, Amazon Bedrock API
//! reference; *Amazon Event Stream*, Smithy specification.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use aws_smithy_types::base64;
use aws_smithy_types::event_stream::Message;
use bytes::{Buf, Bytes, BytesMut};
use serde_json::{Value, json};

/// A longer message is not read: its usage is lost, and the stream is billed as an estimate.
const LONGEST: usize = 16 * 1024 * 1024;

/// What a message says.
#[derive(Debug)]
pub(super) enum Told {
    /// A part of the answer. An event of `ConverseStream` is under its name.
    Part(Value),
    /// An exception under its name, as rows of faults know it.
    Failed(Value),
    /// The bytes are no event stream.
    Broken(String),
}

/// The messages of a stream.
#[derive(Debug, Default)]
pub(super) struct Messages {
    decoder: MessageFrameDecoder,
    /// The beginning of the next message.
    rest: BytesMut,
    given_up: bool,
}

impl Messages {
    /// Calls `take` with each message that `bytes` complete.
    pub(super) fn push(&mut self, bytes: &Bytes, mut take: impl FnMut(Told)) {
        if self.given_up {
            return;
        }
        if self.rest.is_empty() {
            // Whole messages are read where they are.
            let mut bytes = bytes.clone();
            self.read(&mut bytes, &mut take);
            self.rest.extend_from_slice(&bytes);
        } else {
            self.rest.extend_from_slice(bytes);
            let mut rest = std::mem::take(&mut self.rest);
            self.read(&mut rest, &mut take);
            self.rest = rest;
        }
        self.given_up |= self.rest.len() > LONGEST;
        if self.given_up {
            self.rest = BytesMut::new();
        }
    }

    fn read(&mut self, bytes: &mut impl Buf, take: &mut impl FnMut(Told)) {
        while !self.given_up {
            match self.decoder.decode_frame(&mut *bytes) {
                Ok(DecodedFrame::Complete(message)) => {
                    told(&message).into_iter().for_each(&mut *take);
                }
                Ok(DecodedFrame::Incomplete) => return,
                Err(error) => {
                    self.given_up = true;
                    take(Told::Broken(format!("the answer is no event stream: {error}")));
                }
            }
        }
    }
}

/// What a message says, if it is one that matters.
fn told(message: &Message) -> Option<Told> {
    let header = |name: &str| {
        let header = message.headers().iter().find(|header| header.name().as_str() == name)?;
        Some(header.value().as_string().ok()?.as_str())
    };
    let payload = || serde_json::from_slice(message.payload()).unwrap_or(Value::Null);
    match header(":message-type")? {
        "event" => match header(":event-type")? {
            "chunk" => {
                let payload: Value = payload();
                let bytes = base64::decode(payload.get("bytes")?.as_str()?).ok()?;
                serde_json::from_slice(&bytes).ok().map(Told::Part)
            }
            name => Some(Told::Part(json!({ name: payload() }))),
        },
        "exception" => Some(Told::Failed(json!({ header(":exception-type")?: payload() }))),
        // What the service could not describe as an exception.
        "error" => {
            let code = header(":error-code").unwrap_or_default();
            let message = header(":error-message").unwrap_or_default();
            Some(Told::Failed(json!({ "error": { "code": code, "message": message } })))
        }
        _ => None,
    }
}
