//! The faults of the errors of the crate `reqwest`, in each of its versions that are in use.

use std::error::Error;

use chrono::DateTime;
use serde_json::Value;

use super::kind::{FaultKind, Reach, TimeoutPhase};
use super::provider::Provider;
use super::{Fault, usual};
use crate::chain::errors;

/// Each version has a type of its own, with the same methods.
macro_rules! reader {
    ($feature:literal, $name:ident, $version:ident) => {
        #[cfg(feature = $feature)]
        /// Its fault; `None` if it has no known kind.
        pub(crate) fn $name(error: &$version::Error) -> Option<Fault> {
            let not_sent = |kind| Fault { reach: Reach::NotSent, ..usual::fault(kind) };
            if error.is_connect() {
                return Some(if error.is_timeout() {
                    usual::fault(FaultKind::Timeout(TimeoutPhase::Connect))
                } else {
                    not_sent(FaultKind::Network)
                });
            }
            if error.is_timeout() {
                return Some(usual::fault(FaultKind::Timeout(TimeoutPhase::Unknown)));
            }
            if let Some(status) = error.status() {
                let status = status.as_u16();
                let (body, now) = (Value::Null, DateTime::UNIX_EPOCH);
                return Some(Fault::from_json(Provider::Other, status, &(), &body, now));
            }
            if error.is_builder() {
                return Some(not_sent(FaultKind::Local));
            }
            if error.is_redirect() {
                return Some(usual::fault(FaultKind::Request).of_unknown_reach());
            }
            // A broken-off answer is a decoding error, too.
            let unreadable =
                error.is_decode() && errors(error).any(<dyn Error>::is::<serde_json::Error>);
            if unreadable {
                return Some(usual::fault(FaultKind::Malformed));
            }
            let broke =
                error.is_request() || error.is_body() || error.is_decode() || error.is_upgrade();
            broke.then(|| usual::fault(FaultKind::Network))
        }
    };
}

reader!("reqwest-0-12", of_0_12, reqwest_0_12);
reader!("reqwest-0-13", of_0_13, reqwest_0_13);
