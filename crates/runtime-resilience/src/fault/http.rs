//! The types of the crate `http`.

use chrono::{DateTime, Utc};
use http::{HeaderMap, Response};

use super::Fault;
use super::headers::Headers;
use super::provider::Provider;

/// With feature `http`.
impl Headers for HeaderMap {
    fn header(&self, name: &str) -> Option<&str> {
        self.get(name)?.to_str().ok()
    }
}

impl Fault {
    /// As [`from_response`](Self::from_response), for a reply of the crate `http`. With feature
    /// `http`.
    ///
    /// ```
    /// use chrono::DateTime;
    /// use runtime_resilience::{Fault, FaultKind, Provider};
    ///
    /// let reply = http::Response::builder()
    ///     .status(529)
    ///     .header("Retry-After", "3")
    ///     .body(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#)?;
    /// let fault = Fault::from_http(Provider::Anthropic, &reply, DateTime::UNIX_EPOCH);
    /// assert_eq!((fault.kind, fault.status), (FaultKind::Overload, Some(529)));
    /// assert_eq!(fault.asked.map(|asked| asked.as_secs()), Some(3));
    /// # Ok::<(), http::Error>(())
    /// ```
    pub fn from_http<B: AsRef<[u8]>>(
        provider: Provider,
        reply: &Response<B>,
        now: DateTime<Utc>,
    ) -> Self {
        let (status, body) = (reply.status().as_u16(), reply.body().as_ref());
        Self::from_response(provider, status, reply.headers(), body, now)
    }
}
