//! Where agent events and usage records go: traits, rings, fan-out and a JSON-lines file.
