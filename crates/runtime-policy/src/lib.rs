//! Policy rules, quality gates, tool permissions and guardrails for agent loops.
