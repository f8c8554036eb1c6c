//! What a member tells and asks, as the functions of the schema read it.

use std::time::Duration;

use runtime_fleet::{Booking, PerMinute, Report, StateError, Want};
use runtime_usage::Usd;
use serde_json::{Value, json};

use crate::store::number;

/// A time in microseconds, at most a thousand years. One that is not zero is not zero here.
pub(super) fn micros(time: Duration) -> i64 {
    crate::store::micros(time.saturating_add(Duration::from_nanos(999)))
}

/// A sum in nano-dollars.
pub(super) fn nanos(usd: Usd, field: impl FnOnce() -> String) -> Result<i64, StateError> {
    i64::try_from(usd.nanos())
        .map_err(|_| StateError::TooLarge { field: field(), value: usd.to_string() })
}

pub(super) fn report(report: &Report) -> Result<Value, StateError> {
    let bookings: Vec<_> = report.bookings.iter().map(booking).collect::<Result<_, _>>()?;
    Ok(json!({
        "member": report.member.as_str(),
        "seq": number(report.seq),
        "ttl": micros(report.ttl),
        "breakers": report.breakers,
        "wants": report.wants.iter().map(want).collect::<Vec<_>>(),
        "pauses": report.pauses,
        "bookings": bookings,
    }))
}

fn want(want: &Want) -> Value {
    json!({
        "limit": want.limit,
        "limits": per_minute(want.limits),
        "applied": per_minute(want.applied),
        "demand": per_minute(want.demand),
    })
}

/// A number that the database does not have is as good as its largest.
fn per_minute(numbers: PerMinute) -> [Option<i64>; 4] {
    numbers.map(|units| units.map(number))
}

pub(super) fn booking(booking: &Booking) -> Result<Value, StateError> {
    let sum = |name: &str, usd| nanos(usd, || format!("`{name}` of account `{}`", booking.account));
    let granted = sum("granted", booking.granted)?;
    // No account has more: it is refused as any other sum that is too large.
    let ask = |usd: Usd| i64::try_from(usd.nanos()).unwrap_or(i64::MAX).min(i64::MAX - granted);
    Ok(json!({
        "account": booking.account.as_str(),
        "member": booking.member.as_str(),
        "seq": number(booking.seq),
        "heard": number(booking.heard),
        "granted": granted,
        "spent": sum("spent", booking.spent)?,
        "estimated": sum("estimated", booking.estimated)?,
        "returned": sum("returned", booking.returned)?,
        "least": ask(booking.least),
        "most": ask(booking.most),
        "ttl": micros(booking.ttl),
    }))
}
