//! The accounts of a [`PgFleet`], for who administers them.

use runtime_fleet::{
    AccountPath, AccountState, Accounts, Holder, MemberId, OnLoss, Rules, StateError, StateFuture,
};
use runtime_usage::Usd;
use tokio_postgres::types::Type;

use super::{PgFleet, answer, ask, nothing};
use crate::link::Param;

impl PgFleet {
    pub(super) async fn put_account(
        &self,
        account: &AccountPath,
        rules: &Rules,
        changes: bool,
    ) -> Result<AccountState, StateError> {
        rules.check(account)?;
        let amount = ask::nanos(rules.amount);
        let marks: Vec<_> = rules.marks.iter().map(|mark| i32::from(*mark)).collect();
        let on_loss: i16 = match rules.on_loss {
            OnLoss::Spend => 1,
            OnLoss::Return => 2,
        };
        let params: [Param<'_>; 7] = [
            (&account.as_str(), Type::TEXT),
            (&amount, Type::INT8),
            (&rules.enforced, Type::BOOL),
            (&rules.strict, Type::BOOL),
            (&marks, Type::INT4_ARRAY),
            (&on_loss, Type::INT2),
            (&changes, Type::BOOL),
        ];
        let function = "fleet_set_account";
        let state = self.ask_one::<answer::Account>(function, "open an account", &params).await?;
        state.ok_or_else(|| nothing(function))?.read()
    }

    async fn states(&self, account: Option<&AccountPath>) -> Result<Vec<AccountState>, StateError> {
        let path = account.map(AccountPath::as_str);
        let params: [Param<'_>; 1] = [(&path, Type::TEXT)];
        let states = self.ask("fleet_accounts", "read accounts", &params).await?;
        states.into_iter().map(answer::Account::read).collect()
    }
}

impl Accounts for PgFleet {
    fn set<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        Box::pin(self.put_account(account, rules, true))
    }

    fn account<'a>(&'a self, account: &'a AccountPath) -> StateFuture<'a, Option<AccountState>> {
        Box::pin(async move { Ok(self.states(Some(account)).await?.into_iter().next()) })
    }

    fn accounts(&self) -> StateFuture<'_, Vec<AccountState>> {
        Box::pin(self.states(None))
    }

    fn holders<'a>(&'a self, account: &'a AccountPath) -> StateFuture<'a, Vec<Holder>> {
        Box::pin(async move {
            let params: [Param<'_>; 1] = [(&account.as_str(), Type::TEXT)];
            let holders = self.ask("fleet_holders", "read holders", &params).await?;
            Ok(holders.into_iter().map(answer::Holder::read).collect())
        })
    }

    fn correct<'a>(
        &'a self,
        account: &'a AccountPath,
        member: &'a MemberId,
        over: Usd,
    ) -> StateFuture<'a, Usd> {
        Box::pin(async move {
            // More than there is, is all there is.
            let over = ask::nanos(over);
            let params: [Param<'_>; 3] = [
                (&account.as_str(), Type::TEXT),
                (&member.as_str(), Type::TEXT),
                (&over, Type::INT8),
            ];
            let function = "fleet_correct";
            let back = self.ask_one::<u64>(function, "correct an estimate", &params).await?;
            Ok(Usd::from_nanos(back.ok_or_else(|| nothing(function))?))
        })
    }
}
