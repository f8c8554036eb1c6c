//! Clients of the crate `http`: hyper, a proxy, any service of `tower`.

use std::error::Error;
use std::future::{Future, poll_fn};
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

use crate::body::TurnBody;
use crate::exchange::{Exchange, Failed, Step};
use crate::service::TurnService;
use crate::turns::Rewritten;

/// With feature `tower`: around a client that takes requests with a whole body.
///
/// The request is read whole first, since it may be sent more than once. A model call loses its
/// `accept-encoding`: a compressed answer cannot be read.
impl<S, B, R> Service<Request<B>> for TurnService<S>
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
    type Response = Response<TurnBody<R>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    /// A clone of the client is readied for each attempt.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (inner, turns) = (self.inner.clone(), self.turns.clone());
        // Of the caller, not of the task that polls.
        let session = turns.session();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await.map_err(Into::into)?.to_bytes();
            let Some(ask) = turns.ask((&parts.method, &parts.uri), &parts.headers, &body) else {
                return pass(inner, parts, body).await;
            };
            let Some(session) = session? else { return pass(inner, parts, body).await };
            let asked = (parts.uri.clone(), body.clone());
            let mut exchange = Exchange::begin(&turns, session, ask, asked, inside);
            loop {
                match exchange.next().await {
                    Step::Send(new) => {
                        let request = rewritten(&parts, &body, &new);
                        exchange.sent(new.provider(), send(inner.clone(), request)).await;
                    }
                    Step::Done(Ok(reply)) => return Ok(reply),
                    Step::Done(Err(Failed::Client(error))) => return Err(error),
                    Step::Done(Err(Failed::Refused(refused))) => return Err(refused.into()),
                }
            }
        })
    }
}

fn inside(error: &BoxError) -> &(dyn Error + 'static) {
    &**error
}

async fn pass<S, R>(inner: S, parts: Parts, body: Bytes) -> Result<Response<TurnBody<R>>, BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>>,
    S::Error: Into<BoxError>,
{
    let reply = send(inner, Request::from_parts(parts, Full::new(body))).await?;
    Ok(reply.map(TurnBody::untouched))
}

async fn send<S, R>(mut inner: S, request: Request<Full<Bytes>>) -> Result<Response<R>, BoxError>
where
    S: Service<Request<Full<Bytes>>, Response = Response<R>>,
    S::Error: Into<BoxError>,
{
    poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
    inner.call(request).await.map_err(Into::into)
}

fn rewritten(parts: &Parts, body: &Bytes, new: &Rewritten) -> Request<Full<Bytes>> {
    let mut parts = parts.clone();
    parts.headers.remove(ACCEPT_ENCODING);
    if let Some(uri) = new.uri(&parts.uri.clone(), &mut parts.headers) {
        parts.uri = uri;
    }
    if new.body.is_some() {
        // The client sets the new one.
        parts.headers.remove(CONTENT_LENGTH);
    }
    Request::from_parts(parts, Full::new(new.body.clone().unwrap_or_else(|| body.clone())))
}
