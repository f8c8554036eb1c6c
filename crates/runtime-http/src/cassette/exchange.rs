//! One request, and its reply.

use http::header::{CONNECTION, SET_COOKIE, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue, Response, StatusCode};
use runtime_events::Clock as _;
use runtime_orchestrator::BoxError;
use runtime_resilience::{Classifier, Failure};
use runtime_testkit::cassette::{Begun, Port, Tape};
use serde_json::{Map, Value, json};

use super::HttpTape;
use super::body::TapeBody;
use crate::call::{Asked, Call, Layered, Rewritten};

/// The headers that say how one connection carries a reply, and those that nobody should keep.
const LEFT_OUT: [HeaderName; 3] = [CONNECTION, SET_COOKIE, TRANSFER_ENCODING];

/// Makes an exchange and records it, or plays it.
impl Layered for HttpTape {
    type Caller = ();
    type Body<B> = TapeBody<B>;

    fn caller(&self) {}

    async fn made<C: Call>(
        self,
        (): (),
        mut call: C,
    ) -> Result<Response<TapeBody<C::Body>>, C::Error> {
        let Self { tape } = self;
        let of_tape = |error| of_tape::<C>(error, &tape);
        match tape.begin(Port::Http, "", asked(call.asked())).map_err(of_tape)? {
            Begun::Live(mut record) => match call.send(Rewritten::default()).await {
                Ok(reply) => {
                    record.open(head(&reply));
                    Ok(reply.map(|body| TapeBody::recorded(body, record)))
                }
                Err(error) => {
                    record.fails(C::inside(&error));
                    Err(error)
                }
            },
            Begun::Known(replay) => {
                let head = replay.opened().await.map_err(of_tape)?.clone();
                Ok(reply(&head, TapeBody::played(replay)))
            }
        }
    }
}

/// The recorded error, or that there is none.
fn of_tape<C: Call>(error: BoxError, tape: &Tape) -> C::Error {
    let now = || tape.clock().utc_now();
    let read = |error| Failure::classified(error, &Classifier::default(), now());
    C::refused(error.downcast::<Failure>().map_or_else(read, |failure| *failure))
}

/// What makes two requests the same.
fn asked(Asked { method, uri, body, .. }: Asked<'_>) -> Value {
    let mut asked = Map::new();
    asked.insert("method".to_owned(), method.as_str().into());
    if let Some(host) = uri.authority() {
        asked.insert("host".to_owned(), host.as_str().into());
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    asked.insert("path".to_owned(), path.into());
    if !body.is_empty() {
        let text = || String::from_utf8_lossy(body).into_owned().into();
        let body = serde_json::from_slice(body).unwrap_or_else(|_| text());
        asked.insert("body".to_owned(), body);
    }
    Value::Object(asked)
}

fn head<R>(reply: &Response<R>) -> Value {
    let kept = reply.headers().iter().filter(|(name, _)| !LEFT_OUT.contains(name));
    let headers = kept.filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
    json!({ "status": reply.status().as_u16(), "headers": headers.collect::<Vec<_>>() })
}

fn reply<B>(head: &Value, body: TapeBody<B>) -> Response<TapeBody<B>> {
    let mut reply = Response::new(body);
    let status = head["status"].as_u64().and_then(|status| u16::try_from(status).ok());
    let status = status.and_then(|status| StatusCode::from_u16(status).ok());
    *reply.status_mut() = status.unwrap_or_default();
    for header in head["headers"].as_array().into_iter().flatten() {
        let [name, value] = [0, 1].map(|place| header[place].as_str().unwrap_or_default());
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            reply.headers_mut().append(name, value);
        }
    }
    reply
}
