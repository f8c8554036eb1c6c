//! All known shapes of failure: the replies of providers, and their faults.

mod anthropic;
mod bedrock;
mod gemini;
mod openai;
mod others;

use std::time::Duration;

use runtime_resilience::{Fault, FaultKind, FaultScope, Provider, TimeoutPhase};

use super::reply::Reply;

/// A reply of a provider, and its fault.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    /// The path of the request, such as `/anthropic/529-overloaded_error`.
    pub(crate) name: String,
    pub(crate) provider: Provider,
    pub(crate) reply: Reply,
    pub(crate) fault: Expected,
}

/// The expected fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) kind: FaultKind,
    /// Whether to retry here.
    pub(crate) retry: bool,
    /// The asked wait.
    pub(crate) asked: Option<Duration>,
    /// Whether to try elsewhere.
    pub(crate) elsewhere: bool,
    /// The scope of the rest.
    pub(crate) cools: FaultScope,
    /// Whether the breaker counts it.
    pub(crate) counts: bool,
}

/// All shapes.
pub(crate) fn all() -> Vec<Shape> {
    [openai::shapes(), anthropic::shapes(), gemini::shapes(), bedrock::shapes(), others::shapes()]
        .concat()
}

pub(crate) const RATE: Expected = expected(FaultKind::RateLimit, [1, 1, 0], FaultScope::Model);
pub(crate) const QUOTA: Expected = expected(FaultKind::Quota, [0, 1, 0], FaultScope::Key);
pub(crate) const OVERLOAD: Expected =
    expected(FaultKind::Overload, [1, 1, 1], FaultScope::Provider);
pub(crate) const SERVER: Expected = expected(FaultKind::Server, [1, 1, 1], FaultScope::Provider);
pub(crate) const CONFLICT: Expected = expected(FaultKind::Server, [1, 1, 0], FaultScope::Call);
pub(crate) const TIMEOUT: Expected =
    expected(FaultKind::Timeout(TimeoutPhase::Provider), [1, 1, 1], FaultScope::Model);
pub(crate) const NETWORK: Expected = expected(FaultKind::Network, [1, 1, 1], FaultScope::Provider);
pub(crate) const AUTH: Expected = expected(FaultKind::Auth, [0, 1, 0], FaultScope::Key);
pub(crate) const CONTEXT: Expected =
    expected(FaultKind::ContextLength, [0, 1, 0], FaultScope::Call);
pub(crate) const POLICY: Expected = expected(FaultKind::ContentPolicy, [0, 1, 0], FaultScope::Call);
pub(crate) const REQUEST: Expected = expected(FaultKind::Request, [0, 0, 0], FaultScope::Call);
pub(crate) const NO_MODEL: Expected = expected(FaultKind::Request, [0, 1, 0], FaultScope::Model);

/// A kind; whether it is retried here, tried elsewhere, counted; the scope of its rest.
const fn expected(kind: FaultKind, yes: [u8; 3], cools: FaultScope) -> Expected {
    let [retry, elsewhere, counts] = [yes[0] == 1, yes[1] == 1, yes[2] == 1];
    Expected { kind, retry, asked: None, elsewhere, cools, counts }
}

impl Expected {
    /// The actual fault in the same form.
    pub(crate) const fn of(fault: &Fault) -> Self {
        let Fault { kind, retry, asked, elsewhere, cools, counts, .. } = *fault;
        Self { kind, retry, asked, elsewhere, cools, counts }
    }

    /// The same, with this asked wait.
    const fn after_ms(self, ms: u64) -> Self {
        Self { asked: Some(Duration::from_millis(ms)), ..self }
    }

    /// The same, with another scope.
    const fn at(self, cools: FaultScope) -> Self {
        Self { cools, ..self }
    }

    /// The same, but not retried here.
    const fn not_here(self) -> Self {
        Self { retry: false, ..self }
    }

    /// The same, but retried here.
    const fn here(self) -> Self {
        Self { retry: true, ..self }
    }
}

/// Collects the shapes of one provider.
struct Shapes {
    provider: Provider,
    shapes: Vec<Shape>,
}

impl Shapes {
    const fn of(provider: Provider) -> Self {
        Self { provider, shapes: Vec::new() }
    }

    fn add(&mut self, name: &str, reply: Reply, fault: Expected) {
        let Self { provider, shapes } = self;
        let name = format!("/{provider}/{name}");
        shapes.push(Shape { name, provider: *provider, reply, fault });
    }
}
