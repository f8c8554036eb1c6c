//! Turns: described, admitted, run, guarded, settled.

pub(crate) mod active;
pub(crate) mod admit;
mod describe;
pub(crate) mod guard;
mod held;
pub(crate) mod part;
mod run;
mod settle;

pub use self::active::{ActiveTurn, Answer, Settled};
pub(crate) use self::describe::Spec;
pub use self::describe::{IntoUsage, ReplyReader, Turn};
pub(crate) use self::held::Held;
pub(crate) use self::run::{begin, run};
pub(crate) use self::settle::unanswered;
