//! The code of `docs/budgets.md`.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use techrevati_runtime::orchestrator::TurnError;
use techrevati_runtime::prelude::*;
use techrevati_runtime::usage::{BudgetListener, BudgetMark, Charge, UnknownPrice};

async fn chat() -> Result<UsageSnapshot, BoxError> {
    Ok(UsageSnapshot::new(40_000, 1_000))
}

fn prices() -> Result<PricingTable, BoxError> {
    let prices = PricingTable::new();
    prices.register("gpt-5", ModelPricing::per_million("1.25".parse()?, "10".parse()?))?;
    Ok(prices)
}

async fn an_agent() -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft")
        .pricing(prices()?)
        .budget(Limit::enforced(Usd::from_cents(10)))
        .session()?;

    // At most 5 cents for the input and 1 cent for the output: the turn reserves 6 cents.
    let turn = || {
        Turn::model("gpt-5")
            .estimate(UsageSnapshot::new(40_000, 0))
            .max_output(1_000)
            .usage_from(|usage: &UsageSnapshot| *usage)
    };
    let answer = session.run_turn(turn(), chat).await?;
    assert_eq!(answer.cost, Usd::from_cents(6));

    let Err(TurnError::Budget(refused)) = session.run_turn(turn(), chat).await else {
        panic!("only four cents are left")
    };
    assert_eq!(refused.to_string(), "budget refused: $0.06 requested, $0.04 of $0.10 left");
    Ok(())
}

fn a_team_and_a_company() -> Result<(), BoxError> {
    let company = Account::new(Limit::enforced(Usd::from_dollars(1_000)).named("company"));
    let research = company.child(Limit::enforced(Usd::from_dollars(50)).named("research"));

    let writer = Orchestrator::new("writer", "draft")
        .pricing(prices()?)
        // Every session draws on the account of the team …
        .account(&research)
        // … through its own account below it.
        .budget(Limit::enforced(Usd::from_dollars(2)));

    let session = writer.session()?;
    let own = session.account().ok_or("it has no budget")?;
    assert_eq!(own.available(), Usd::from_dollars(2));
    assert_eq!(own.path().count(), 3);
    Ok(())
}

fn by_hand() -> Result<(), BoxError> {
    let account = Account::new(Limit::enforced(Usd::from_dollars(1)).named("batch"));

    let reservation = account.reserve(Usd::from_cents(30))?;
    let settlement = reservation.settle(Charge::new(Usd::from_cents(12)).model("gpt-5"));
    assert_eq!((settlement.cost, settlement.beyond), (Usd::from_cents(12), Usd::ZERO));

    // A call that is cut short may still be billed in full.
    drop(account.reserve(Usd::from_cents(20))?);
    let balance = account.balance();
    assert_eq!((balance.spent, balance.estimated), (Usd::from_cents(32), Usd::from_cents(20)));
    assert_eq!(
        account.statement().to_string(),
        "batch: $0.68 of $1.00 left (enforced), $0.20 of $0.32 spent estimated\n  \
         model (unnamed): $0.20\n  \
         model gpt-5: $0.12"
    );
    Ok(())
}

#[derive(Debug, Default)]
struct Pager {
    messages: Mutex<Vec<String>>,
}

impl Pager {
    fn heard(&self) -> Vec<String> {
        self.messages.lock().map(|messages| messages.clone()).unwrap_or_default()
    }
}

impl BudgetListener for Pager {
    fn mark_crossed(&self, mark: &BudgetMark) {
        if let Ok(mut messages) = self.messages.lock() {
            messages.push(mark.to_string());
        }
    }
}

