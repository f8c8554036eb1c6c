//! What holds of a life without an orchestrator.
