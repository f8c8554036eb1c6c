//! # The trial of a failover
//!
//! Three processes spend $1 of a strict account, while the primary is killed and its replica, which had not heard of
//! the last tenth, is promoted: once with much left, and once when more was forgotten than is left. In Postgres once
//! more with a synchronous replica, which a grant waits for.

use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use techrevati_runtime::fleet::AccountState;
use techrevati_runtime::prelude::*;
use test_way::Way;

use crate::backend::Backend;
use crate::provider::{Books, Provider};
use crate::{CAP, SPENDERS, THOUGHT, judge};

pub(crate) fn trial(kind: &str) -> Result<(), BoxError> {
    for (cut, killed) in [(30, 40), (85, 95)] {
        failover(kind, false, (cut, killed))?;
        if kind == "postgres" {
            failover(kind, true, (cut, killed))?;
        }
    }
    Ok(())
}

/// The replica is cut off when so many cents are spent, and the primary is killed later.
fn failover(kind: &str, synchronous: bool, (cut, killed): (u64, u64)) -> Result<(), BoxError> {
    let replica = if synchronous { "a synchronous replica" } else { "a replica" };
    println!("{kind}, {replica}, cut off at {cut} %");
    let primary = Backend::start(kind, true)?;
    let followed = Way::to(primary.port());
    let replica = primary.replica(&followed, synchronous)?;
    let provider = Provider::start(THOUGHT)?;
    // An address that moves.
    let way = Way::to(primary.port());
    let start = |_| Ok(primary.member("spend", &way, &provider)?.stdin(Stdio::null()).spawn()?);
    let spenders: Vec<Child> = (0..SPENDERS).map(start).collect::<Result<_, BoxError>>()?;

    let spent =
        |percent: u64| move |books: &Books| books.billed.nanos() >= CAP.nanos() / 100 * percent;
    provider.wait(spent(cut));
    followed.close();
    if synchronous {
        // Nothing more is granted.
        thread::sleep(Duration::from_secs(1));
    } else {
        provider.wait(spent(killed));
    }
    let before = primary.account("trial")?;
    primary.kill();
    replica.promote();
    let after = replica.account("trial")?;
    way.lead_to(replica.port());
    for mut spender in spenders {
        spender.wait()?;
    }
    let ours = replica.settled("trial")?;
    let Books { calls, billed, .. } = *provider.books();
    let forgotten = known(&before).saturating_sub(known(&after));
    let left = CAP.saturating_sub(known(&before));
    let over = billed.saturating_sub(CAP);
    println!(
        "  money     {calls} calls for {billed}; ours {} of which {} estimated; limit {CAP}; {left} was left, and \
         the replica had forgotten {forgotten}; {over} over",
        ours.spent, ours.estimated
    );
    judge([
        // What was forgotten may be granted once more.
        (over > forgotten, "more was spent than the limit and what was forgotten"),
        (ours.spent != billed, "the books differ from the provider's"),
        (!ours.granted.is_zero(), "a grant is left"),
        (
            !synchronous && forgotten.is_zero(),
            "the replica had forgotten nothing, so nothing was tried",
        ),
        (synchronous && !forgotten.is_zero(), "a synchronous replica has forgotten a grant"),
    ])
}

/// What is spent or granted.
fn known(state: &AccountState) -> Usd {
    state.spent.saturating_add(state.granted)
}
