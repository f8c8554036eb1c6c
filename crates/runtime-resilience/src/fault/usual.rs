//! The usual fault of each kind.

use super::kind::{FaultKind, FaultScope, Reach, TimeoutPhase};
use super::{Fault, FaultBasis};

/// The facts of a kind: retried here, tried elsewhere, cooled down, counted against health, reached.
pub(super) const fn fault(kind: FaultKind) -> Fault {
    let (retry, elsewhere, cools, counts) = match kind {
        FaultKind::RateLimit => (true, true, FaultScope::Model, false),
        FaultKind::Quota | FaultKind::Auth => (false, true, FaultScope::Key, false),
        FaultKind::Overload | FaultKind::Server | FaultKind::Network => {
            (true, true, FaultScope::Provider, true)
        }
        FaultKind::Timeout(TimeoutPhase::Connect) => (true, true, FaultScope::Provider, true),
        FaultKind::Timeout(TimeoutPhase::Total) => (false, false, FaultScope::Call, false),
        FaultKind::Timeout(_) => (true, true, FaultScope::Model, true),
        FaultKind::ContextLength | FaultKind::ContentPolicy => {
            (false, true, FaultScope::Call, false)
        }
        FaultKind::Request | FaultKind::Cancelled | FaultKind::Local => {
            (false, false, FaultScope::Call, false)
        }
        FaultKind::Malformed => (true, true, FaultScope::Call, false),
        FaultKind::Tool => (true, false, FaultScope::Call, false),
        FaultKind::Unknown => (true, true, FaultScope::Call, true),
    };
    let reach = match kind {
        FaultKind::Timeout(TimeoutPhase::Connect) => Reach::NotSent,
        FaultKind::RateLimit
        | FaultKind::Quota
        | FaultKind::Overload
        | FaultKind::Auth
        | FaultKind::ContextLength
        | FaultKind::Request => Reach::Refused,
        // Blocked content was read. A failure on this side may have been the
        // storing of an answer.
        _ => Reach::Unknown,
    };
    Fault {
        kind,
        retry,
        asked: None,
        elsewhere,
        cools,
        counts,
        reach,
        status: None,
        basis: FaultBasis::Given,
        scenario: kind.scenario(),
    }
}
