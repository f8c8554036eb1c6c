//! The integration tests of the facade: what the original returns, and what was promised.
//!
//! `CONFORMANCE_DIR` names the folder of the vectors; by default it is the copy beside this file.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod conformance {
    pub(crate) mod support;

    mod bad_input;
    mod differences;
    mod events;
    mod facade;
    mod from_python;
    mod lifecycle;
    mod policy;
    mod resilience;
    mod session;
    mod usage;
}
