//! The limiter against a log of all that happened, and against another implementation.

use std::num::{NonZeroU32, NonZeroU64};
use std::sync::Arc;
use std::time::Duration;

use governor::clock::FakeRelativeClock;
use governor::{Quota, RateLimiter as Governor};
use proptest::prelude::*;
use runtime_events::ManualClock;
use runtime_resilience::{
    Demand, RateLimiter, RateLimits, RateQuota, RateReservation, RateSnapshot,
};

const MINUTE: u128 = 60_000_000_000;

fn limits(requests: u32, tokens: u64, burst: Duration) -> RateLimits {
    RateLimits::default()
        .requests_per_minute(NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN))
        .tokens_per_minute(NonZeroU64::new(tokens).unwrap_or(NonZeroU64::MIN))
        .burst(burst)
}

/// One call: when it was let through, and what it turned out to use.
#[derive(Clone, Copy, Debug)]
struct Call {
    at: u64,
    tokens: u64,
}

/// What is owed at `now`, by playing back what was used from the beginning, in parts of a token.
fn owed(calls: &[Call], per_minute: u64, now: u64) -> u128 {
    let (mut owed, mut at) = (0_u128, 0);
    for call in calls {
        owed = owed.saturating_sub(u128::from(per_minute) * u128::from(call.at - at));
        owed += u128::from(call.tokens) * MINUTE;
        at = call.at;
    }
    owed.saturating_sub(u128::from(per_minute) * u128::from(now - at))
}

#[derive(Clone, Debug)]
enum Op {
    Ask(u64),
    /// Settles a call under way, for a share of its reservation.
    Settle(prop::sample::Index, u64),
    Cancel(prop::sample::Index),
    Drop(prop::sample::Index),
    Advance(u64),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (0..120_u64).prop_map(Op::Ask),
        2 => (any::<prop::sample::Index>(), 0..=100_u64).prop_map(|(i, share)| Op::Settle(i, share)),
        1 => any::<prop::sample::Index>().prop_map(Op::Cancel),
        1 => any::<prop::sample::Index>().prop_map(Op::Drop),
        3 => prop_oneof![0..5_000_000_000_u64, Just(0), 0..90_000_000_000_u64].prop_map(Op::Advance),
    ];
    prop::collection::vec(op, 1..80)
}

