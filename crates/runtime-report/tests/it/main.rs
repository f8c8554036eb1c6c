//! Tests of `runtime-report` through its public face.

mod browser;
mod check;
mod chrome;
mod common;
mod deaths;
mod golden;
mod hostile;
mod html;
mod mermaid;
mod slow_properties;
mod stats;
mod threads;
mod timeline;
