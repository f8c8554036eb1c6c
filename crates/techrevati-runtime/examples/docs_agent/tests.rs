//! Whole runs, with the faults of several seeds.

use std::collections::BTreeSet;
use std::fs;
use std::future::poll_fn;
use std::path::{Path, PathBuf};
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use techrevati_runtime::events::{AgentEvent, AgentEventName};
use techrevati_runtime::usage::Usd;

use crate::cli::{Endpoint, Options};
use crate::faults::Met;
use crate::recoveries::{self, Recovery};
use crate::{Done, model, report, server, work};

const TIMEOUT: Duration = Duration::from_secs(4);

/// A temporary folder of one test.
struct Place(PathBuf);

impl Place {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("docs_agent-{name}-{}", std::process::id()));
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        fs::create_dir_all(path.join("docs")).unwrap();
        for page in ["circuit-breaker.md", "faults.md"] {
            fs::copy(docs.join(page), path.join("docs").join(page)).unwrap();
        }
        Self(path)
    }

    fn options(&self, seed: u64) -> Options {
        Options {
            folder: self.0.join("docs"),
            question: "How does the circuit breaker recover?".into(),
            endpoint: None,
            budget: Usd::from_cents(5),
            timeout: TIMEOUT,
            out: self.0.clone(),
            durable: None,
            seed,
            quiet: true,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn rows(done: &Done) -> Vec<Recovery> {
    done.summaries.iter().flat_map(|summary| recoveries::of(&summary.agent_events)).collect()
}

/// Checks that every failure is followed by an answer, or by another failure of the same turn.
fn assert_recovered(rows: &[Recovery], seed: u64) {
    for (at, row) in rows.iter().enumerate() {
        let next = rows.get(at + 1).filter(|next| next.attempts.0 > 1);
        let goes_on = next.is_some_and(|next| Some(next.attempts.0) == row.attempts.1);
        let expected = if goes_on { "failed again" } else { "answered" };
        assert_eq!(row.outcome, expected, "seed {seed}, row {at} of {rows:?}");
    }
}

/// The fault of a server that stalls, and of a machine that is too busy to answer in time.
const TIMED_OUT: &str = "timeout (first token)";

fn faults(rows: &[Recovery]) -> BTreeSet<&str> {
    let others = rows.iter().filter(|row| row.plan.fault != TIMED_OUT).count();
    assert_eq!(others, 4, "{rows:?}");
    rows.iter().map(|row| row.plan.fault.as_str()).collect()
}

fn all() -> BTreeSet<&'static str> {
    ["context length (400)", "network", "overload (503)", "rate limit (429)", TIMED_OUT].into()
}

async fn recovers_over_two_routes(seed: u64) {
    let place = Place::new(&format!("seed-{seed}"));
    let done = work(&place.options(seed)).await.unwrap();
    let answer = done.answer.as_ref().unwrap();
    assert!(answer.contains("`circuit-breaker.md`"), "{answer}");

    let rows = rows(&done);
    assert_recovered(&rows, seed);
    assert_eq!(faults(&rows), all(), "seed {seed}");
    assert!(rows.iter().any(|row| row.route.1.as_ref() != Some(&row.route.0)), "seed {seed}");
    for row in &rows {
        let (fault, steps) = (row.plan.fault.as_str(), &row.plan.steps);
        let smaller = steps.iter().any(|step| step == "retry_with_smaller_context");
        assert_eq!(smaller, fault == "context length (400)", "seed {seed}: {row:?}");
        let asked = row.plan.wait.as_ref().is_some_and(|wait| wait.contains("Retry-After"));
        let stays = row.route.1.as_ref() == Some(&row.route.0);
        assert_eq!(asked, fault == "rate limit (429)" && stays, "seed {seed}: {row:?}");
    }

    // The log and the table agree.
    let log = fs::read_to_string(&done.log).unwrap();
    let events = log.lines().map(|line| AgentEvent::from_json(line).unwrap()).collect::<Vec<_>>();
    let count = |name| events.iter().filter(|event| event.event == name).count();
    assert_eq!(count(AgentEventName::RecoveryAttempted), rows.len());
    let answered = rows.iter().filter(|row| row.outcome == "answered").count();
    assert_eq!(count(AgentEventName::RecoverySucceeded), answered);
    let table = report::table(&done.summaries, &done.prices);
    assert!(all().iter().all(|fault| table.contains(fault)), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_fault_is_recovered_over_two_routes_on_each_seed() {
    join_all((0..12).map(recovers_over_two_routes)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn single_route_recovers_in_place() {
    let place = Place::new("endpoint");
    let [base_url, _] = server::start(3, TIMEOUT * 3, &Met::default()).await.unwrap();
    let model = model::NAME.into();
    let endpoint = Endpoint { base_url, model, api_key_env: None, price: None };
    let options = Options { endpoint: Some(endpoint), ..place.options(0) };
    let done = work(&options).await.unwrap();
    assert!(done.answer.is_ok(), "{:?}", done.answer);
    let rows = rows(&done);
    assert_recovered(&rows, 3);
    assert_eq!(faults(&rows), all());
    assert!(rows.iter().all(|row| row.route.1.as_ref() == Some(&row.route.0)), "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_cut_again_and_again_has_the_answer_of_an_unbroken_one() {
    let whole = Place::new("unbroken");
    let whole = work(&whole.options(1)).await.unwrap().answer.unwrap();
    let place = Place::new("cut");
    let durable = Some(place.0.join("run.db"));
    let options = Options { durable, ..place.options(1) };
    let mut lives = 0;
    let done = loop {
        lives += 1;
        // Each life has a few polls more, and is dropped in the middle of whatever it does.
        let (mut run, mut polls) = (Box::pin(work(&options)), 20 * lives);
        let run = poll_fn(|cx| {
            polls -= 1;
            match run.as_mut().poll(cx) {
                Poll::Ready(done) => Poll::Ready(Some(done)),
                Poll::Pending if polls == 0 => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        if let Some(done) = run.await {
            break done.unwrap();
        }
    };
    assert!(lives > 3, "{lives}");
    assert_eq!(done.answer.unwrap(), whole);
    assert_eq!(fs::read_to_string(place.0.join("answer.md")).unwrap(), whole);
    // All lives are in one log, and another run of the same question asks nobody.
    let events = || fs::read_to_string(&done.log).unwrap().lines().count();
    let before = events();
    let again = work(&options).await.unwrap();
    assert_eq!(again.answer.unwrap(), whole);
    assert!(again.summaries.is_empty());
    assert_eq!(events(), before);
}
