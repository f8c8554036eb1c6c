//! The client of the model's providers: one request, one reply or fault.

use std::time::Duration;

use reqwest_0_12::Client as Http;
use serde_json::Value;
use techrevati_runtime::events::{Clock as _, SystemClock};
use techrevati_runtime::resilience::{BoxError, FaultError, FaultKind, Provider};

/// The providers, in the order in which they are asked.
pub(crate) const PROVIDERS: [&str; 2] = ["primary", "fallback"];

/// A client of both providers. It is cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    http: Http,
    base_url: String,
}

impl Client {
    pub(crate) fn new(base_url: String) -> Result<Self, BoxError> {
        // A proxy of the environment does not apply to this machine.
        let http = Http::builder().no_proxy().connect_timeout(Duration::from_secs(10)).build()?;
        Ok(Self { http, base_url })
    }

    /// # Errors
    ///
    /// What went wrong, as the recovery wants to know it.
    pub(crate) async fn chat(&self, provider: &str, request: &Value) -> Result<Value, FaultError> {
        let url = format!("{}/{provider}/v1/chat/completions", self.base_url);
        let sent = self.http.post(url).json(request).send().await;
        let response = sent.map_err(unreached)?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await.map_err(unreached)?;
        if !status.is_success() {
            let (status, now) = (status.as_u16(), SystemClock.utc_now());
            return Err(FaultError::from_response(Provider::Other, status, &headers, &body, now));
        }
        serde_json::from_slice(&body)
            .map_err(|error| FaultError::of(FaultKind::Malformed, error.to_string()))
    }
}

fn unreached(error: reqwest_0_12::Error) -> FaultError {
    FaultError::around(error, SystemClock.utc_now())
}
