//! Errors as plain JSON: `{"error": "…"}`.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use techrevati_runtime::BoxError;
use techrevati_runtime::orchestrator::SessionError;
use techrevati_runtime::resilience::{RateLimitedError, chain_text};

/// When a client may try elsewhere, or here again, if nothing better is known.
const SOON: Duration = Duration::from_secs(5);

/// A request that is not served, and why.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    error: String,
    retry_after: Option<Duration>,
}

impl Refusal {
    fn new(status: StatusCode, error: &(impl ToString + ?Sized)) -> Self {
        Self { status, error: error.to_string(), retry_after: None }
    }

    pub(crate) fn bad_request(error: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, &format!("there is no {what} `{name}`"))
    }

    /// Another question was answered, or this one already.
    pub(crate) fn not_asked() -> Self {
        Self::new(StatusCode::CONFLICT, "the run does not wait with this question")
    }

    pub(crate) fn shutting_down() -> Self {
        let error = "the service is shutting down";
        Self { retry_after: Some(SOON), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, error) }
    }
}

impl From<SessionError> for Refusal {
    fn from(error: SessionError) -> Self {
        match error {
            error if error.is_shutdown() => Self::shutting_down(),
            SessionError::NobodyWaiting | SessionError::AlreadyAnswered => Self::not_asked(),
            error => BoxError::from(error).into(),
        }
    }
}

impl From<RateLimitedError> for Refusal {
    fn from(error: RateLimitedError) -> Self {
        let retry_after = error.retry_after;
        Self { retry_after, ..Self::new(StatusCode::TOO_MANY_REQUESTS, &error) }
    }
}

impl From<JsonRejection> for Refusal {
    fn from(error: JsonRejection) -> Self {
        Self::new(error.status(), &error.body_text())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(error: QueryRejection) -> Self {
        Self::new(error.status(), &error.body_text())
    }
}

impl From<BoxError> for Refusal {
    fn from(error: BoxError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, &chain_text(&*error))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.error }));
        let mut response = (self.status, body).into_response();
        if let Some(wait) = self.retry_after {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}
