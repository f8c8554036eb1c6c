//! When another attempt here is worth the wait.

use std::time::Duration;

use runtime_resilience::{Fault, FaultKind, NoRetry};

/// The wait after a fault that may pass by itself, and asks for so long.
fn wait(
    asked: Option<Duration>,
    delay: Duration,
    cap: Duration,
    left: Option<Duration>,
) -> Result<Duration, NoRetry> {
    let mut fault = Fault::of(FaultKind::Overload);
    fault.asked = asked;
    fault.wait(delay, cap, left)
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn unasked_wait_is_the_delay_up_to_the_cap() {
    assert_eq!(wait(None, s(3), s(60), None), Ok(s(3)));
    assert_eq!(wait(None, s(90), s(60), None), Ok(s(60)));
    assert_eq!(wait(None, s(0), s(0), None), Ok(s(0)));
}

#[test]
fn delay_is_added_to_the_asked_wait() {
    assert_eq!(wait(Some(s(20)), s(3), s(60), None), Ok(s(23)));
    assert_eq!(wait(Some(s(20)), s(0), s(60), None), Ok(s(20)));
    assert_eq!(wait(Some(s(59)), s(3), s(60), None), Ok(s(60)));
    assert_eq!(wait(Some(s(60)), s(3), s(60), None), Ok(s(60)));
}

#[test]
fn wait_beyond_the_cap_is_refused() {
    assert_eq!(
        wait(Some(s(61)), s(3), s(60), None),
        Err(NoRetry::TooLong { asked: s(61), cap: s(60) })
    );
    let forever = wait(Some(Duration::MAX), Duration::MAX, s(60), Some(s(1)));
    assert!(matches!(forever, Err(NoRetry::TooLong { .. })));
    assert_eq!(wait(Some(Duration::MAX), s(1), Duration::MAX, None), Ok(Duration::MAX));
}

#[test]
fn wait_leaves_time_for_the_attempt_or_is_refused() {
    assert_eq!(wait(None, s(3), s(60), Some(s(4))), Ok(s(3)));
    assert_eq!(
        wait(None, s(3), s(60), Some(s(3))),
        Err(NoRetry::Deadline { wait: s(3), left: s(3) })
    );
    assert_eq!(wait(Some(s(3)), s(9), s(60), Some(s(5))), Ok(s(4)));
    assert_eq!(
        wait(Some(s(5)), s(0), s(60), Some(s(5))),
        Err(NoRetry::Deadline { wait: s(5), left: s(5) })
    );
    assert!(wait(None, s(0), s(60), Some(s(0))).is_err());
}

#[test]
fn no_retry_says_why() {
    let text = |refusal: NoRetry| refusal.to_string();
    assert_eq!(
        text(wait(Some(s(90)), s(1), s(60), None).unwrap_err()),
        "provider asked to wait 90s, the longest wait allowed is 60s"
    );
    assert_eq!(
        text(wait(None, s(9), s(60), Some(s(2))).unwrap_err()),
        "a wait of 9s would reach the deadline, which is in 2s"
    );
    assert_eq!(text(NoRetry::Pointless), "another attempt here would fail again");
}
