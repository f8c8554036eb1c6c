//! What a member tells and asks, as the functions of the schema read it.

use std::time::Duration;

use runtime_fleet::{Booking, MemberReport, PerMinute, Want};
use runtime_usage::Usd;
use serde_json::{Value, json};

use crate::store::number;

/// A time in microseconds, at most a thousand years. One that is not zero is not zero here.
pub(super) fn micros(time: Duration) -> i64 {
    crate::store::micros(time.saturating_add(Duration::from_nanos(999)))
}

/// A sum in nano-dollars, at most the largest that is counted.
pub(super) fn nanos(usd: Usd) -> i64 {
    i64::try_from(usd.nanos()).unwrap_or(i64::MAX)
}

/// A report, with those of its bookings that can be counted.
pub(super) fn report(report: &MemberReport) -> Value {
    let counted = report.bookings.iter().filter(|booking| booking.check().is_ok());
    json!({
        "member": report.member.as_str(),
        "seq": number(report.seq),
        "ttl": micros(report.ttl),
        "breakers": report.breakers,
        "wants": report.wants.iter().map(want).collect::<Vec<_>>(),
        "pauses": report.pauses,
        "bookings": counted.map(booking).collect::<Vec<_>>(),
    })
}

/// The two halves of a report of more than one thing.
pub(super) fn halves(report: &MemberReport) -> Option<[MemberReport; 2]> {
    fn split<T>(list: &mut Vec<T>, left: &mut usize) -> Vec<T> {
        let at = list.len().min(*left);
        *left -= at;
        list.split_off(at)
    }
    let MemberReport { breakers, wants, pauses, bookings, .. } = report;
    let things = breakers.len() + wants.len() + pauses.len() + bookings.len();
    let (mut one, mut left) = (report.clone(), things / 2);
    let other = MemberReport {
        breakers: split(&mut one.breakers, &mut left),
        wants: split(&mut one.wants, &mut left),
        pauses: split(&mut one.pauses, &mut left),
        bookings: split(&mut one.bookings, &mut left),
        ..nothing_of(report)
    };
    (things > 1).then_some([one, other])
}

/// The same report, of nothing.
pub(super) fn nothing_of(report: &MemberReport) -> MemberReport {
    let MemberReport { member, seq, ttl, .. } = report.clone();
    let (breakers, wants, pauses, bookings) = Default::default();
    MemberReport { member, seq, ttl, breakers, wants, pauses, bookings }
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

pub(super) fn booking(booking: &Booking) -> Value {
    let (least, most) = booking.asks();
    json!({
        "account": booking.account.as_str(),
        "member": booking.member.as_str(),
        "seq": number(booking.seq),
        "heard": number(booking.heard),
        "granted": nanos(booking.granted),
        "spent": nanos(booking.spent),
        "estimated": nanos(booking.estimated),
        "returned": nanos(booking.returned),
        "least": nanos(least),
        "most": nanos(most),
        "ttl": micros(booking.ttl),
    })
}
