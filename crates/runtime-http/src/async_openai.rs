//! `async-openai`: a layer around its service.

use std::error::Error;
use std::future::{poll_fn, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use reqwest_0_13::{Body, Response};
use tower_service::Service;

use crate::call::{Asked, Call, Closes, Layered, Rewritten};
use crate::reqwest::{Original, close, open};
use crate::service::LayerService;

/// With feature `async-openai`: for `Client::with_http_service`.
///
/// The client's own retries are gone with its own service; a retry layer below this one would hide
/// attempts. [`turn_error`](crate::turn_error) finds the turn's error in the client's.
impl<S, L> Service<HttpRequestFactory> for LayerService<S, L>
where
    S: Service<HttpRequestFactory, Response = Response> + Clone + Send + 'static,
    S::Error: Into<OpenAIError>,
    S::Future: Send + 'static,
    L: Layered<Body<Body>: Closes>,
{
    type Response = Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, OpenAIError>> + Send>>;

    /// A clone of the client is readied for each attempt.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let Self { inner, layer } = self.clone();
        let caller = layer.caller();
        Box::pin(async move {
            let Ok(request) = Original::of(factory.build().await?).await? else {
                return send(inner, factory).await;
            };
            let url = request.url();
            let made = Made { inner, factory, request: Arc::new(request) };
            layer.made(caller, made).await.map(|reply| close(reply, url))
        })
    }
}

/// What a factory has made.
struct Made<S> {
    inner: S,
    factory: HttpRequestFactory,
    request: Arc<Original>,
}

impl<S> Call for Made<S>
where
    S: Service<HttpRequestFactory, Response = Response> + Clone + Send,
    S::Error: Into<OpenAIError>,
    S::Future: Send,
{
    type Body = Body;
    type Error = OpenAIError;

    fn asked(&self) -> Asked<'_> {
        self.request.asked()
    }

    async fn send(&mut self, new: Rewritten) -> Result<http::Response<Body>, OpenAIError> {
        let made = Arc::new((Arc::clone(&self.request), new));
        let factory = HttpRequestFactory::new(move || {
            let (request, new) = &*made;
            ready(request.again(new).map_err(Self::refused))
        });
        send(self.inner.clone(), factory).await.map(open)
    }

    async fn pass(self) -> Result<http::Response<Body>, OpenAIError> {
        send(self.inner, self.factory).await.map(open)
    }

    fn inside(error: &OpenAIError) -> &(dyn Error + 'static) {
        match error {
            // The variant is transparent: its source is that of the layer's error.
            OpenAIError::Boxed(error) => &**error,
            error => error,
        }
    }

    fn refused(why: impl Error + Send + Sync + 'static) -> OpenAIError {
        OpenAIError::Boxed(why.into())
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
