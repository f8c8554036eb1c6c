//! `async-openai`: a layer around its service.

use std::error::Error;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use reqwest_0_13::Response;
use tower_service::Service;

use super::exchange::{Failed, asked, exchange};
use super::service::TapeService;
use crate::reqwest::{asked_at, close, open, uri_and_any_body};

/// With feature `async-openai`: for `Client::with_http_service`. A request whose body is a stream passes
/// unrecorded.
impl<S> Service<HttpRequestFactory> for TapeService<S>
where
    S: Service<HttpRequestFactory, Response = Response> + Clone + Send + 'static,
    S::Error: Into<OpenAIError>,
    S::Future: Send + 'static,
{
    type Response = Response;
    type Error = OpenAIError;
    type Future = Pin<Box<dyn Future<Output = Result<Response, OpenAIError>> + Send>>;

    /// A clone of the client is readied for each request.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OpenAIError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, factory: HttpRequestFactory) -> Self::Future {
        let (mut inner, tape) = (self.inner.clone(), self.tape.clone());
        Box::pin(async move {
            let mut request = factory.build().await?;
            let asked_of = uri_and_any_body(&mut request);
            let send = async {
                poll_fn(|cx| inner.poll_ready(cx)).await.map_err(Into::into)?;
                inner.call(factory).await.map_err(Into::into)
            };
            let Some((uri, body)) = asked_of else { return send.await };
            let asked = asked(request.method(), &uri, &body);
            let send = async { send.await.map(open) };
            match exchange(&tape, asked, inside, send).await {
                Ok(mut reply) => {
                    asked_at(&mut reply, request.url().clone());
                    Ok(close(reply))
                }
                Err(Failed::Client(error)) => Err(error),
                Err(Failed::Tape(error)) => Err(OpenAIError::Boxed(error.into())),
            }
        })
    }
}

fn inside(error: &OpenAIError) -> &(dyn Error + 'static) {
    match error {
        // The variant is transparent: its source is that of the layer's error.
        OpenAIError::Boxed(error) => &**error,
        error => error,
    }
}
