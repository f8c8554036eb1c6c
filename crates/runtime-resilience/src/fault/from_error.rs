//! What the type of a Rust error says.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::mpsc::RecvTimeoutError;

use serde_json::error::Category;

use super::details::FaultError;
use super::kind::{FaultKind, Phase, Reach};
use super::{Fault, usual};
use crate::breaker::CircuitOpenError;
use crate::classify::{classify_error, errors, kind_of_texts};
use crate::failure::Failure;
use crate::rate::RateLimitedError;
use crate::route::NoRouteError;

pub(super) fn fault(error: &(dyn Error + 'static)) -> Fault {
    let by_type = of_types(error);
    let fault = by_type.unwrap_or_else(|| usual::fault(kind_of_texts(error)).of_unknown_reach());
    let scenario = classify_error(error);
    // Whoever made a `Failure` knew better than what is inside it.
    let was_told = errors(error).any(<dyn Error>::is::<Failure>);
    if was_told && fault.scenario != scenario {
        return Fault::of_scenario(scenario);
    }
    Fault { scenario, ..fault }
}

/// By types alone.
pub(super) fn of_types(error: &(dyn Error + 'static)) -> Option<Fault> {
    errors(error).find_map(of_type)
}

fn of_type(error: &(dyn Error + 'static)) -> Option<Fault> {
    if let Some(error) = error.downcast_ref::<FaultError>() {
        return Some(error.fault);
    }
    if let Some(error) = error.downcast_ref::<CircuitOpenError>() {
        let fault = usual::fault(FaultKind::Local);
        let (asked, reach) = (error.retry_after, Reach::NotSent);
        return Some(Fault { elsewhere: true, asked, reach, ..fault });
    }
    if let Some(error) = error.downcast_ref::<NoRouteError>() {
        let asked = error.soonest.as_ref().map(|(_, wait)| *wait).filter(|wait| !wait.is_zero());
        return Some(Fault { asked, reach: Reach::NotSent, ..usual::fault(FaultKind::Local) });
    }
    #[cfg(feature = "reqwest")]
    if let Some(error) = error.downcast_ref() {
        return super::reqwest::fault(error);
    }
    if let Some(error) = error.downcast_ref::<RateLimitedError>() {
        let fault = usual::fault(FaultKind::Local);
        let (asked, reach) = (error.retry_after, Reach::NotSent);
        return Some(Fault { elsewhere: true, asked, reach, ..fault });
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return of_io(error.kind());
    }
    if let Some(error) = error.downcast_ref::<serde_json::Error>() {
        return match error.classify() {
            Category::Syntax | Category::Eof | Category::Data => {
                Some(usual::fault(FaultKind::Malformed))
            }
            Category::Io => error.io_error_kind().and_then(of_io),
        };
    }
    Some(usual::fault(match error.downcast_ref()? {
        RecvTimeoutError::Timeout => FaultKind::Timeout(Phase::Unknown),
        RecvTimeoutError::Disconnected => FaultKind::Local,
    }))
}

pub(super) fn of_io(kind: ErrorKind) -> Option<Fault> {
    let fault = usual::fault(kind_of_io(kind)?);
    // No other error of a connection says for certain that none was made.
    let refused = matches!(kind, ErrorKind::ConnectionRefused);
    Some(if refused { Fault { reach: Reach::NotSent, ..fault } } else { fault })
}

const fn kind_of_io(kind: ErrorKind) -> Option<FaultKind> {
    match kind {
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Some(FaultKind::Timeout(Phase::Unknown)),
        ErrorKind::ConnectionRefused
        | ErrorKind::ConnectionReset
        | ErrorKind::ConnectionAborted
        | ErrorKind::NotConnected
        | ErrorKind::BrokenPipe
        | ErrorKind::UnexpectedEof
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::NetworkDown => Some(FaultKind::Network),
        ErrorKind::InvalidData => Some(FaultKind::Malformed),
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::AlreadyExists
        | ErrorKind::AddrInUse
        | ErrorKind::AddrNotAvailable
        | ErrorKind::InvalidInput
        | ErrorKind::StorageFull
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::Unsupported
        | ErrorKind::OutOfMemory => Some(FaultKind::Local),
        _ => None,
    }
}
