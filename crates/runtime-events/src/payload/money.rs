//! Budgets.

use super::Word;

payload! {
    /// A budget was spent up to one of its marks.
    pub struct MarkCrossed<'e> {
        /// The name of the budget, if it has one.
        account: Option<Word<'e>> = "account",
        /// The mark, in percent of the limit.
        percent: Option<u64> = "percent",
        /// The limit, in dollars.
        limit_usd: Option<f64> = "limit_usd",
        /// What was spent, in dollars.
        spent_usd: Option<f64> = "spent_usd",
    }
}

payload! {
    /// More was spent than a budget allows.
    pub struct BudgetExceeded<'e> {
        /// The limit, in dollars.
        budget_usd: Option<f64> = "budget_usd",
        /// The name of the budget, if it has one.
        account: Option<Word<'e>> = "account",
    }
}

payload! {
    /// How a budget stands at the end of a session: what readers ask of the statement that
    /// [`SessionEnded`](super::SessionEnded) carries.
    pub struct Statement<'e> {
        /// The name of the budget, if it has one.
        account: Option<Word<'e>> = "account",
        /// The limit, in dollars.
        limit_usd: Option<f64> = "limit_usd",
        /// What was spent, in dollars.
        spent_usd: Option<f64> = "spent_usd",
        /// Whether calls beyond the limit are refused.
        enforced: bool = "enforced",
    }
}
