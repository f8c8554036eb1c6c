//! [`Call`]: a request of a client as the layers see it, and [`Layered`], what they make of it.
//!
//! A door is a [`Call`]: how one client's requests, replies and errors are read and written. What becomes of them is
//! written once.
#![cfg_attr(
    any(feature = "async-openai", feature = "tower"),
    expect(unnameable_types, reason = "the traits of a service are sealed")
)]
#![cfg_attr(
    not(any(feature = "async-openai", feature = "tower")),
    expect(unreachable_pub, reason = "only a service shows them")
)]

use std::error::Error;

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, Response, Uri};
use http_body::Body;
use runtime_orchestrator::BoxError;
use runtime_resilience::Provider;

use crate::place::Place;

/// A request of a client, which may be sent more than once.
pub trait Call: Send {
    type Body: Body<Data: Buf + Send, Error: Into<BoxError>> + Send + 'static;
    type Error: Send;

    fn asked(&self) -> Asked<'_>;

    /// Sends it with these changes.
    fn send(&mut self, new: Rewritten) -> impl Sending<Self::Body, Self::Error>;

    /// Sends it untouched.
    fn pass(self) -> impl Sending<Self::Body, Self::Error>;

    /// The error inside a client's.
    fn inside(error: &Self::Error) -> &(dyn Error + 'static);

    /// The client's error around one of ours.
    fn refused(why: impl Error + Send + Sync + 'static) -> Self::Error;
}

/// A reply of the client to come.
pub trait Sending<B, E>: Future<Output = Result<Response<B>, E>> + Send {}

impl<B, E, F: Future<Output = Result<Response<B>, E>> + Send> Sending<B, E> for F {}

/// What a request asks for, and of whom.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) uri: &'a Uri,
    pub(crate) headers: &'a HeaderMap,
    pub(crate) body: &'a Bytes,
}

/// The changes to a request.
#[derive(Debug, Default)]
pub struct Rewritten {
    pub(crate) place: Option<Place>,
    /// The new URL, if it changes.
    pub(crate) to: Option<Uri>,
    /// The new body, if it changes.
    pub(crate) body: Option<Bytes>,
}

impl Rewritten {
    /// The new URL, if it changes. Replaces the key in the headers.
    pub(crate) fn uri(&self, from: &Uri, headers: &mut HeaderMap) -> Option<Uri> {
        let to = self.to.as_ref()?;
        if let Some(place) = &self.place {
            place.authorize(headers, from, to);
        }
        Some(to.clone())
    }

    /// The provider of another place.
    pub(crate) fn provider(&self) -> Option<Provider> {
        Some(self.place.as_ref()?.provider_at(self.to.as_ref()?))
    }
}

/// What becomes of the requests of a client: turns, or records on a tape.
pub trait Layered: Clone + Send + Sync + 'static {
    /// What is known where the client is called, and perhaps not where its future is polled.
    type Caller: Send + 'static;
    type Body<B>;

    fn caller(&self) -> Self::Caller;

    fn made<C: Call>(
        self,
        caller: Self::Caller,
        call: C,
    ) -> impl Sending<Self::Body<C::Body>, C::Error>;
}

/// A body that `reqwest` takes.
#[cfg(feature = "reqwest")]
pub trait Closes: Body<Data = Bytes, Error: Into<BoxError>> + Send + Sync + 'static {}

#[cfg(feature = "reqwest")]
impl<B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Sync + 'static> Closes for B {}
