//! Exact money, token usage, price tables, cost tracking and budgets for model calls.
