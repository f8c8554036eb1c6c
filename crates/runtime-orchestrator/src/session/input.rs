//! Waiting for input.

use std::future::poll_fn;

use runtime_events::{AgentEventName, AgentEventStatus};
use runtime_lifecycle::AgentStatus;

use crate::core::Core;
use crate::error::SessionError;
use crate::tell;

/// Waits for an input.
pub(crate) async fn pause(core: &Core, prompt: String) -> Result<String, SessionError> {
    begin(core, prompt)?;
    let mut pause = Pause { core, detail: "gave up waiting" };
    let value = poll_fn(|cx| core.life.poll_input(cx.waker())).await?;
    pause.detail = "input received";
    Ok(value)
}

fn begin(core: &Core, prompt: String) -> Result<(), SessionError> {
    // If the session ends here, its last event waits for this entry.
    let _entry = core.enter(false)?;
    if let Some(before) = core.life.pause(&prompt)? {
        tell::status(&core.stream, before, AgentStatus::WaitingForInput);
    }
    say(core, AgentEventName::AgentPaused, AgentEventStatus::Blocked, prompt);
    Ok(())
}

/// A running pause. However it ends, the session stops waiting.
struct Pause<'c> {
    core: &'c Core,
    detail: &'static str,
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        let Self { core, detail } = self;
        if let Ok(_entry) = core.enter_anyway(false)
            && let Ok(moved) = core.life.stop_waiting(detail)
        {
            if let Some(before) = moved {
                tell::status(&core.stream, before, AgentStatus::Running);
            }
            let detail = (*detail).to_owned();
            say(core, AgentEventName::AgentResumed, AgentEventStatus::Running, detail);
        }
        core.life.resume();
    }
}

/// Emits an event in the session's own span.
fn say(core: &Core, name: AgentEventName, status: AgentEventStatus, detail: String) {
    let mut event = core.stream.root_event(name, status);
    event.detail = Some(detail.into());
    core.stream.emit(event);
}
