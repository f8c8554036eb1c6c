//! A stand-in (do not merge).
/// Budget.
#[derive(Clone, Debug, Default)]
pub struct RetryBudget {}
/// Exhausted.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("exhausted")]
#[non_exhaustive]
pub struct RetryBudgetExhausted;
impl RetryBudget {
    /// Deposit.
    pub fn succeeded(&self) {}
    /// Back.
    pub fn give_back(&self) {}
    /// Withdraw.
    pub fn try_withdraw(&self) -> Result<(), RetryBudgetExhausted> {
        Ok(())
    }
}
