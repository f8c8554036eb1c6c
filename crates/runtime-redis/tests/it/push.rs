//! What is pushed.

use runtime_fleet::conformance;
use runtime_redis::RedisFleet;

use crate::common::{patient, prefix, several};

#[tokio::test]
async fn changes_are_pushed_to_the_others() {
    let Some(url) = test_redis::url() else { return };
    conformance::pushes(&several(url, 2).await).await;
}

#[tokio::test]
async fn what_is_switched_off_is_not_pushed() {
    let Some(url) = test_redis::url() else { return };
    let config = patient(url).prefix(prefix());
    let one = RedisFleet::connect(config.clone()).await.unwrap();
    let two = RedisFleet::connect(config.push(false)).await.unwrap();
    conformance::no_pushes(&one, &two).await;
}
