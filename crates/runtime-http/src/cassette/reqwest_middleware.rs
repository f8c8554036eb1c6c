//! `reqwest-middleware`, and so `rig`.

use std::error::Error;

use http::Extensions;
use reqwest_0_13::{Request, Response};
use reqwest_middleware::{Error as ClientError, Middleware, Next, Result};

use super::HttpTape;
use super::exchange::{Failed, asked, exchange};
use crate::reqwest::{asked_at, close, open, uri_and_any_body};

/// With feature `reqwest-middleware`. A request whose body is a stream passes unrecorded.
#[async_trait::async_trait]
impl Middleware for HttpTape {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let Some((uri, body)) = uri_and_any_body(&mut request) else {
            return next.run(request, extensions).await;
        };
        let (asked, url) = (asked(request.method(), &uri, &body), request.url().clone());
        let send = async { next.run(request, extensions).await.map(open) };
        match exchange(&self.tape, asked, inside, send).await {
            Ok(mut reply) => {
                asked_at(&mut reply, url);
                Ok(close(reply))
            }
            Err(Failed::Client(error)) => Err(error),
            Err(Failed::Tape(error)) => Err(ClientError::middleware(error)),
        }
    }
}

fn inside(error: &ClientError) -> &(dyn Error + 'static) {
    match error {
        ClientError::Middleware(error) => &**error,
        ClientError::Reqwest(error) => error,
    }
}
