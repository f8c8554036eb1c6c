//! The names that most programs need: `use techrevati_runtime::prelude::*;`

#[doc(no_inline)]
pub use crate::{
    BoxError, OrchestrationSession, Orchestrator, ToolCall, Turn,
    lifecycle::AgentRegistry,
    orchestrator::{Attempt, RecoveryConfig},
    policy::{PermissionEnforcer, PermissionMode, PermissionPolicy, RolePermissionConfig},
    resilience::{CircuitBreaker, FaultError, Route, Routes},
    sinks::{EventSink, JsonlSink, RingBufferEventSink},
    usage::{Account, Limit, ModelPricing, PricingTable, UsageSnapshot, Usd},
};
