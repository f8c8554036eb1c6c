//! Tool calls: described, admitted, run.

mod active;
mod admit;
mod describe;
mod run;

pub use self::describe::ToolCall;
pub(crate) use self::run::run;
