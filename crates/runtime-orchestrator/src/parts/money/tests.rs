//! What holds of money without an orchestrator.
