//! Events, data and the manual clock against models too simple to be wrong.

mod clock;
mod data;
mod event;
