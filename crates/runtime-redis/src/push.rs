//! What the server pushes.

use std::time::Duration;

use runtime_fleet::{AccountPath, BreakerView, Change, MemberId};

/// What a push says. `None` of what a later version may tell.
pub(crate) fn read(payload: &[u8]) -> Option<Change> {
    change(std::str::from_utf8(payload).ok()?)
}

/// A word, numbers or a member, and a name to the end, each on a line. The first number of what has a time is when.
fn change(payload: &str) -> Option<Change> {
    let (word, rest) = payload.split_once('\n')?;
    let micros = |text: &str| text.parse().ok().map(Duration::from_micros);
    match word {
        "breaker" => {
            let mut fields = rest.splitn(5, '\n');
            let at = micros(fields.next()?)?;
            let mut number = || fields.next()?.parse::<i64>().ok();
            let (generation, open, probing) = (number()?, number()?, number()?);
            let name = fields.next()?.into();
            let generation = u64::try_from(generation).ok()?;
            let open = u64::try_from(open).ok().map(Duration::from_micros);
            Some(Change::Breaker {
                name,
                view: BreakerView { generation, open, probing: probing == 1 },
                at,
            })
        }
        "pause" => {
            let (at, rest) = rest.split_once('\n')?;
            let (wait, name) = rest.split_once('\n')?;
            Some(Change::Pause { name: name.into(), wait: micros(wait)?, at: micros(at)? })
        }
        "rules" => Some(Change::Rules { account: AccountPath::new(rest).ok()? }),
        "short" => {
            let (member, account) = rest.rsplit_once('\n')?;
            let account = AccountPath::new(account).ok()?;
            Some(Change::Short { account, member: MemberId::new(member) })
        }
        _ => None,
    }
}
