//! Circuit breaker, failure classification, recovery recipes and back-off for agent loops.
