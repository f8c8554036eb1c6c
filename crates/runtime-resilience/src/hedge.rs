//! A stand-in (do not merge).
use std::time::Duration;
/// Hedge.
#[derive(Clone, Debug)]
pub struct Hedge(Duration);
impl Hedge {
    /// After so long.
    pub fn after(delay: Duration) -> Self {
        Self(delay)
    }
    /// When.
    pub fn delay(&self) -> Option<Duration> {
        Some(self.0)
    }
    /// A first token.
    pub fn observe(&self, _latency: Duration) {}
}
