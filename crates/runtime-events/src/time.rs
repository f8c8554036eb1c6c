//! Where the time comes from, and how to wait for it.

use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;
use std::time::{Duration, Instant};

use chrono::{DateTime, Datelike, Timelike, Utc};

/// A source of time.
///
/// Durations are differences of [`now`](Self::now); stamps that people read come from
/// [`utc_now`](Self::utc_now), which may jump. The two are never mixed.
pub trait Clock: Debug + Send + Sync {
    /// The monotonic reading.
    fn now(&self) -> Instant;

    /// The wall clock's reading, in UTC.
    fn utc_now(&self) -> DateTime<Utc>;
}

/// The operating system's clocks.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "there is nothing to add")]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the monotonic clock")]
    fn now(&self) -> Instant {
        Instant::now()
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn utc_now(&self) -> DateTime<Utc> {
        Utc::now()
    }
}

/// A way to wait.
///
/// Tasks wait with [`sleep`](Self::sleep), threads with [`park`](Self::park).
pub trait Sleeper: Debug + Send + Sync {
    /// Returns a future that is ready once `duration` has passed since this call.
    fn sleep(&self, duration: Duration) -> Sleep;

    /// Blocks the thread until `timeout` has passed or another thread unparks it.
    ///
    /// May return early without a reason, as [`thread::park_timeout`] may: callers look
    /// at what they wait for and at the clock, in a loop.
    fn park(&self, timeout: Duration) {
        thread::park_timeout(timeout);
    }

    /// Whether other threads run beside the one that waits. In a simulation none does, and code that may block is run
    /// where it is.
    fn has_threads(&self) -> bool {
        true
    }
}

/// The clock of the first, for what takes a clock and a sleeper as one value.
impl<C: Clock, S: Debug + Send + Sync> Clock for (C, S) {
    fn now(&self) -> Instant {
        self.0.now()
    }

    fn utc_now(&self) -> DateTime<Utc> {
        self.0.utc_now()
    }
}

/// The sleeper of the second.
impl<C: Debug + Send + Sync, S: Sleeper> Sleeper for (C, S) {
    fn sleep(&self, duration: Duration) -> Sleep {
        self.1.sleep(duration)
    }

    fn park(&self, timeout: Duration) {
        self.1.park(timeout);
    }

    fn has_threads(&self) -> bool {
        self.1.has_threads()
    }
}

/// The future that [`Sleeper::sleep`] returns.
#[must_use = "a future that is not polled does not wait"]
pub struct Sleep(Pin<Box<dyn Future<Output = ()> + Send>>);

impl Sleep {
    /// Wraps a timer's future.
    pub fn new(timer: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Box::pin(timer))
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.0.as_mut().poll(cx)
    }
}

impl Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").finish_non_exhaustive()
    }
}

/// Writes a stamp as events carry it: RFC 3339 in UTC, with six digits of a second or none.
///
/// That is what Python's `datetime.isoformat` writes, so logs of both runtimes sort and
/// compare alike. A leap second is written as second 60, which Python does not know; system
/// clocks repeat a second instead.
///
/// ```
/// use chrono::{TimeZone, Utc};
/// use runtime_events::format_utc;
///
/// let noon = Utc.with_ymd_and_hms(2026, 5, 20, 12, 0, 0).unwrap();
/// assert_eq!(format_utc(noon), "2026-05-20T12:00:00+00:00");
/// let later = noon + chrono::Duration::microseconds(7);
/// assert_eq!(format_utc(later), "2026-05-20T12:00:00.000007+00:00");
/// ```
pub fn format_utc(at: DateTime<Utc>) -> String {
    str::from_utf8(Stamp::new(at).as_bytes()).unwrap_or_default().to_owned()
}

/// A formatted stamp on the stack: events are written by the million.
pub(crate) struct Stamp {
    text: [u8; 32],
    len: usize,
}

impl Stamp {
    pub(crate) fn new(at: DateTime<Utc>) -> Self {
        let mut stamp = Self { text: [0; 32], len: 0 };
        let at = at.naive_utc();
        let year = u32::try_from(at.year()).unwrap_or(0).min(9999);
        stamp.two(year / 100);
        stamp.two(year % 100);
        stamp.put(b"-");
        stamp.two(at.month());
        stamp.put(b"-");
        stamp.two(at.day());
        stamp.put(b"T");
        stamp.two(at.hour());
        stamp.put(b":");
        stamp.two(at.minute());
        stamp.put(b":");
        // A leap second is second 60, as RFC 3339 has it. Here it is a second of two billion nanoseconds.
        let micros = at.nanosecond() / 1_000;
        stamp.two(at.second() + micros / 1_000_000);
        let micros = micros % 1_000_000;
        if micros > 0 {
            stamp.put(b".");
            stamp.two(micros / 10_000);
            stamp.two(micros / 100 % 100);
            stamp.two(micros % 100);
        }
        stamp.put(b"+00:00");
        stamp
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.text[..self.len]
    }

    fn put<const N: usize>(&mut self, bytes: &[u8; N]) {
        self.text[self.len..self.len + N].copy_from_slice(bytes);
        self.len += N;
    }

    /// Puts a number of two digits.
    fn two(&mut self, number: u32) {
        const DIGITS: &[u8; 10] = b"0123456789";
        self.put(&[DIGITS[(number / 10 % 10) as usize], DIGITS[(number % 10) as usize]]);
    }
}
