//! Sessions and turns.
