//! What is usual for each kind of fault.

use super::Fault;
use super::kind::{FaultKind, Phase, Reach, Scope};

/// The facts of a kind: retried here, tried elsewhere, cooled down, counted against health, reached.
pub(super) const fn fault(kind: FaultKind) -> Fault {
    let (retry, elsewhere, cools, counts) = match kind {
        FaultKind::RateLimit => (true, true, Scope::Model, false),
        FaultKind::Quota | FaultKind::Auth => (false, true, Scope::Key, false),
        FaultKind::Overload | FaultKind::Server | FaultKind::Network => {
            (true, true, Scope::Provider, true)
        }
        FaultKind::Timeout(Phase::Connect) => (true, true, Scope::Provider, true),
        FaultKind::Timeout(Phase::Total) => (false, false, Scope::Call, false),
        FaultKind::Timeout(_) => (true, true, Scope::Model, true),
        FaultKind::ContextLength | FaultKind::ContentPolicy => (false, true, Scope::Call, false),
        FaultKind::Request | FaultKind::Cancelled | FaultKind::Local => {
            (false, false, Scope::Call, false)
        }
        FaultKind::Malformed => (true, true, Scope::Call, false),
        FaultKind::Tool => (true, false, Scope::Call, false),
        FaultKind::Unknown => (true, true, Scope::Call, true),
    };
    let reach = match kind {
        FaultKind::Timeout(Phase::Connect) => Reach::NotSent,
        FaultKind::RateLimit
        | FaultKind::Quota
        | FaultKind::Overload
        | FaultKind::Auth
        | FaultKind::ContextLength
        | FaultKind::Request => Reach::Refused,
        // What is blocked for what it says was read. What failed on this side may have been the
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
        scenario: kind.scenario(),
    }
}
