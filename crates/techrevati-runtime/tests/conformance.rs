//! Integration tests of the facade: conformance with the Python original, and promises.
//!
//! `CONFORMANCE_DIR` is the folder of the vectors; the default is the copy beside this file.
#![expect(clippy::unwrap_used, reason = "a test may fail by panicking")]

mod conformance {
    pub(crate) mod support;

    mod bad_input;
    mod differences;
    mod error_chains;
    mod events;
    mod facade;
    mod from_python;
    mod lifecycle;
    mod policy;
    mod resilience;
    mod session;
    mod usage;
}
