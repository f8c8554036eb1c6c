//! The code of `docs/rate-limits.md`.

use std::num::{NonZeroU32, NonZeroU64};
use std::time::Duration;

use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{
    Demand, RateDimension, RateLimitedError, RateLimiter, RateLimits, SystemClock, ThreadSleeper,
};

// What the guide does not show.
use techrevati_runtime::resilience::Clock;

const REQUESTS: NonZeroU32 = NonZeroU32::new(50).unwrap();
const INPUT: NonZeroU64 = NonZeroU64::new(30_000).unwrap();
const OUTPUT: NonZeroU64 = NonZeroU64::new(8_000).unwrap();

fn limiter() -> RateLimiter {
    let limits = RateLimits::default()
        .requests_per_minute(REQUESTS)
        .input_tokens_per_minute(INPUT)
        .output_tokens_per_minute(OUTPUT);
    RateLimiter::new("anthropic", limits)
}

fn one_call() -> Result<(), RateLimitedError> {
    let limiter = limiter();
    let reserved = limiter.try_reserve(Demand::request().input_tokens(900).output_tokens(600))?;
    // The call is made here, and has used this much:
    reserved.adjust(Demand::request().input_tokens(870).output_tokens(211));
    assert_eq!(limiter.available().output_tokens, Some(8_000 - 211));

    let Err(refused) = limiter.try_reserve(Demand::request().output_tokens(7_900)) else {
        panic!("only 7,789 are left");
    };
    assert_eq!(refused.dimension, RateDimension::OutputTokens);
    assert!(refused.to_string().starts_with("rate limiter `anthropic` is out of output tokens"));
    Ok(())
}

fn on_a_thread(limiter: &RateLimiter) -> Result<(), RateLimitedError> {
    let reserved = limiter.reserve_blocking(Demand::request(), Duration::from_secs(30))?;
    // The call is made here.
    drop(reserved);
    Ok(())
}

async fn in_a_task(limiter: &RateLimiter) -> Result<(), RateLimitedError> {
    let until = Some(SystemClock.now() + Duration::from_secs(30));
    let reserved = limiter.reserve(Demand::request(), &ThreadSleeper, until).await?;
    // The call is made here.
    drop(reserved);
    Ok(())
}

fn a_reply() -> Result<(), RateLimitedError> {
    let limiter = limiter();
    let reserved = limiter.try_reserve(Demand::request().input_tokens(900))?;
    let sent = reserved.sent();
    let headers = [("anthropic-ratelimit-requests-remaining", "7")];
    limiter.observe(&headers, Some(sent));
    assert_eq!(limiter.available().requests, Some(7));
    Ok(())
}

fn asked_to_wait() {
    let limiter = limiter();
    limiter.pause(Duration::from_secs(20));
    let refused = limiter.check(Demand::request());
    assert!(refused.is_err_and(|refused| refused.dimension == RateDimension::Pause));
    limiter.resume();
    assert!(limiter.check(Demand::request()).is_ok());
}

async fn in_a_session() -> Result<(), BoxError> {
    let limiter = limiter();
    let writer = Orchestrator::new("writer", "draft").rate_limiter(limiter.clone());
    let session = writer.session()?;
    let turn = Turn::model("claude-sonnet-5")
        .estimate(UsageSnapshot::new(900, 0))
        .max_output(600)
        .usage(UsageSnapshot::new(870, 211));
    session.run_turn(turn, async || Ok::<_, BoxError>("a draft")).await?;
    assert_eq!(limiter.available().input_tokens, Some(30_000 - 870));
    session.complete()?;
    Ok(())
}

pub(crate) async fn run() -> Result<(), BoxError> {
    one_call()?;
    on_a_thread(&limiter())?;
    in_a_task(&limiter()).await?;
    a_reply()?;
    asked_to_wait();
    in_a_session().await
}
