//! The accounts of a [`RedisFleet`], for who administers them.

use redis::cmd;
use runtime_fleet::{
    AccountPath, AccountState, Accounts, Holder, MemberId, OnLoss, Rules, StateError, StateFuture,
};
use runtime_usage::Usd;

use crate::fleet::{RedisFleet, refused};
use crate::functions::call;
use crate::reply;

impl RedisFleet {
    pub(crate) async fn put_account(
        &self,
        account: &AccountPath,
        rules: &Rules,
        changes: bool,
    ) -> Result<AccountState, StateError> {
        rules.check(account)?;
        let attempted = "open an account";
        if account.above().is_none() {
            // First the name of the tree: of one that was not made, nothing is listed.
            let [trees] = self.key("trees", "");
            let mut add = cmd("SADD");
            add.arg(trees).arg(account.root());
            match self.ask_one(attempted, add).await {
                // Only lists need the names, and fail by themselves.
                Err(StateError::Corrupt { .. }) => {}
                added => drop(added?),
            }
        }
        let marks: Vec<_> = rules.marks.iter().map(ToString::to_string).collect();
        let on_loss = match rules.on_loss {
            OnLoss::Spend => 1,
            OnLoss::Return => 2,
        };
        let mut call = call("set_account", &self.tree(account.root()));
        call.arg(account.as_str()).arg(rules.amount.nanos());
        call.arg(u8::from(rules.enforced)).arg(u8::from(rules.strict)).arg(on_loss);
        call.arg(marks.join(",")).arg(u8::from(changes)).arg(self.channel());
        let answer = self.ask_one(attempted, call).await;
        answer.and_then(reply::account).map_err(|error| error.named("account", account.as_str()))
    }

    /// The accounts of trees, each before those below it.
    async fn states(
        &self,
        roots: impl Iterator<Item = &str>,
    ) -> Result<Vec<AccountState>, StateError> {
        let attempted = "read accounts";
        let roots: Vec<_> = roots.collect();
        let calls: Vec<_> = roots.iter().map(|root| call("accounts", &self.tree(root))).collect();
        let mut all = Vec::new();
        for (root, answer) in roots.iter().zip(self.ask(attempted, &calls).await?) {
            let answer = answer.map_err(refused(attempted));
            all.extend(
                answer.and_then(reply::accounts).map_err(|error| error.named("account", root))?,
            );
        }
        all.sort_by(|a, b| a.account.as_str().split('/').cmp(b.account.as_str().split('/')));
        Ok(all)
    }
}

impl Accounts for RedisFleet {
    fn set<'a>(
        &'a self,
        account: &'a AccountPath,
        rules: &'a Rules,
    ) -> StateFuture<'a, AccountState> {
        Box::pin(self.put_account(account, rules, true))
    }

    fn account<'a>(&'a self, account: &'a AccountPath) -> StateFuture<'a, Option<AccountState>> {
        Box::pin(async move {
            let states = self.states(std::iter::once(account.root())).await?;
            Ok(states.into_iter().find(|state| state.account == *account))
        })
    }

    fn accounts(&self) -> StateFuture<'_, Vec<AccountState>> {
        Box::pin(async move {
            let [trees] = self.key("trees", "");
            let mut members = cmd("SMEMBERS");
            members.arg(trees);
            let roots = self.ask_one("list accounts", members).await;
            let roots: Vec<String> =
                reply::read(roots.map_err(|error| error.named("list", "trees"))?, "SMEMBERS")?;
            self.states(roots.iter().map(String::as_str)).await
        })
    }

    fn holders<'a>(&'a self, account: &'a AccountPath) -> StateFuture<'a, Vec<Holder>> {
        Box::pin(async move {
            let mut call = call("holders", &self.tree(account.root()));
            call.arg(account.as_str());
            let answer = self.ask_one("read holders", call).await;
            answer
                .and_then(reply::holders)
                .map_err(|error| error.named("account", account.as_str()))
        })
    }

    fn correct<'a>(
        &'a self,
        account: &'a AccountPath,
        member: &'a MemberId,
        over: Usd,
    ) -> StateFuture<'a, Usd> {
        Box::pin(async move {
            let mut call = call("correct", &self.tree(account.root()));
            call.arg(account.as_str()).arg(member.as_str()).arg(over.nanos());
            let back: String =
                reply::read(self.ask_one("correct an estimate", call).await?, "correct")?;
            reply::nanos(&back, "correct")
        })
    }
}