proptest! {
    /// After each step the limiter equals one in which every call reserved exactly its use: property 9
    /// as one equation.
    #[test]
    fn settling_is_as_if_no_more_had_been_reserved(
        ops in ops(),
        per_minute in 1..400_u64,
        burst in 1..90_u64,
    ) {
        let clock = ManualClock::new();
        let limits = limits(u32::MAX, per_minute, Duration::from_secs(burst));
        let limiter = RateLimiter::with_clock("p", limits, Arc::new(clock.clone()));
        let brim = (u128::from(per_minute) * u128::from(burst) * 1_000_000_000).max(MINUTE);
        let (mut now, mut calls) = (0, Vec::new());
        let mut held: Vec<(usize, u64, RateReservation)> = Vec::new();
        for op in ops {
            match op {
                Op::Ask(tokens) => {
                    let fits = owed(&calls, per_minute, now) + u128::from(tokens) * MINUTE <= brim;
                    match limiter.try_reserve(Demand::request().input_tokens(tokens)) {
                        Ok(reserved) => {
                            prop_assert!(fits);
                            held.push((calls.len(), tokens, reserved));
                            calls.push(Call { at: now, tokens });
                        }
                        Err(error) => {
                            prop_assert!(!fits);
                            let never = u128::from(tokens) * MINUTE > brim;
                            prop_assert_eq!(error.retry_after.is_none(), never);
                        }
                    }
                }
                Op::Settle(index, share) if !held.is_empty() => {
                    let (call, tokens, reserved) = held.swap_remove(index.index(held.len()));
                    let used = tokens * share / 100;
                    reserved.adjust(Demand::request().input_tokens(used));
                    calls[call].tokens = used;
                }
                Op::Cancel(index) if !held.is_empty() => {
                    let (call, _, reserved) = held.swap_remove(index.index(held.len()));
                    reserved.cancel();
                    calls[call].tokens = 0;
                }
                Op::Drop(index) if !held.is_empty() => {
                    drop(held.swap_remove(index.index(held.len())));
                }
                Op::Advance(by) => {
                    now += by;
                    clock.advance(Duration::from_nanos(by));
                }
                _ => {}
            }
            let left = brim.saturating_sub(owed(&calls, per_minute, now)) / MINUTE;
            prop_assert_eq!(limiter.available().tokens.map(u128::from), Some(left));
        }
        // The use in any time: a burst, and the units that came in.
        for (first, from) in calls.iter().enumerate() {
            let mut used = 0;
            for to in &calls[first..] {
                used += u128::from(to.tokens) * MINUTE;
                prop_assert!(used <= brim + u128::from(per_minute) * u128::from(to.at - from.at));
            }
        }
    }

    /// Use beyond the reservations is made up for.
    #[test]
    fn the_long_run_is_held_even_if_every_call_underestimates(
        calls in prop::collection::vec((1..50_u64, 0..200_u64, 0..20_u64), 1..60),
        per_minute in 1..400_u64,
    ) {
        let clock = ManualClock::new();
        let limits = limits(u32::MAX, per_minute, Duration::from_mins(1));
        let limiter = RateLimiter::with_clock("p", limits, Arc::new(clock.clone()));
        let (mut used, mut over) = (0, 0);
        for (asked, more, wait) in calls {
            clock.advance(Duration::from_secs(wait));
            let Ok(reserved) = limiter.try_reserve(Demand::request().output_tokens(asked)) else {
                continue;
            };
            reserved.adjust(Demand::request().output_tokens(asked + more));
            used += u128::from(asked + more) * MINUTE;
            over = u128::from(more) * MINUTE;
            let came_in = u128::from(per_minute) * (clock.elapsed().as_nanos() + MINUTE);
            prop_assert!(used <= came_in + over, "never ahead by more than the last call");
        }
        let _ = over;
    }

    #[test]
    fn all_dimensions_or_none_and_retry_after_is_exact(
        asks in prop::collection::vec((0..40_u64, 0..20_000_000_000_u64), 1..60),
        requests in 1..100_u32,
        tokens in 1..500_u64,
        burst in 1..60_u64,
    ) {
        let clock = ManualClock::new();
        let limits = limits(requests, tokens, Duration::from_secs(burst));
        let limiter = RateLimiter::with_clock("p", limits, Arc::new(clock.clone()));
        for (ask, wait) in asks {
            let ask = Demand::request().input_tokens(ask / 2).output_tokens(ask - ask / 2);
            clock.advance(Duration::from_nanos(wait));
            let before = limiter.available();
            prop_assert_eq!(limiter.check(ask).is_ok(), limiter.try_reserve(ask).is_ok());
            if let Err(error) = limiter.check(ask) {
                let now = limiter.available();
                prop_assert_eq!(limiter.try_reserve(ask).err(), Some(error.clone()));
                prop_assert_eq!(limiter.available(), now, "a refusal takes nothing");
                let Some(wait) = error.retry_after else { continue };
                prop_assert!(!wait.is_zero());
                clock.advance(wait.saturating_sub(Duration::from_nanos(1)));
                prop_assert!(limiter.check(ask).is_err());
                clock.advance(Duration::from_nanos(1));
                prop_assert_eq!(limiter.check(ask), Ok(()));
            }
            prop_assert!(before.requests.is_some());
        }
    }

    /// Replies, in any order, never grant more than there is without them.
    #[test]
    fn no_reply_ever_hands_out_anything(
        ops in ops(),
        told in prop::collection::vec((any::<prop::sample::Index>(), 0..500_u64, any::<bool>()), 80),
        per_minute in 1..400_u64,
    ) {
        let clock = ManualClock::new();
        let limits = limits(u32::MAX, per_minute, Duration::from_mins(1));
        let [plain, taught] =
            [(); 2].map(|()| RateLimiter::with_clock("p", limits, Arc::new(clock.clone())));
        let (mut held, mut sent) = (Vec::new(), Vec::new());
        for (op, (call, remaining, speaks)) in ops.into_iter().zip(told) {
            match op {
                Op::Ask(tokens) => {
                    let ask = Demand::request().input_tokens(tokens);
                    if let Ok(reserved) = taught.try_reserve(ask) {
                        sent.push(reserved.sent());
                        let other = plain.try_reserve(ask);
                        prop_assert!(other.is_ok(), "it let through what the other does not");
                        held.push((tokens, reserved, other.ok()));
                    }
                }
                Op::Settle(index, share) if !held.is_empty() => {
                    let (tokens, one, other) = held.swap_remove(index.index(held.len()));
                    // Above 80 of 100, more than the reservation.
                    let used = Demand::request().input_tokens(tokens * share / 80);
                    one.adjust(used);
                    if let Some(other) = other {
                        other.adjust(used);
                    }
                }
                Op::Cancel(index) if !held.is_empty() => {
                    let (_, one, other) = held.swap_remove(index.index(held.len()));
                    one.cancel();
                    other.into_iter().for_each(RateReservation::cancel);
                }
                Op::Drop(index) if !held.is_empty() => {
                    drop(held.swap_remove(index.index(held.len())));
                }
                Op::Advance(by) => clock.advance(Duration::from_nanos(by)),
                _ => {}
            }
            if speaks && !sent.is_empty() {
                let before = taught.available().tokens;
                let quota = RateQuota::default().remaining(remaining);
                let snapshot = RateSnapshot::default().tokens(quota);
                taught.observe_snapshot(&snapshot, Some(sent[call.index(sent.len())]));
                prop_assert!(taught.available().tokens <= before);
            }
            prop_assert!(taught.available().tokens <= plain.available().tokens);
        }
    }

    #[test]
    fn the_order_of_settling_makes_no_difference(
        asks in prop::collection::vec((1..30_u64, 0..=100_u64, 0..10_000_000_000_u64), 2..8),
        order in any::<prop::sample::Index>(),
        per_minute in 100..400_u64,
    ) {
        let run = |order: &dyn Fn(usize) -> usize| {
            let clock = ManualClock::new();
            let limits = limits(u32::MAX, per_minute, Duration::from_mins(1));
            let limiter = RateLimiter::with_clock("p", limits, Arc::new(clock.clone()));
            let mut held = Vec::new();
            for (ask, share, wait) in &asks {
                clock.advance(Duration::from_nanos(*wait));
                let reserved = limiter.try_reserve(Demand::request().input_tokens(*ask));
                held.push((ask * share / 100, reserved.ok()));
            }
            while !held.is_empty() {
                let (used, reserved) = held.remove(order(held.len()));
                if let Some(reserved) = reserved {
                    reserved.adjust(Demand::request().input_tokens(used));
                }
            }
            limiter.available()
        };
        let in_order = run(&|_| 0);
        prop_assert_eq!(in_order, run(&|len| len - 1));
        prop_assert_eq!(in_order, run(&|len| order.index(len)));
    }

    #[test]
    fn the_plain_limiter_decides_as_governor_does(
        steps in prop::collection::vec((1..12_u32, 0..3_000_u64), 1..150),
        // A minute is a whole number of nanoseconds for each: governor rounds, and we do not.
        per_minute in prop::sample::select(vec![1_u32, 6, 20, 60, 100, 600, 3_000, 60_000]),
        burst in 1..40_u32,
    ) {
        let their_clock = FakeRelativeClock::default();
        let quota = Quota::per_minute(NonZeroU32::new(per_minute).expect("not zero"));
        let quota = quota.allow_burst(NonZeroU32::new(burst).expect("not zero"));
        let theirs = Governor::direct_with_clock(quota, their_clock.clone());
        let clock = ManualClock::new();
        let burst = Duration::from_nanos(60_000_000_000 / u64::from(per_minute) * u64::from(burst));
        let limits = limits(u32::MAX, u64::from(per_minute), burst);
        let ours = RateLimiter::with_clock("p", limits, Arc::new(clock.clone()));
        for (ask, wait) in steps {
            let wait = Duration::from_millis(wait) * 60 / per_minute;
            clock.advance(wait);
            their_clock.advance(wait);
            let asked = ours.try_reserve(Demand::request().input_tokens(u64::from(ask)));
            let theirs = theirs.check_n(NonZeroU32::new(ask).expect("not zero"));
            match (asked, theirs) {
                (Ok(_), Ok(Ok(()))) => {}
                (Err(error), Err(_)) => prop_assert_eq!(error.retry_after, None),
                (Err(error), Ok(Err(not_until))) => {
                    let wait = not_until.wait_time_from(governor::clock::Clock::now(&their_clock));
                    prop_assert_eq!(error.retry_after, Some(wait));
                }
                (ours, theirs) => prop_assert!(false, "{:?} and {:?}", ours, theirs),
            }
        }
    }
}
