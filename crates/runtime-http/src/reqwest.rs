//! Requests and replies of `reqwest`.

use bytes::Bytes;
use http::Uri;
use http::header::CONTENT_LENGTH;
use http_body_util::BodyExt as _;
use reqwest_0_13::{Body, Request, Response, ResponseBuilderExt as _, Url};
use thiserror::Error;

use crate::ask;
use crate::call::{Asked, Closes, Rewritten};

/// A request as the client made it. Its URL and its body are there in types of the layers, and share their memory.
pub(crate) struct Original {
    request: Request,
    uri: Uri,
    body: Bytes,
}

/// An attempt must not go to the client's own URL instead, with the key of another place.
#[derive(Debug, Error)]
#[error("the base of the place is no URL that `reqwest` takes: {0}")]
pub(crate) struct NoUrlError(Uri);

impl Original {
    /// Reads the body of a call, which may be sent more than once. `Err` has the request again if its body is a stream
    /// and it is no call, such as a file.
    pub(crate) async fn of(
        mut request: Request,
    ) -> Result<Result<Self, Box<Request>>, reqwest_0_13::Error> {
        let Ok(uri) = request.url().as_str().parse() else { return Ok(Err(Box::new(request))) };
        let streams = request.body().is_some_and(|body| body.as_bytes().is_none());
        if streams && !ask::may_be_call(request.method(), &uri) {
            return Ok(Err(Box::new(request)));
        }
        let body = match request.body_mut() {
            None => Bytes::new(),
            Some(body) => {
                // One of bytes has one frame, which is not copied.
                let bytes = body.collect().await?.to_bytes();
                *body = bytes.clone().into();
                bytes
            }
        };
        Ok(Ok(Self { request, uri, body }))
    }

    pub(crate) fn url(&self) -> Url {
        self.request.url().clone()
    }

    pub(crate) fn asked(&self) -> Asked<'_> {
        let Self { request, uri, body } = self;
        Asked { method: request.method(), uri, headers: request.headers(), body }
    }

    /// The request of an attempt, with its changes.
    pub(crate) fn again(&self, new: &Rewritten) -> Result<Request, NoUrlError> {
        let no_url = || NoUrlError(self.uri.clone());
        // Its body is bytes.
        let mut copy = self.request.try_clone().ok_or_else(no_url)?;
        if let Some(uri) = new.uri(&self.uri, copy.headers_mut()) {
            *copy.url_mut() = uri.to_string().parse().map_err(|_| NoUrlError(uri))?;
        }
        if let Some(body) = &new.body {
            copy.headers_mut().remove(CONTENT_LENGTH);
            *copy.body_mut() = Some(body.clone().into());
        }
        Ok(copy)
    }
}

impl From<Original> for Request {
    fn from(original: Original) -> Self {
        original.request
    }
}

/// A reply as one of the crate `http`. Its URL is an extension.
pub(crate) fn open(reply: Response) -> http::Response<Body> {
    let url = At(reply.url().clone());
    let mut reply = http::Response::<Body>::from(reply);
    reply.extensions_mut().insert(url);
    reply
}

/// The reply again. One that came from nowhere has the URL that was asked.
pub(crate) fn close(reply: http::Response<impl Closes>, asked: Url) -> Response {
    let (mut parts, body) = reply.into_parts();
    let At(url) = parts.extensions.remove().unwrap_or(At(asked));
    if let Ok(carrier) = http::Response::builder().url(url).body(()) {
        parts.extensions.extend(carrier.into_parts().0.extensions);
    }
    http::Response::from_parts(parts, Body::wrap(body)).into()
}

#[derive(Clone)]
struct At(Url);
