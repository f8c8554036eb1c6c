//! The life of a turn: described, admitted, run, guarded, settled.

pub(crate) mod active;
pub(crate) mod admit;
mod describe;
mod guard;
pub(crate) mod part;
mod run;
mod settle;

pub use self::active::{ActiveTurn, Answer, Settled};
pub(crate) use self::describe::Spec;
pub use self::describe::{IntoUsage, Turn};
pub(crate) use self::run::{begin, run};
