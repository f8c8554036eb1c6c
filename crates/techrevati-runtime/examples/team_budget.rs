//! Three agents on one budget: a lead and two searchers, until the money is nearly gone.
//!
//! ```text
//! cargo run --release --example team_budget
//! ```
//!
//! A function plays the model, so the run costs nothing; its replies are the JSON of a provider.
//! Three things to watch: a call that is refused *before* it is billed, a run that still ends with
//! an answer, and a bill that adds up to the nano-dollar.
#![expect(clippy::print_stdout, reason = "a program talks to its user")]

use std::sync::Arc;

use serde_json::{Value, json};
use techrevati_runtime::BoxError;
use techrevati_runtime::orchestrator::{OrchestrationSession, Orchestrator, Turn, TurnError};
use techrevati_runtime::usage::{
    Account, BudgetListener, BudgetMark, Limit, PricingTable, ReportedUsage, ServiceTier,
    UsageFormat, UsageSnapshot, Usd,
};

/// Dollars per token, as in published price lists.
const PRICES: &str = r#"{
    "claude-haiku-4-5": {
        "litellm_provider": "anthropic", "mode": "chat",
        "input_cost_per_token": 1e-6, "output_cost_per_token": 5e-6,
        "cache_creation_input_token_cost": 1.25e-6, "cache_read_input_token_cost": 1e-7
    }
}"#;
const MODEL: &str = "claude-haiku-4-5";

/// The input tokens of a prompt, and the maximum output.
const INPUT: UsageSnapshot = UsageSnapshot::new(6_000, 0);
const MAX_OUTPUT: u64 = 1_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), BoxError> {
    let prices = PricingTable::from_json(PRICES)?;
    let limit = Limit::enforced(Usd::from_cents(500)).named("company");
    let company = Account::with_listener(limit, Arc::new(Teller));
    let lead = Orchestrator::new("lead", "research")
        .pricing(prices.clone())
        // The budget of this run, with two cents for its last turn.
        .account(&company)
        .budget(
            Limit::enforced(Usd::from_cents(10))
                .named("run")
                .marks([50, 75, 100])
                .wrap_up(Usd::from_cents(2)),
        );

    let report = lead
        .run(async |lead| {
            println!("the lead opens two searchers below itself\n");
            let first = lead.child("searcher A")?;
            let second = lead.child("searcher B")?;
            let (found, also_found) = tokio::join!(search(&first), search(&second));
            first.complete()?;
            second.complete()?;

            println!("\nthe lead wraps up, with what was set aside");
            let turn = turn().wrap_up().usage_from(usage);
            let notes = found? + also_found?;
            let answer = lead.run_turn(turn, || chat(800 * notes, 400)).await?;
            println!("  answered for {:#}", answer.cost);
            Ok(format!("{notes} notes, one answer"))
        })
        .await;

    println!("\n{}\n", report.summary);
    println!("{}\n", company.statement());
    let usage = UsageSnapshot::new(1_500, 900).cache_read(4_500);
    let bill = prices.price(MODEL, &usage, ServiceTier::Standard).ok_or("it has a price")?;
    println!("one searcher's turn, line by line:\n{bill}");

    // The events, the session's books and the company's account agree.
    let spent = company.balance().spent;
    assert_eq!(report.summary.budget.as_ref().map(|run| run.spent_usd), Some(spent));
    assert!(spent <= Usd::from_cents(10), "not a nano-dollar more");
    println!("\n{}", report.result?);
    Ok(())
}

/// Reports each crossed mark, of the company's budget or one below it.
#[derive(Debug)]
struct Teller;

impl BudgetListener for Teller {
    fn mark_crossed(&self, mark: &BudgetMark) {
        println!("  {mark}");
    }
}

/// Searches while there is money.
async fn search(session: &OrchestrationSession) -> Result<u64, BoxError> {
    let role = session.role();
    for notes in 0.. {
        match session.run_turn(turn().usage_from(usage), || chat(6_000, 900)).await {
            Ok(answer) => {
                let left = session.account().map(Account::available).unwrap_or_default();
                println!("{role}: a note for {:#}, {left} left for searching", answer.cost);
            }
            Err(TurnError::Budget(refused)) => {
                println!("{role}: {refused}");
                return Ok(notes);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(0)
}

/// A turn of any of the three: its estimate and its maximum output determine the reservation.
fn turn() -> Turn<Reply> {
    Turn::model(MODEL).estimate(INPUT).max_output(MAX_OUTPUT)
}

struct Reply {
    usage: ReportedUsage,
}

fn usage(reply: &Reply) -> ReportedUsage {
    reply.usage.clone()
}

/// Plays the provider, with three quarters of the prompt in its cache.
async fn chat(input: u64, output: u64) -> Result<Reply, BoxError> {
    tokio::task::yield_now().await;
    let cached = input / 4 * 3;
    let body: Value = json!({
        "type": "message", "model": MODEL, "content": [{"type": "text", "text": "a note"}],
        "usage": {
            "input_tokens": input - cached, "output_tokens": output,
            "cache_creation_input_tokens": 0, "cache_read_input_tokens": cached
        }
    });
    // The provider counts cached input separately; the snapshot has every token once.
    Ok(Reply { usage: UsageFormat::Anthropic.read(&body)? })
}

#[test]
fn sum_of_costs_is_the_spent_amount() {
    main().unwrap();
}
