//! The integration tests of the facade.
