//! `reqwest-middleware`, and so `rig`.

use std::error::Error;

use http::Extensions;
use reqwest_0_13::{Body, Request, Response};
use reqwest_middleware::{Error as ClientError, Middleware, Next, Result};

use crate::call::{Asked, Call, Closes, Layered, Rewritten};
use crate::reqwest::{Original, close, open};
use crate::turns::Turns;

/// With feature `reqwest-middleware`. The body of a model call is read whole first, if it is a stream, since it may
/// be sent more than once.
///
/// [`turn_error`](crate::turn_error) finds the turn's error in the client's.
#[async_trait::async_trait]
impl Middleware for Turns {
    async fn handle(&self, it: Request, more: &mut Extensions, next: Next<'_>) -> Result<Response> {
        through(self, it, more, next).await
    }
}

/// With feature `reqwest-middleware`. A request that is no model call passes unrecorded if its body is a stream.
#[cfg(feature = "cassette")]
#[async_trait::async_trait]
impl Middleware for crate::cassette::HttpTape {
    async fn handle(&self, it: Request, more: &mut Extensions, next: Next<'_>) -> Result<Response> {
        through(self, it, more, next).await
    }
}

async fn through<L: Layered<Body<Body>: Closes>>(
    layer: &L,
    request: Request,
    extensions: &mut Extensions,
    next: Next<'_>,
) -> Result<Response> {
    let caller = layer.caller();
    let request = match Original::of(request).await? {
        Ok(request) => request,
        Err(streamed) => return next.run(*streamed, extensions).await,
    };
    let url = request.url();
    let reply = layer.clone().made(caller, Link { request, extensions, next }).await;
    reply.map(|reply| close(reply, url))
}

/// A request at its place in the chain of middlewares.
struct Link<'a> {
    request: Original,
    extensions: &'a mut Extensions,
    next: Next<'a>,
}

impl Call for Link<'_> {
    type Body = Body;
    type Error = ClientError;

    fn asked(&self) -> Asked<'_> {
        self.request.asked()
    }

    async fn send(&mut self, new: Rewritten) -> Result<http::Response<Body>> {
        let request = self.request.again(&new).map_err(Self::refused)?;
        self.next.clone().run(request, self.extensions).await.map(open)
    }

    async fn pass(self) -> Result<http::Response<Body>> {
        self.next.run(self.request.into(), self.extensions).await.map(open)
    }

    fn inside(error: &ClientError) -> &(dyn Error + 'static) {
        match error {
            ClientError::Middleware(error) => &**error,
            ClientError::Reqwest(error) => error,
        }
    }

    fn refused(why: impl Error + Send + Sync + 'static) -> ClientError {
        ClientError::middleware(why)
    }
}
