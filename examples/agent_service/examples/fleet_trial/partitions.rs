//! # The trial of partitions
//!
//! Three processes, each on a host of its own, spend $1 of a strict account, call a provider that is down, and go by
//! one limit. Their wires to the backend are cut in one direction, in the other, and in both; then the backend stalls
//! without closing anything.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use std::{env, thread};

use techrevati_runtime::events::{AgentEvent, Clock as _, SystemClock};
use techrevati_runtime::fleet::{Fleet, FleetConfig, Policy, SharedKind};
use techrevati_runtime::prelude::*;
use techrevati_runtime::resilience::{Demand, RateLimiter, RateLimits};
use techrevati_runtime::sinks::SinkError;

use crate::backend::Backend;
use crate::network::{Cut, Network};
use crate::provider::{Books, Provider};
use crate::{CAP, SPENDERS, STRICT, WAIT, caller, judge, spend_all, tripped_at_once};

/// Longer than the time of a call, and shorter than a member's.
const SHORT: Duration = Duration::from_secs(4);
/// Longer than a member's time.
const LONG: Duration = Duration::from_secs(9);
const PER_MINUTE: std::num::NonZeroU32 = std::num::NonZeroU32::new(1_200).unwrap();
const BURST: Duration = Duration::from_secs(1);
/// Long enough for all of the faults before the money is gone.
const THOUGHT: Duration = Duration::from_millis(1_800);

/// Makes the network, and starts the trial on the host of its servers.
pub(crate) fn start(kind: &str) -> Result<(), BoxError> {
    let network = match Network::lay(SPENDERS) {
        Ok(network) => network,
        Err(error) => {
            println!(
                "skipped: network namespaces need root, and `ip` and `tc` of iproute2 ({error})"
            );
            return Ok(());
        }
    };
    let program = env::current_exe()?;
    let mut trial = network.on(None, &program.to_string_lossy());
    let ended = trial.args(["partitions-in", network.name(), kind]).status();
    network.remove();
    if ended?.success() { Ok(()) } else { Err("the trial has failed".into()) }
}

pub(crate) fn trial(name: &str, kind: &str) -> Result<(), BoxError> {
    println!("{kind}, with partitions");
    let network = Network::named(name, SPENDERS);
    let backend = Backend::start_for_all(kind)?;
    let (provider, down) = (Provider::start(THOUGHT)?, Provider::start(Duration::ZERO)?);
    down.books().down = true;
    let program = env::current_exe()?;
    let members = (0..SPENDERS).map(|host| {
        let mut command = network.on(Some(host), &program.to_string_lossy());
        command.arg("member").arg(backend.url_at(&format!("10.77.{host}.1"), backend.port()));
        command.args([&provider, &down].map(|it| format!("10.78.{host}.1:{}", it.port)));
        Member::start(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?)
    });
    let members: Vec<Member> = members.collect::<Result<_, BoxError>>()?;

    provider.wait(|books| books.calls > 0);
    down.wait(|books| books.calls > 0);
    thread::sleep(WAIT * 4);
    let (before, start) = (down.books().calls, Instant::now());
    for (host, cut, time) in
        [(0, Cut::Answers, SHORT), (0, Cut::Calls, SHORT), (1, Cut::Both, LONG)]
    {
        let told = members[host].count("recovered");
        network.cut(host, cut)?;
        thread::sleep(time);
        network.heal(host, cut)?;
        members[host].wait("recovered", told + 1)?;
    }
    let told: Vec<_> = members.iter().map(|member| member.count("recovered")).collect();
    backend.stall(true)?;
    thread::sleep(SHORT);
    backend.stall(false)?;
    for (member, told) in members.iter().zip(told) {
        member.wait("recovered", told + 1)?;
    }
    let during = provider.books().billed;
    for member in &members {
        member.wait("spent", 1)?;
    }
    let (probes, over) = (down.books().calls - before, start.elapsed());
    let mut admitted = Vec::new();
    let (mut degraded, mut recovered) = (0, 0);
    for member in members {
        degraded += member.count("degraded");
        recovered += member.count("recovered");
        admitted.extend(member.end()?);
    }
    let ours = backend.settled("trial")?;
    let Books { calls, billed, .. } = *provider.books();
    admitted.sort_unstable();
    let over_limit = over_limit(&admitted);
    let allowed = over.as_nanos().div_ceil(WAIT.as_nanos()) + 1;
    println!(
        "  money     {calls} calls for {billed}, {during} when the last fault was over; ours {} of which {} \
         estimated; limit {CAP}",
        ours.spent, ours.estimated
    );
    println!("  probes    {probes} in {} cool-downs", over.as_millis() / WAIT.as_millis());
    println!(
        "  limit     {} calls, at most {over_limit:.1} more than the limit admits",
        admitted.len()
    );
    println!("  events    {degraded} x degraded, {recovered} x recovered");
    judge([
        (billed > CAP, "more was spent than the limit"),
        (ours.spent > CAP, "more was booked than the limit"),
        (ours.spent != billed, "the books differ from the provider's"),
        (!ours.granted.is_zero(), "a grant is left"),
        (during >= CAP, "the money was gone before the faults were over"),
        (u128::from(probes) > allowed, "more than one probe in a cool-down"),
        (probes == 0, "nobody has probed"),
        (over_limit > 0.0, "more calls than the limit admits"),
        (degraded != recovered || degraded < 6, "a fault was not told, or its end"),
    ])
}

