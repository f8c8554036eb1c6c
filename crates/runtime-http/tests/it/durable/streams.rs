//! Streams of a durable session.

use futures_util::StreamExt;
use runtime_durable::{DurableSession, Run};
use runtime_http::Turns;
use runtime_usage::Usd;
use serde_json::json;

use super::{World, done, seen};
use crate::support::{Door, Reply};

#[tokio::test]
async fn stream_that_breaks_breaks_at_the_same_place_again() {
    for door in [Door::Tower, Door::Reqwest] {
        for model in ["cut", "ends", "late"] {
            let world = World::new().await;
            let body = async |session: &DurableSession| {
                let turns = Turns::of(session);
                let Reply::Stream(chunks, error) = door.read(&turns, &world.provider, model).await
                else {
                    panic!("{door:?} {model}: it began")
                };
                Ok(json!([chunks, error.is_some()]))
            };
            let first = world.die(&[model], body).await;
            let Ok(Run::Done(ended)) = world.run(&[model], body).await else { panic!("{model}") };
            assert_eq!(ended.value, first, "{door:?} {model}");
            assert_eq!(world.requests(), 1, "{door:?} {model}");
            assert_eq!(ended.totals.iterations, 1, "{door:?} {model}");
            assert!(ended.totals.cost() > Usd::ZERO, "{door:?} {model}: what came is paid");
        }
    }
}

#[tokio::test]
async fn stream_that_the_code_left_is_not_made_again() {
    let world = World::new().await;
    let body = async |session: &DurableSession| {
        let turns = Turns::of(session);
        let mut chunks = Door::Tower.stream(&turns, &world.provider, "idle").await?;
        let mut read = Vec::new();
        for _ in 0..3 {
            read.push(chunks.next().await.ok_or("it goes on")??);
        }
        drop(chunks);
        // The code goes on without the rest.
        let answer = seen(Door::Tower.chat(&turns, &world.provider, "fine").await)?;
        Ok(json!([read, answer]))
    };
    let first = world.die(&["idle", "fine"], body).await;
    assert_eq!(world.requests(), 2);
    let Ok(Run::Done(ended)) = world.run(&["idle", "fine"], body).await else { panic!("done") };
    assert_eq!(ended.value, first);
    assert_eq!(world.requests(), 2, "nothing was asked again");
    assert!(ended.totals.models["idle"].lost.is_zero(), "it was paid for what came");
    assert!(ended.totals.models["idle"].cost > Usd::ZERO);
}

#[tokio::test]
async fn streams_may_be_read_beside_each_other() {
    let world = World::new().await;
    let body = async |session: &DurableSession| {
        let turns = Turns::of(session);
        let mut one = Door::Tower.stream(&turns, &world.provider, "fine").await?;
        let mut other = Door::Reqwest.stream(&turns, &world.provider, "bytes").await?;
        let mut chunks = Vec::new();
        loop {
            match (one.next().await, other.next().await) {
                (None, None) => break,
                (first, second) => {
                    for chunk in [first, second].into_iter().flatten() {
                        chunks.push(chunk?);
                    }
                }
            }
        }
        Ok(json!(chunks))
    };
    let first = world.die(&["fine", "bytes"], body).await;
    assert_eq!(done(world.run(&["fine", "bytes"], body).await), first);
    assert_eq!(world.requests(), 2);
}
