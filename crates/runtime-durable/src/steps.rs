//! The steps of a durable session.

mod about;
mod approval;
mod blocking;
mod checkpoint;
mod failure;
mod handoff;
mod record;
mod tool;
mod turn;
mod value;
mod wait;

pub use self::{
    approval::Approved,
    blocking::BlockingSteps,
    record::{Begin, TurnRecord},
    tool::{DurableTool, Reconciled, ToolAttempt},
    turn::ActiveDurableTurn,
};
