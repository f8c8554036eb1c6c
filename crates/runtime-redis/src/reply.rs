//! What the functions return, as what it is.

use std::time::Duration;

use redis::{FromRedisValue, Value, from_redis_value};
use runtime_fleet::{
    AccountLevel, AccountPath, AccountState, Booked, BreakerView, Holder, MemberId, OnLoss, Rules,
    Share, StateError,
};
use runtime_usage::Usd;

/// The fields of an account: path, amount, enforced, strict, on loss, marks, spent, estimated, granted, members.
type Fields = (String, String, u8, u8, u8, String, String, String, String, u32);

/// Reads a value of any form.
pub(crate) fn read<T: FromRedisValue>(value: Value, function: &str) -> Result<T, StateError> {
    from_redis_value(value).map_err(|error| corrupt(function, error.to_string()))
}

fn corrupt(function: &str, why: impl Into<String>) -> StateError {
    StateError::Corrupt { of: format!("the answer of `{function}`"), why: why.into() }
}

/// A time that is left, if it is not -1.
fn left(micros: i64) -> Option<Duration> {
    u64::try_from(micros).ok().map(Duration::from_micros)
}

pub(crate) fn nanos(text: &str, function: &str) -> Result<Usd, StateError> {
    let nanos = text.parse().map_err(|_| corrupt(function, format!("{text:?} is no sum")))?;
    Ok(Usd::from_nanos(nanos))
}

pub(crate) fn view(value: Value) -> Result<BreakerView, StateError> {
    let (generation, open, probing): (u64, i64, u8) = read(value, "breaker")?;
    Ok(BreakerView { generation, open: left(open), probing: probing == 1 })
}

/// A breaker, and what is left of the time of a probe that was granted.
pub(crate) fn probe(value: Value) -> Result<(BreakerView, Option<Duration>), StateError> {
    let (generation, open, probing, granted): (u64, i64, u8, i64) = read(value, "probe")?;
    let view = BreakerView { generation, open: left(open), probing: probing == 1 };
    Ok((view, left(granted)))
}

/// How many members there are, if they can be counted, and the time.
pub(crate) fn members(value: Value) -> Result<(Result<u32, StateError>, Duration), StateError> {
    let (members, at, why): (u32, u64, String) = read(value, "member")?;
    let uncounted = |why| StateError::Corrupt { of: "the members".to_owned(), why };
    let members = if why.is_empty() { Ok(members) } else { Err(uncounted(why)) };
    Ok((members, Duration::from_micros(at)))
}

/// What is left of a pause.
pub(crate) fn pause(value: Value) -> Result<Option<Duration>, StateError> {
    Ok(left(read(value, "paused")?))
}

pub(crate) fn share(value: Value) -> Result<Share, StateError> {
    let [a, b, c, d, paused]: [i64; 5] = read(value, "share")?;
    Ok(Share { given: [a, b, c, d].map(|units| u64::try_from(units).ok()), paused: left(paused) })
}

pub(crate) fn booked(value: Value) -> Result<Booked, StateError> {
    let (granted, lost, short, path): (String, String, u8, Vec<(Fields, Vec<u16>)>) =
        read(value, "book")?;
    let level = |(fields, marks)| Ok(AccountLevel { state: fields_of(fields)?, marks });
    Ok(Booked {
        granted: nanos(&granted, "book")?,
        lost: nanos(&lost, "book")?,
        path: path.into_iter().map(level).collect::<Result<_, StateError>>()?,
        short: short == 1,
    })
}

pub(crate) fn account(value: Value) -> Result<AccountState, StateError> {
    fields_of(read(value, "accounts")?)
}

pub(crate) fn accounts(value: Value) -> Result<Vec<AccountState>, StateError> {
    read::<Vec<Fields>>(value, "accounts")?.into_iter().map(fields_of).collect()
}

pub(crate) fn holders(value: Value) -> Result<Vec<Holder>, StateError> {
    let all: Vec<(String, String, String, String, u8)> = read(value, "holders")?;
    let holder = |(member, spent, estimated, held, away): (String, String, String, String, u8)| {
        let sum = |text: &str| nanos(text, "holders");
        Ok(Holder {
            member: MemberId::new(member),
            spent: sum(&spent)?,
            estimated: sum(&estimated)?,
            held: sum(&held)?,
            away: away == 1,
        })
    };
    all.into_iter().map(holder).collect()
}

fn fields_of(fields: Fields) -> Result<AccountState, StateError> {
    let (path, amount, enforced, strict, on_loss, marks, spent, estimated, granted, members) =
        fields;
    let corrupt = |why: String| StateError::Corrupt { of: format!("account {path:?}"), why };
    let sum = |text: &str| nanos(text, "accounts");
    let on_loss = match on_loss {
        1 => OnLoss::Spend,
        2 => OnLoss::Return,
        other => return Err(corrupt(format!("its rule on loss {other} is unknown"))),
    };
    let marks = marks.split(',').filter(|mark| !mark.is_empty()).map(str::parse);
    let marks =
        marks.collect::<Result<_, _>>().map_err(|_| corrupt("a mark is no number".to_owned()))?;
    let account = AccountPath::new(&*path).map_err(|error| corrupt(error.to_string()))?;
    let rules = Rules {
        amount: sum(&amount)?,
        enforced: enforced == 1,
        strict: strict == 1,
        marks,
        on_loss,
    };
    Ok(AccountState {
        account,
        rules,
        spent: sum(&spent)?,
        estimated: sum(&estimated)?,
        granted: sum(&granted)?,
        members,
    })
}
