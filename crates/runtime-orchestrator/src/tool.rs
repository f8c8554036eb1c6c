//! Tool calls: described, admitted, run.

mod active;
mod admit;
mod describe;
mod effect;
mod run;

pub(crate) use self::run::run;
pub use self::{active::ActiveTool, describe::ToolCall, effect::Effect};
