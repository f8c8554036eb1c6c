//! Agent states, workers, the worker registry and handoffs.
