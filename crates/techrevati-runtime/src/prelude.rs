//! The names most programs need: `use techrevati_runtime::prelude::*;`

#[doc(no_inline)]
pub use crate::{
    BoxError, OrchestrationSession, Orchestrator, ToolCall, Turn,
    lifecycle::AgentRegistry,
    policy::{PermissionEnforcer, PermissionMode, PermissionPolicy, RolePermissionConfig},
    resilience::CircuitBreaker,
    sinks::{EventSink, JsonlSink, RingBufferEventSink},
    usage::{Budget, Limit, ModelPricing, PricingTable, UsageSnapshot, Usd},
};
