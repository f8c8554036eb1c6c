//! Events, data and the manual clock, compared with simple models.

mod clock;
mod data;
mod event;
mod secrets;
