//! Promises that hold at compile time.

use runtime_policy::{
    AsyncGuardrail, ConfigParseError, Guardrail, GuardrailViolatedError, Guardrails,
    PermissionDeniedError, PermissionEnforcer, PhaseContext, PolicyEngine, PreCheck,
};

const fn shared<T: Send + Sync + 'static>() {}
const fn error<T: std::error::Error + Send + Sync + 'static>() {}
const _: () = shared::<PolicyEngine>();
const _: () = shared::<PermissionEnforcer>();
const _: () = shared::<Guardrails>();
const _: () = shared::<PhaseContext>();
const _: () = error::<ConfigParseError>();
const _: () = error::<PermissionDeniedError>();
const _: () = error::<GuardrailViolatedError>();
const _: () = error::<runtime_policy::InvalidThresholdError>();
const _: () = error::<runtime_policy::EmptyRoleError>();
const _: Option<&dyn Guardrail> = None;
const _: Option<&dyn AsyncGuardrail> = None;

#[test]
fn async_checks_are_send() {
    fn sendable<T: Send>(value: T) -> T {
        value
    }
    let guardrails = Guardrails::new();
    let arguments = serde_json::Value::Null;
    let subject = runtime_policy::GuardrailSubject::Tool("search");
    let check = PreCheck::new("writer", subject, &arguments);
    drop(sendable(guardrails.check_pre_async(&check)));
}
