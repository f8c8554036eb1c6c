//! Tests of the public API.

mod accounts;
mod bills;
mod finish;
mod funded;
mod limit;
mod lists;
mod money;
mod prices;
mod promises;
mod properties;
mod snapshot;
mod stream;
mod stream_forms;
mod support;
mod threads;
mod tracker;
mod wire;
mod wire_imitators;
mod wire_refused;
