//! The one table of error types: the meaning of a type, without its sources or its text.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use runtime_events::FailureScenario;
use serde_json::error::Category;

use super::failure::Failure;
use crate::breaker::CircuitOpenError;
use crate::fault::{Fault, FaultError, FaultKind, Reach, TimeoutPhase};
use crate::rate::RateLimitedError;
use crate::route::NoRouteError;

/// The meaning of a type.
pub(super) enum Known<'e> {
    /// It was read before.
    Read(&'e Failure),
    /// Its fault.
    Fault(Fault),
    /// A fault whose scenario another error or the text decides: a missing file may be a tool's
    /// failure.
    Part(Fault),
}

/// `None` if the type decides nothing.
pub(super) fn known<'e>(error: &'e (dyn Error + 'static)) -> Option<Known<'e>> {
    if let Some(failure) = error.downcast_ref() {
        return Some(Known::Read(failure));
    }
    if let Some(error) = error.downcast_ref::<FaultError>() {
        return Some(Known::Fault(error.fault));
    }
    if let Some(error) = error.downcast_ref::<CircuitOpenError>() {
        let scenario = FailureScenario::ProviderFailure;
        let fault = not_sent(error.retry_after);
        return Some(Known::Fault(Fault { elsewhere: true, scenario, ..fault }));
    }
    if let Some(error) = error.downcast_ref::<NoRouteError>() {
        let asked = error.soonest.as_ref().map(|(_, wait)| *wait).filter(|wait| !wait.is_zero());
        let scenario = FailureScenario::ProviderFailure;
        return Some(Known::Fault(Fault { scenario, ..not_sent(asked) }));
    }
    if let Some(error) = error.downcast_ref::<RateLimitedError>() {
        return Some(Known::Part(Fault { elsewhere: true, ..not_sent(error.retry_after) }));
    }
    #[cfg(feature = "reqwest-0-12")]
    if let Some(error) = error.downcast_ref() {
        return crate::fault::reqwest::of_0_12(error).map(Known::Fault);
    }
    #[cfg(feature = "reqwest-0-13")]
    if let Some(error) = error.downcast_ref() {
        return crate::fault::reqwest::of_0_13(error).map(Known::Fault);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return of_io(error.kind());
    }
    if let Some(error) = error.downcast_ref::<serde_json::Error>() {
        let malformed = Fault::of(FaultKind::Malformed);
        return match error.classify() {
            Category::Syntax | Category::Eof => Some(Known::Fault(malformed)),
            // Well-formed, but of an unexpected shape: nothing is corrupt.
            Category::Data => Some(Known::Part(malformed)),
            Category::Io => error.io_error_kind().and_then(of_io),
        };
    }
    Some(match error.downcast_ref()? {
        RecvTimeoutError::Timeout => {
            Known::Fault(Fault::of(FaultKind::Timeout(TimeoutPhase::Unknown)))
        }
        RecvTimeoutError::Disconnected => Known::Part(Fault::of(FaultKind::Local)),
    })
}

/// Refused on this side; `asked` is when it may be let through.
const fn not_sent(asked: Option<Duration>) -> Fault {
    let mut fault = Fault::of(FaultKind::Local);
    fault.asked = asked;
    fault.reach = Reach::NotSent;
    fault
}

fn of_io<'e>(kind: ErrorKind) -> Option<Known<'e>> {
    let network = Fault::of(FaultKind::Network);
    Some(match kind {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => {
            Known::Fault(Fault::of(FaultKind::Timeout(TimeoutPhase::Unknown)))
        }
        // No other connection error proves that no connection was made.
        ErrorKind::ConnectionRefused => Known::Fault(Fault { reach: Reach::NotSent, ..network }),
        ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::NotConnected
        | ErrorKind::BrokenPipe
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown => Known::Fault(network),
        ErrorKind::UnexpectedEof => Known::Part(network),
        ErrorKind::InvalidData => Known::Part(Fault::of(FaultKind::Malformed)),
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::AlreadyExists
        | ErrorKind::AddrInUse
        | ErrorKind::AddrNotAvailable
        | ErrorKind::InvalidInput
        | ErrorKind::StorageFull
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::Unsupported
        | ErrorKind::OutOfMemory => Known::Part(Fault::of(FaultKind::Local)),
        _ => return None,
    })
}
