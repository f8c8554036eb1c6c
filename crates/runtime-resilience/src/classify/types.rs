//! The one table of error types: the meaning of a type, without its sources or its text.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

use runtime_events::FailureScenario;
use serde_json::error::Category;

use super::failure::Failure;
use crate::breaker::CircuitOpenError;
use crate::fault::{Fault, FaultBasis, FaultError, FaultKind, Reach, TimeoutPhase};
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
    let (name, known) = named(error)?;
    let of_type = |fault: Fault| fault.read_from(FaultBasis::Type(name));
    Some(match known {
        Known::Fault(fault) => Known::Fault(of_type(fault)),
        Known::Part(fault) => Known::Part(of_type(fault)),
        read @ Known::Read(_) => read,
    })
}

/// The name and the meaning of a type.
fn named<'e>(error: &'e (dyn Error + 'static)) -> Option<(&'static str, Known<'e>)> {
    if let Some(error) = error.downcast_ref::<CircuitOpenError>() {
        let scenario = FailureScenario::ProviderFailure;
        let fault = Fault { elsewhere: true, scenario, ..not_sent(error.retry_after) };
        return Some(("CircuitOpenError", Known::Fault(fault)));
    }
    if let Some(error) = error.downcast_ref::<NoRouteError>() {
        let asked = error.soonest.as_ref().map(|(_, wait)| *wait).filter(|wait| !wait.is_zero());
        let scenario = FailureScenario::ProviderFailure;
        return Some(("NoRouteError", Known::Fault(Fault { scenario, ..not_sent(asked) })));
    }
    if let Some(error) = error.downcast_ref::<RateLimitedError>() {
        let fault = Fault { elsewhere: true, ..not_sent(error.retry_after) };
        return Some(("RateLimitedError", Known::Part(fault)));
    }
    #[cfg(feature = "reqwest-0-12")]
    if let Some(error) = error.downcast_ref() {
        let fault = crate::fault::reqwest::of_0_12(error)?;
        return Some(("reqwest::Error", Known::Fault(fault)));
    }
    #[cfg(feature = "reqwest-0-13")]
    if let Some(error) = error.downcast_ref() {
        let fault = crate::fault::reqwest::of_0_13(error)?;
        return Some(("reqwest::Error", Known::Fault(fault)));
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return Some(("io::Error", of_io(error.kind())?));
    }
    if let Some(error) = error.downcast_ref::<serde_json::Error>() {
        let malformed = Fault::of(FaultKind::Malformed);
        let known = match error.classify() {
            Category::Syntax | Category::Eof => Known::Fault(malformed),
            // Well-formed, but of an unexpected shape: nothing is corrupt.
            Category::Data => Known::Part(malformed),
            Category::Io => of_io(error.io_error_kind()?)?,
        };
        return Some(("serde_json::Error", known));
    }
    let known = match error.downcast_ref()? {
        RecvTimeoutError::Timeout => {
            Known::Fault(Fault::of(FaultKind::Timeout(TimeoutPhase::Unknown)))
        }
        RecvTimeoutError::Disconnected => Known::Part(Fault::of(FaultKind::Local)),
    };
    Some(("RecvTimeoutError", known))
}

/// Refused on this side. `asked` is when it may be let through: then another attempt may succeed.
const fn not_sent(asked: Option<Duration>) -> Fault {
    let mut fault = Fault::of(FaultKind::Local);
    fault.retry = asked.is_some();
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
