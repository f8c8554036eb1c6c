//! The errors of `async-openai`.

use std::error::Error;

use ::async_openai::error::{ApiErrorResponse, OpenAIError, StreamError};
use chrono::{DateTime, Utc};
use runtime_resilience::{Fault, FaultBasis, FaultKind, Provider, Reach};
use serde_json::{Value, json};

/// The fault of an error of `async-openai`; `None` if the error's source or its text decides.
///
/// It is a rule of a [`Classifier`](runtime_resilience::Classifier).
///
/// | the error | its fault |
/// |---|---|
/// | a reply with an error | by its status, code, type and message |
/// | an answer that is not as expected | by its body if that is an error, else malformed |
/// | an event of a stream that is not as expected | the same |
/// | an error of a layer | its own, by its type and its sources' types |
/// | an argument that was refused before sending | request, not sent |
/// | a file that cannot be read or written | local |
///
/// The provider is `OpenAI`; [`async_openai_at`] is for others with its API.
pub fn async_openai(error: &(dyn Error + 'static), now: DateTime<Utc>) -> Option<Fault> {
    async_openai_at(Provider::OpenAi, error, now)
}

/// As [`async_openai`], for errors of a client of this provider.
pub fn async_openai_at(
    at: Provider,
    error: &(dyn Error + 'static),
    now: DateTime<Utc>,
) -> Option<Fault> {
    match error.downcast_ref()? {
        OpenAIError::ApiError(reply) => Some(of_reply(at, reply, now)),
        OpenAIError::JSONDeserialize(_, body) => Some(of_answer(at, body, now)),
        OpenAIError::StreamError(error) => match &**error {
            StreamError::UnknownEvent(event) => Some(of_answer(at, &event.data, now)),
            StreamError::EventStream(_) => None,
        },
        // The variant is transparent: its source is that of the layer's error, which is thereby skipped.
        OpenAIError::Boxed(error) => Fault::from_type(&**error),
        OpenAIError::InvalidArgument(_) => Some(unsent(FaultKind::Request)),
        OpenAIError::FileReadError(_) | OpenAIError::FileSaveError(_) => {
            Some(unsent(FaultKind::Local))
        }
        // Its source is the error of `reqwest`.
        OpenAIError::Reqwest(_) => None,
    }
}

fn of_reply(at: Provider, reply: &ApiErrorResponse, now: DateTime<Utc>) -> Fault {
    let body = json!({ "error": reply.api_error });
    Fault::from_json(at, reply.status_code.as_u16(), &(), &body, now)
}

/// A body that is no answer: an error in a form that the client does not know, or nothing at all.
fn of_answer(at: Provider, body: &str, now: DateTime<Utc>) -> Fault {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let fault = Fault::from_stream_error(at, &body, now);
    let known = matches!(fault.basis, FaultBasis::Row(_));
    if known { fault } else { Fault::of(FaultKind::Malformed) }
}

fn unsent(kind: FaultKind) -> Fault {
    let mut fault = Fault::of(kind);
    fault.reach = Reach::NotSent;
    fault
}
