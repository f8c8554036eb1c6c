//! # The trial of a failover
//!
//! Three processes spend $1 of a strict account, while the primary is killed and its replica, which had not heard of
//! the last second, is promoted. In Postgres once more with a synchronous replica, which a grant waits for.

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
    failover(kind, false)?;
    if kind == "postgres" { failover(kind, true) } else { Ok(()) }
}

fn failover(kind: &str, synchronous: bool) -> Result<(), BoxError> {
    println!("{kind}, {}", if synchronous { "a synchronous replica" } else { "a replica" });
    let primary = Backend::start(kind, true)?;
    let followed = Way::to(primary.port());
    let replica = primary.replica(&followed, synchronous)?;
    let provider = Provider::start(THOUGHT)?;
    // An address that moves.
    let way = Way::to(primary.port());
    let start = |_| Ok(primary.member("spend", &way, &provider)?.stdin(Stdio::null()).spawn()?);
    let spenders: Vec<Child> = (0..SPENDERS).map(start).collect::<Result<_, BoxError>>()?;

    provider.wait(|books| books.billed.nanos() >= CAP.nanos() / 10 * 3);
    followed.close();
    thread::sleep(Duration::from_secs(1));
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
    println!(
        "  money     {calls} calls for {billed}; ours {} of which {} estimated; limit {CAP}; the replica had \
         forgotten {forgotten}",
        ours.spent, ours.estimated
    );
    judge([
        (billed > CAP, "more was spent than the limit"),
        (ours.spent != billed, "the books differ from the provider's"),
        (ours.spent > CAP, "more was booked than the limit"),
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
