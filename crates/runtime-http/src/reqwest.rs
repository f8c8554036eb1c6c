//! Requests and replies of `reqwest`.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Uri;
use http::header::CONTENT_LENGTH;
use http_body::Body as _;
use reqwest_0_13::{Body, Request, Response};
use runtime_orchestrator::BoxError;

use crate::turns::Rewritten;

/// The URL and the body of a request, which share their memory; `None` if the body is a stream.
pub(crate) fn uri_and_body(request: &mut Request) -> Option<(Uri, Bytes)> {
    let uri = request.url().as_str().parse().ok()?;
    request.body()?.as_bytes()?;
    let mut body = request.body_mut().take()?;
    // A body of bytes has one frame, which is ready.
    let frame = Pin::new(&mut body).poll_frame(&mut Context::from_waker(Waker::noop()));
    let bytes = match frame {
        Poll::Ready(Some(Ok(frame))) => frame.into_data().unwrap_or_default(),
        _ => Bytes::new(),
    };
    *request.body_mut() = Some(bytes.clone().into());
    Some((uri, bytes))
}

/// The request of an attempt, with its changes. `None` if its URL is none of `reqwest`'s: it must not go to
/// the client's own, with the key of another place.
pub(crate) fn rewritten(request: &Request, from: &Uri, new: &Rewritten) -> Option<Request> {
    // Its body is bytes.
    let mut copy = request.try_clone()?;
    if let Some(uri) = new.uri(from, copy.headers_mut()) {
        *copy.url_mut() = uri.to_string().parse().ok()?;
    }
    if let Some(body) = &new.body {
        copy.headers_mut().remove(CONTENT_LENGTH);
        *copy.body_mut() = Some(body.clone().into());
    }
    Some(copy)
}

/// Why an attempt has no request.
pub(crate) const NO_URL: &str = "the base of the place is no URL that `reqwest` takes";

/// A reply as one of the crate `http`. Its URL is an extension.
pub(crate) fn open(reply: Response) -> http::Response<Body> {
    let url = reply.url().clone();
    let mut reply = http::Response::<Body>::from(reply);
    reply.extensions_mut().insert(Url(url));
    reply
}

/// Gives a reply that came from nowhere the URL that was asked.
#[cfg(feature = "cassette")]
pub(crate) fn asked_at<B>(reply: &mut http::Response<B>, url: reqwest_0_13::Url) {
    reply.extensions_mut().get_or_insert_with(|| Url(url));
}

/// As [`uri_and_body`], also for a request without a body.
#[cfg(feature = "cassette")]
pub(crate) fn uri_and_any_body(request: &mut Request) -> Option<(Uri, Bytes)> {
    match request.body() {
        Some(_) => uri_and_body(request),
        None => Some((request.url().as_str().parse().ok()?, Bytes::new())),
    }
}

/// The reply again.
pub(crate) fn close<B>(reply: http::Response<B>) -> Response
where
    B: http_body::Body<Data = Bytes> + Send + Sync + 'static,
    B::Error: Into<BoxError>,
{
    let url = reply.extensions().get::<Url>().cloned();
    let reply = reply.map(Body::wrap);
    let reply = match url {
        Some(Url(url)) => with_url(reply, url),
        None => reply,
    };
    reply.into()
}

#[derive(Clone)]
struct Url(reqwest_0_13::Url);

fn with_url(reply: http::Response<Body>, url: reqwest_0_13::Url) -> http::Response<Body> {
    use reqwest_0_13::ResponseBuilderExt as _;
    let (mut parts, body) = reply.into_parts();
    if let Ok(carrier) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(carrier.into_parts().0.extensions);
    }
    http::Response::from_parts(parts, body)
}
