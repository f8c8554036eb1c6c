//! Clients of the crate `http`: hyper, a proxy, any service of `tower`.

use std::error::Error;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::header::{ACCEPT_ENCODING, CONTENT_LENGTH};
use http::request::Parts;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use runtime_orchestrator::BoxError;
use tower_service::Service;

use crate::call::{Asked, Call, Layered, Rewritten, Sending};
use crate::service::LayerService;

/// With feature `tower`: around a client that takes requests with a whole body.
///
/// The request is read whole first, since it may be sent more than once. A model call, and all that goes on a tape,
/// loses its `accept-encoding`: a compressed answer cannot be read, and no secret can be removed of it.
impl<S, B, R, L> Service<Request<B>> for LayerService<S, L>
where
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError>,
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: Body + Send + 'static,
    R::Data: Buf + Send,
    R::Error: Into<BoxError>,
    L: Layered,
{
    type Response = Response<L::Body<R>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    /// A clone of the client is readied for each attempt.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let Self { inner, layer } = self.clone();
        let caller = layer.caller();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            layer.made(caller, Whole { inner, parts, body }).await
        })
    }
}

/// A request with a whole body.
struct Whole<S> {
    inner: S,
    parts: Parts,
    body: Bytes,
}

impl<S, R> Call for Whole<S>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>> + Clone + Send,
    S::Error: Into<BoxError>,
    S::Future: Send,
    R: Body + Send + 'static,
    R::Data: Buf + Send,
    R::Error: Into<BoxError>,
{
    type Body = R;
    type Error = BoxError;

    fn asked(&self) -> Asked<'_> {
        let Parts { method, uri, headers, .. } = &self.parts;
        Asked { method, uri, headers, body: &self.body }
    }

    fn send(&mut self, new: Rewritten) -> impl Sending<R, BoxError> {
        let (mut parts, inner) = (self.parts.clone(), self.inner.clone());
        parts.headers.remove(ACCEPT_ENCODING);
        if let Some(uri) = new.uri(&self.parts.uri, &mut parts.headers) {
            parts.uri = uri;
        }
        if new.body.is_some() {
            // The client sets the new one.
            parts.headers.remove(CONTENT_LENGTH);
        }
        Self { inner, parts, body: new.body.unwrap_or_else(|| self.body.clone()) }.pass()
    }

    async fn pass(self) -> Result<Response<R>, BoxError> {
        let Self { mut inner, parts, body } = self;
        poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
        inner.call(Request::from_parts(parts, Full::new(body))).await.map_err(Into::into)
    }

    fn inside(error: &BoxError) -> &(dyn Error + 'static) {
        &**error
    }

    fn refused(why: impl Error + Send + Sync + 'static) -> BoxError {
        why.into()
    }
}
