//! The accounts of a fleet in a database: what they may spend, and have spent.

mod arguments;
mod open;

use std::io::{self, Write as _};

use chrono::SecondsFormat;
use futures_executor::block_on;
use runtime_events::{Clock as _, SystemClock};
use runtime_fleet::{AccountPath, AccountState, Holder, MemberId, OnLoss, Rules};
use runtime_report::show::line;
use runtime_usage::{Limit, Usd};
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
        AccountsCommand::Correct { place, account, holder, amount, who, note, json } => {
            let backend = open::open_backend(place)?;
            correct(&*backend, account, (holder, *amount), (who, note), *json)
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

/// Gives back money of a lost process, and says so.
fn correct(
    backend: &Backend,
    account: &AccountPath,
    (holder, amount): (&str, Usd),
    (who, note): (&str, &str),
    as_json: bool,
) -> Result<(), Error> {
    let back = block_on(backend.correct(account, &MemberId::new(holder), amount))?;
    if back.is_zero() {
        let nothing =
            format!("nothing of `{account}` counts as spent by an estimate for `{holder}`");
        return Err(Error::Refused(nothing));
    }
    let at = SystemClock.utc_now().to_rfc3339_opts(SecondsFormat::Secs, true);
    if as_json {
        let told = json!({
            "at": at,
            "account": account.as_str(),
            "holder": holder,
            "asked_usd": amount,
            "given_back_usd": back,
            "who": who,
            "note": note,
        });
        return Ok(writeln!(io::stdout(), "{told}")?);
    }
    let most = if back < amount { ", all that was estimated" } else { "" };
    let (account, holder) = (line(account.as_str()), line(holder));
    let (who, note) = (line(who), line(note));
    Ok(writeln!(
        io::stdout(),
        "{at} {who} gave back {back}{most}: `{account}`, `{holder}`: {note}"
    )?)
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
    let holders = block_on(backend.holders(account))?;
    let mut out = io::stdout().lock();
    if as_json {
        let objects = |states: &[AccountState]| states.iter().map(object).collect::<Vec<_>>();
        let mut told = object(own);
        told["above"] = objects(&above).into();
        told["below"] = objects(&below).into();
        told["held_by"] = holders.iter().map(holder_object).collect();
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
    list(&[above.as_slice(), std::slice::from_ref(own), &below].concat(), false)?;
    if holders.is_empty() {
        return Ok(());
    }
    let heads = ["holder", "spent", "estimated", "held", "heard of"];
    let mut rows = vec![heads.map(str::to_owned).to_vec()];
    rows.extend(holders.iter().map(holder_row));
    let mut out = io::stdout().lock();
    writeln!(out)?;
    Ok(table(&mut out, &rows)?)
}

fn holder_row(holder: &Holder) -> Vec<String> {
    vec![
        line(holder.member.as_str()).to_string(),
        holder.spent.to_string(),
        holder.estimated.to_string(),
        holder.held.to_string(),
        if holder.away { "not any more" } else { "yes" }.to_owned(),
    ]
}

fn holder_object(holder: &Holder) -> Value {
    json!({
        "holder": holder.member.as_str(),
        "spent_usd": holder.spent,
        "estimated_usd": holder.estimated,
        "held_usd": holder.held,
        "away": holder.away,
    })
}
