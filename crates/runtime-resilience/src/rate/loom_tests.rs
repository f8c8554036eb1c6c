//! Loom models: every interleaving of a few calls, as far as the memory model lets them differ.
//!
//! `cargo xtask loom` runs them.
