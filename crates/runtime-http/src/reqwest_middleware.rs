//! `reqwest-middleware`, and so `rig`.

use std::error::Error;

use http::Extensions;
use reqwest_0_13::{Request, Response};
use reqwest_middleware::{Error as ClientError, Middleware, Next, Result};

use crate::exchange::{Exchange, Failed, Step};
use crate::reqwest::{NO_URL, close, open, rewritten, uri_and_body};
use crate::turns::Turns;

/// With feature `reqwest-middleware`. A request whose body is a stream passes untouched.
///
/// [`turn_error`](crate::turn_error) finds the turn's error in the client's.
#[async_trait::async_trait]
impl Middleware for Turns {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let Some((uri, body)) = uri_and_body(&mut request) else {
            return next.run(request, extensions).await;
        };
        let Some(ask) = self.ask((request.method(), &uri), request.headers(), &body) else {
            return next.run(request, extensions).await;
        };
        let Some(session) = self.session().map_err(ClientError::middleware)? else {
            return next.run(request, extensions).await;
        };
        let mut exchange = Exchange::begin(self, session, ask, (uri.clone(), body), inside);
        loop {
            match exchange.next().await {
                Step::Send(new) => {
                    let copy = rewritten(&request, &uri, &new);
                    let next = next.clone();
                    let sending = async {
                        let copy = copy.ok_or_else(|| {
                            ClientError::middleware(std::io::Error::other(NO_URL))
                        })?;
                        next.run(copy, extensions).await.map(open)
                    };
                    exchange.sent(new.provider(), sending).await;
                }
                Step::Done(Ok(reply)) => return Ok(close(reply)),
                Step::Done(Err(Failed::Client(error))) => return Err(error),
                Step::Done(Err(Failed::Refused(refused))) => {
                    return Err(ClientError::middleware(refused));
                }
            }
        }
    }
}

fn inside(error: &ClientError) -> &(dyn Error + 'static) {
    match error {
        ClientError::Middleware(error) => &**error,
        ClientError::Reqwest(error) => error,
    }
}
