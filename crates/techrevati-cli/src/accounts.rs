//! The accounts of a fleet in a database: what they may spend, and have spent.

mod arguments;
mod open;

use std::io::{self, Write as _};

use futures_executor::block_on;
use runtime_fleet::{AccountPath, AccountState, OnLoss, Rules};
use runtime_report::show::line;
use runtime_usage::Limit;
use serde_json::{Value, json};

pub(crate) use self::arguments::Accounts;
use self::arguments::AccountsCommand;
use crate::error::Error;
use crate::table::table;

/// The accounts of a backend.
type Backend = dyn runtime_fleet::Accounts;

pub(crate) fn run(options: &Accounts) -> Result<(), Error> {
    match &options.command {
        AccountsCommand::Set {
            place,
            account,
            amount,
            enforced,
            strict,
            recorded,
            marks,
            on_loss,
            json,
        } => {
            let backend = open::open_backend(place)?;
            let found = block_on(backend.account(account))?;
            let mut rules =
                found.map_or_else(|| Rules::of(&Limit::enforced(*amount)), |it| it.rules);
            rules.amount = *amount;
            if *enforced || *strict || *recorded {
                (rules.enforced, rules.strict) = (!recorded, *strict);
            }
            if let Some(marks) = marks {
                rules.marks.clone_from(marks);
                rules.marks.sort_unstable();
                rules.marks.dedup();
            }
            if let Some(on_loss) = on_loss {
                rules.on_loss = (*on_loss).into();
            }
            let state = block_on(backend.set(account, &rules))?;
            list(&[state], *json)
        }
        AccountsCommand::List { place, json } => {
            let backend = open::open_backend(place)?;
            let states = block_on(backend.accounts())?;
            if states.is_empty() && !json {
                return Ok(writeln!(io::stdout(), "no accounts")?);
            }
            list(&states, *json)
        }
        AccountsCommand::Statement { place, account, json } => {
            let backend = open::open_backend(place)?;
            statement(&*backend, account, *json)
        }
    }
}

/// Prints accounts, a row each.
fn list(states: &[AccountState], as_json: bool) -> Result<(), Error> {
    let mut out = io::stdout().lock();
    if as_json {
        return Ok(states.iter().try_for_each(|state| writeln!(out, "{}", object(state)))?);
    }
    let heads = ["account", "may spend", "spent", "estimated", "held", "left", "rule", "holders"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(states.iter().map(row));
    Ok(table(&mut out, &rows)?)
}

fn row(state: &AccountState) -> Vec<String> {
    vec![
        line(state.account.as_str()).to_string(),
        state.rules.amount.to_string(),
        state.spent.to_string(),
        state.estimated.to_string(),
        state.granted.to_string(),
        state.left().to_string(),
        rule(&state.rules).to_owned(),
        state.members.to_string(),
    ]
}

const fn rule(rules: &Rules) -> &'static str {
    match (rules.enforced, rules.strict) {
        (false, _) => "recorded",
        (true, false) => "enforced",
        (true, true) => "strict",
    }
}

const fn on_loss(rules: &Rules) -> &'static str {
    match rules.on_loss {
        OnLoss::Spend => "spend",
        OnLoss::Return => "return",
    }
}

/// An account as one JSON object.
fn object(state: &AccountState) -> Value {
    json!({
        "account": state.account.as_str(),
        "amount_usd": state.rules.amount,
        "spent_usd": state.spent,
        "estimated_usd": state.estimated,
        "held_usd": state.granted,
        "left_usd": state.left(),
        "rule": rule(&state.rules),
        "marks": state.rules.marks,
        "on_loss": on_loss(&state.rules),
        "holders": state.members,
    })
}

fn statement(backend: &Backend, account: &AccountPath, as_json: bool) -> Result<(), Error> {
    let all = block_on(backend.accounts())?;
    let Some(own) = all.iter().find(|state| state.account == *account) else {
        return Err(Error::Refused(format!("there is no account `{account}`")));
    };
    let is_own = |state: &&AccountState| state.account == *account;
    let above = all.iter().filter(|it| account.is_within(&it.account) && !is_own(it));
    let above: Vec<_> = above.cloned().collect();
    let below = all.iter().filter(|it| it.account.is_within(account) && !is_own(it));
    let below: Vec<_> = below.cloned().collect();
    let mut out = io::stdout().lock();
    if as_json {
        let objects = |states: &[AccountState]| states.iter().map(object).collect::<Vec<_>>();
        let mut told = object(own);
        told["above"] = objects(&above).into();
        told["below"] = objects(&below).into();
        return Ok(writeln!(out, "{told}")?);
    }
    let marks: Vec<_> = own.rules.marks.iter().map(|mark| format!("{mark}%")).collect();
    let marks = if marks.is_empty() { "none".to_owned() } else { marks.join(", ") };
    writeln!(out, "{}: {}, marks {marks}", line(account.as_str()), rule(&own.rules))?;
    writeln!(out, "  money of a process that is not heard of any more: {}", on_loss(&own.rules))?;
    // Who may spend the least says what can be spent.
    let enforced = above.iter().chain([own]).filter(|state| state.rules.enforced);
    match enforced.min_by_key(|state| state.left()) {
        Some(least) => {
            writeln!(
                out,
                "  can be taken now: {}, by `{}`",
                least.left(),
                line(least.account.as_str())
            )?;
        }
        None => writeln!(out, "  can be taken now: anything")?,
    }
    drop(out);
    list(&[above.as_slice(), std::slice::from_ref(own), &below].concat(), false)
}
