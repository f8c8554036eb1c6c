//! What is pushed.

use runtime_fleet::{Accounts as _, Booking, Change, MemberId, SharedState as _};
use runtime_redis::{RedisConfig, RedisFleet};
use runtime_usage::Usd;

use crate::common::{HOUR, account, enforced, prefix, several, watch};

#[tokio::test]
async fn changes_are_pushed_to_the_others() {
    let Some(url) = test_redis::url() else { return };
    let fleets = several(url, 2).await;
    let (_heard, mut changes) = watch(&fleets[1]);
    let opened = fleets[0].open("api \"x\"\n", 0, HOUR).await.unwrap();
    let Some(Change::Breaker { name, view }) = changes.recv().await else { panic!("a breaker") };
    assert_eq!((&*name, view), ("api \"x\"\n", opened));

    fleets[0].pause("gpt-5", HOUR).await.unwrap();
    let paused = Change::Pause { name: "gpt-5".into(), wait: HOUR };
    assert_eq!(changes.recv().await, Some(paused));

    let (zero, amount) = (Usd::ZERO, Usd::from_cents(2));
    let (account, member) = (account("c"), MemberId::new("one"));
    fleets[0].set(&account, &enforced(Usd::from_cents(1))).await.unwrap();
    let booking = Booking {
        account: account.clone(),
        member: member.clone(),
        seq: 1,
        heard: 0,
        granted: zero,
        spent: zero,
        estimated: zero,
        returned: zero,
        least: amount,
        most: amount,
        ttl: HOUR,
    };
    fleets[0].book(&booking).await.unwrap();
    assert_eq!(changes.recv().await, Some(Change::Short { account, member }));
}

#[tokio::test]
async fn what_is_switched_off_is_not_pushed() {
    let Some(url) = test_redis::url() else { return };
    let config = RedisConfig::new(url).prefix(prefix());
    let one = RedisFleet::connect(config.clone()).await.unwrap();
    let two = RedisFleet::connect(config.push(false)).await.unwrap();
    let (_heard, mut changes) = watch(&two);
    one.open("api", 0, HOUR).await.unwrap();
    // A push comes before the answer to a later call of the same connection.
    two.open("api", 0, HOUR).await.unwrap();
    assert!(changes.try_recv().is_err());
}
