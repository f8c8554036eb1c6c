//! Clients of the crate `http`.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use http::header::ACCEPT_ENCODING;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use runtime_orchestrator::BoxError;
use tower_service::Service;

use super::body::TapeBody;
use super::exchange::{Failed, asked, exchange};
use super::service::TapeService;

/// With feature `tower`: around a client that takes requests with a whole body.
///
/// A request is read whole first, and loses its `accept-encoding`: of a compressed reply no secret can be
/// removed.
impl<S, B, R> Service<Request<B>> for TapeService<S>
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
{
    type Response = Response<TapeBody<R>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    /// A clone of the client is readied for each request.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut inner, tape) = (self.inner.clone(), self.tape.clone());
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            parts.headers.remove(ACCEPT_ENCODING);
            let asked = asked(&parts.method, &parts.uri, &body);
            let send = async {
                poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
                inner.call(Request::from_parts(parts, Full::new(body))).await.map_err(Into::into)
            };
            let reply = exchange(&tape, asked, |error: &BoxError| &**error, send).await;
            reply.map_err(|failed| match failed {
                Failed::Client(error) => error,
                Failed::Tape(error) => error.into(),
            })
        })
    }
}
