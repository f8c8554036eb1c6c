//! `async-openai`: a layer around its service.

use std::error::Error;
use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use http::Uri;
use reqwest_0_13::{Request, Response};
use tower_service::Service;

use crate::exchange::{Exchange, Failed, Step};
use crate::reqwest::{NO_URL, close, open, rewritten, uri_and_body};
use crate::service::TurnService;
use crate::turns::Rewritten;

/// With feature `async-openai`: for `Client::with_http_service`.
///
/// The client's own retries are gone with its own service; a retry layer below this one would hide
/// attempts. [`turn_error`](crate::turn_error) finds the turn's error in the client's.
impl<S> Service<HttpRequestFactory> for TurnService<S>
where
    S: Service<HttpRequestFactory, Response = Response> + Clone + Send + 'static,
    S::Error: Into<OpenAIError>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, OpenAIError>> + Send>>;

    /// A clone of the client is readied for each attempt.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let (inner, turns) = (self.inner.clone(), self.turns.clone());
        let session = turns.session();
        Box::pin(async move {
            let mut request = factory.build().await?;
            let Some((uri, body)) = uri_and_body(&mut request) else {
                return send(inner, factory).await;
            };
            let Some(ask) = turns.ask((request.method(), &uri), request.headers(), &body) else {
                return send(inner, factory).await;
            };
            let session = session.map_err(|error| OpenAIError::Boxed(error.into()))?;
            let Some(session) = session else { return send(inner, factory).await };
            let request = Arc::new(request);
            let asked = (uri.clone(), body);
            let mut exchange = Exchange::begin(&turns, session, ask, asked, inside);
            loop {
                match exchange.next().await {
                    Step::Send(new) => {
                        let provider = new.provider();
                        let factory = changed(&request, &uri, new);
                        let sending = send(inner.clone(), factory);
                        let sending = async { sending.await.map(open) };
                        exchange.sent(provider, sending).await;
                    }
                    Step::Done(Ok(reply)) => return Ok(close(reply)),
                    Step::Done(Err(Failed::Client(error))) => return Err(error),
                    Step::Done(Err(Failed::Refused(refused))) => {
                        return Err(OpenAIError::Boxed(refused.into()));
                    }
                }
            }
        })
    }
}

async fn send<S>(mut inner: S, factory: HttpRequestFactory) -> Result<Response, OpenAIError>
where
    S: Service<HttpRequestFactory, Response = Response>,
    S::Error: Into<OpenAIError>,
{
    poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
    inner.call(factory).await.map_err(Into::into)
}

fn inside(error: &OpenAIError) -> &(dyn Error + 'static) {
    match error {
        // The variant is transparent: its source is that of the layer's error.
        OpenAIError::Boxed(error) => &**error,
        error => error,
    }
}

/// A factory of the request with the URL, key and model of an attempt. The body is not written again.
fn changed(request: &Arc<Request>, from: &Uri, new: Rewritten) -> HttpRequestFactory {
    let parts = Arc::new((Arc::clone(request), from.clone(), new));
    HttpRequestFactory::new(move || {
        let (request, from, new) = &*parts;
        let copy = rewritten(request, from, new);
        ready(copy.ok_or_else(|| OpenAIError::InvalidArgument(NO_URL.to_owned())))
    })
}