fn marks() -> Result<(), BoxError> {
    let pager = Arc::new(Pager::default());
    let limit = Limit::enforced(Usd::from_dollars(10)).named("company").marks([50, 90]);
    let company = Account::with_listener(limit, pager.clone());
    let run = company.child(Limit::enforced(Usd::from_dollars(6)).named("run"));

    run.reserve(Usd::from_dollars(5))?.settle(Usd::from_dollars(5));
    assert_eq!(
        pager.heard(),
        [
            "`run`: 80 % of $6.00 reached: $5.00 spent",
            "`company`: 50 % of $10.00 reached: $5.00 spent",
        ]
    );
    Ok(())
}

async fn an_end_with_an_answer() -> Result<(), BoxError> {
    let limit = Limit::enforced(Usd::from_cents(20)).wrap_up(Usd::from_cents(6));
    let session =
        Orchestrator::new("writer", "draft").pricing(prices()?).budget(limit).session()?;
    let turn = || {
        Turn::model("gpt-5")
            .estimate(UsageSnapshot::new(40_000, 0))
            .max_output(1_000)
            .usage_from(|usage: &UsageSnapshot| *usage)
    };

    let mut turns = 0;
    while session.run_turn(turn(), chat).await.is_ok() {
        turns += 1;
    }
    session.run_turn(turn().wrap_up(), chat).await?;
    assert_eq!(turns, 2);
    Ok(())
}

async fn how_long_the_answer_may_be() -> Result<(), BoxError> {
    let session = Orchestrator::new("writer", "draft")
        .pricing(prices()?)
        .budget(Limit::enforced(Usd::from_cents(10)))
        .session()?;
    let turn = Turn::model("gpt-5").estimate(UsageSnapshot::new(40_000, 0)).max_output(32_000);
    // 32,000 tokens of output would cost 32 cents.
    assert!(matches!(session.begin_turn(turn).await, Err(TurnError::Budget(_))));

    let turn =
        Turn::model("gpt-5").estimate(UsageSnapshot::new(40_000, 0)).reserve(Usd::from_cents(6));
    let turn = session.begin_turn(turn).await?;
    assert_eq!(turn.max_output_tokens(), Some(5_000), "5 of 10 cents are left for output");
    turn.release();
    Ok(())
}

fn estimates_are_given_back() {
    let hour = Duration::from_secs(3_600);
    let account = Account::new(Limit::enforced(Usd::from_dollars(1)).estimates_expire(hour));
    account.charge(Charge::new(Usd::from_cents(30)).model("gpt-5").estimated());

    // The provider's bill says 10 cents.
    account.correct(Charge::new(Usd::from_cents(20)).model("gpt-5"));
    assert_eq!(account.balance().spent, Usd::from_cents(10));

    // Sessions do this before each turn. Any clock will do, if it is always the same.
    account.expire_estimates(Duration::ZERO);
    account.expire_estimates(hour);
    assert_eq!(account.balance().spent, Usd::ZERO);
}

async fn a_model_without_a_price() -> Result<(), BoxError> {
    let strict = Limit::enforced(Usd::from_dollars(1));
    let session =
        Orchestrator::new("writer", "draft").pricing(prices()?).budget(strict.clone()).session()?;
    let refused = session.run_turn(Turn::model("llama"), || async { Ok::<_, BoxError>(()) }).await;
    assert!(matches!(refused, Err(TurnError::Unpriced(_))));

    let dear = ModelPricing::per_million(Usd::from_dollars(10), Usd::from_dollars(50));
    let session = Orchestrator::new("writer", "draft")
        .pricing(prices()?)
        .budget(strict.unknown_price(UnknownPrice::Assume(dear)))
        .session()?;
    let turn = Turn::model("llama").usage(UsageSnapshot::new(1_000, 100));
    let answer = session.run_turn(turn, || async { Ok::<_, BoxError>("hello") }).await?;
    assert_eq!(answer.cost, "0.015".parse()?);
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    an_agent().await?;
    a_team_and_a_company()?;
    by_hand()?;
    marks()?;
    an_end_with_an_answer().await?;
    how_long_the_answer_may_be().await?;
    estimates_are_given_back();
    a_model_without_a_price().await
}