/// How many calls too many there were in the worst of all spans of time, in milliseconds.
fn over_limit(admitted: &[i64]) -> f64 {
    let a_millisecond = f64::from(PER_MINUTE.get()) / 60_000.0;
    // A process may be held up between a call and the line about it.
    let late = Duration::from_millis(100);
    let burst = a_millisecond * (BURST + 2 * late).as_secs_f64() * 1e3;
    let mut worst = f64::MIN;
    let mut owed = 0.0_f64;
    for (index, at) in admitted.iter().enumerate() {
        let since = index.checked_sub(1).map_or(0, |before| at - admitted[before]);
        // A leaky bucket: what came in since the call before makes room.
        #[expect(clippy::cast_precision_loss, reason = "a span of a trial is small")]
        let came = since as f64 * a_millisecond;
        owed = (owed - came).max(0.0) + 1.0;
        worst = worst.max(owed - burst);
    }
    worst
}

/// A process on a host of its own, and what it has told.
struct Member {
    child: Child,
    lines: Arc<Mutex<Vec<(String, i64)>>>,
}

impl Member {
    fn start(mut child: Child) -> Result<Self, BoxError> {
        let said = child.stdout.take().ok_or("its output is not piped")?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&lines);
        thread::spawn(move || hear(said, &heard));
        Ok(Self { child, lines })
    }

    fn count(&self, word: &str) -> usize {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().filter(|(told, _)| told == word).count()
    }

    fn wait(&self, word: &str, times: usize) -> Result<(), BoxError> {
        let start = Instant::now();
        while self.count(word) < times {
            if start.elapsed() > Duration::from_secs(120) {
                return Err(format!("a member did not tell `{word}` {times} times").into());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Ends it. Returns when its calls were admitted.
    fn end(mut self) -> Result<Vec<i64>, BoxError> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(lines.iter().filter(|(told, _)| told == "admitted").map(|(_, at)| *at).collect())
    }
}

fn hear(said: ChildStdout, lines: &Mutex<Vec<(String, i64)>>) {
    for line in BufReader::new(said).lines().map_while(Result::ok) {
        let told =
            line.split_once(' ').and_then(|(word, at)| Some((word.to_owned(), at.parse().ok()?)));
        lines.lock().unwrap_or_else(PoisonError::into_inner).extend(told);
    }
}

/// What a process says, for [`Member`].
fn tell(word: &str) {
    println!("{word} {}", SystemClock.utc_now().timestamp_millis());
}

/// Tells of the events of the fleet.
struct Events;

impl EventSink for Events {
    fn emit(&self, event: &Arc<AgentEvent>) -> Result<(), SinkError> {
        if let Some(word) = event.event.as_str().strip_prefix("fleet.") {
            tell(word);
        }
        Ok(())
    }
}

/// A process of the trial, until its input ends.
#[tokio::main]
pub(crate) async fn member(url: &str, provider: &str, down: &str) -> Result<(), BoxError> {
    let config = FleetConfig::default()
        .policy(SharedKind::Breakers, Policy::FailClosed)
        .policy(SharedKind::Limits, Policy::FailClosed)
        .event_sink(Events);
    let fleet = crate::join(url, config).await?;
    let limits = RateLimits::default().requests_per_minute(PER_MINUTE).burst(BURST);
    let limiter = fleet.limiter("model", limits)?;
    let breaker = fleet.breaker("api", tripped_at_once())?;
    let others = [tokio::spawn(admitted(limiter)), tokio::spawn(caller(breaker, down.to_owned()))];
    spend_all(&fleet, provider, STRICT).await?;
    tell("spent");
    let until = || std::io::stdin().read_to_end(&mut Vec::new());
    tokio::task::spawn_blocking(until).await??;
    for other in others {
        other.abort();
    }
    Fleet::shutdown(&fleet).await?;
    Ok(())
}

/// Calls as often as the limit admits, and wants more.
async fn admitted(limiter: RateLimiter) {
    loop {
        if limiter.try_reserve(Demand::request()).is_ok() {
            tell("admitted");
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
