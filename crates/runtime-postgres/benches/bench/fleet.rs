//! The backend of a fleet, beside one UPDATE of one row.

use std::sync::Arc;
use std::time::Duration;

use runtime_fleet::{
    AccountPath, Accounts as _, Booking, MemberId, OnLoss, Report, Rules, SharedState as _, Want,
};
use runtime_postgres::{PgConfig, PgFleet};
use runtime_usage::Usd;

use crate::{Raw, block_on, timed};

const HOUR: Duration = Duration::from_secs(3_600);

/// A member that has a breaker, a limit, and an account below two others.
struct Member {
    fleet: PgFleet,
    report: Report,
    next: Booking,
}

impl Member {
    fn new(fleet: PgFleet) -> Self {
        let (amount, marks) = (Usd::from_dollars(1_000_000), vec![80]);
        let rules = Rules { amount, enforced: true, strict: false, marks, on_loss: OnLoss::Spend };
        for account in ["company", "company/team", "company/team/tenant"] {
            block_on(fleet.set(&AccountPath::new(account).unwrap(), &rules)).unwrap();
        }
        let member = MemberId::new("bench");
        let zero = Usd::ZERO;
        let next = Booking {
            account: AccountPath::new("company/team/tenant").unwrap(),
            member: member.clone(),
            seq: 0,
            heard: 0,
            granted: zero,
            spent: zero,
            estimated: zero,
            returned: zero,
            least: zero,
            most: zero,
            ttl: HOUR,
        };
        let requests = [Some(600), None, None, None];
        let limit: Arc<str> = "gpt-5".into();
        let want = Want { limit, limits: requests, applied: requests, demand: requests };
        let report = Report {
            member,
            seq: 0,
            ttl: HOUR,
            breakers: vec!["openai".into()],
            wants: vec![want],
            pauses: Vec::new(),
            bookings: Vec::new(),
        };
        Self { fleet, report, next }
    }

    /// A heartbeat, with something spent or not.
    fn sync(&mut self, spent: Usd) {
        self.next.spent = self.next.spent.saturating_add(spent);
        self.next.seq += 1;
        self.report.seq += 1;
        self.report.bookings = vec![self.next.clone()];
        let view = block_on(self.fleet.sync(&self.report)).unwrap();
        let booked = view.booked[0].as_ref().unwrap();
        (self.next.granted, self.next.heard) = (booked.granted, self.next.seq);
    }

    /// Takes an exact sum, as each turn of a strict account does.
    fn take(&mut self) {
        self.next.seq += 1;
        (self.next.least, self.next.most) = (Usd::from_cents(1), Usd::from_cents(1));
        let booked = block_on(self.fleet.book(&self.next)).unwrap();
        (self.next.granted, self.next.heard) = (booked.granted, self.next.seq);
        (self.next.least, self.next.most) = (Usd::ZERO, Usd::ZERO);
    }
}

/// All in turns, so that each meets the same disk and the same neighbours; prints medians and ratios.
#[expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
pub(crate) fn compare(raw: &Raw, config: &PgConfig) {
    let rounds = if std::env::args().any(|argument| argument == "--test") { 3 } else { 1_000 };
    let plain = block_on(PgFleet::connect(config.clone())).unwrap();
    let prepared = block_on(PgFleet::connect(config.clone().prepared(true))).unwrap();
    let (mut plain, mut prepared) = (Member::new(plain), Member::new(prepared));
    let names = [
        "select 1",
        "raw update, relaxed",
        "raw update",
        "heartbeat, nothing new",
        "heartbeat, nothing new, prepared",
        "heartbeat, spent",
        "heartbeat, spent, prepared",
        "take",
    ];
    let mut times = [const { Vec::new() }; 8];
    // One member is one process: the prepared one goes on where the plain one is.
    for _ in 0..rounds {
        times[0].push(timed(|| raw.select()));
        times[1].push(timed(|| raw.update(true)));
        times[2].push(timed(|| raw.update(false)));
        times[3].push(timed(|| plain.sync(Usd::ZERO)));
        times[5].push(timed(|| plain.sync(Usd::from_cents(1))));
        times[7].push(timed(|| plain.take()));
        (prepared.next, prepared.report.seq) = (plain.next.clone(), plain.report.seq);
        times[4].push(timed(|| prepared.sync(Usd::ZERO)));
        times[6].push(timed(|| prepared.sync(Usd::from_cents(1))));
        (plain.next, plain.report.seq) = (prepared.next.clone(), prepared.report.seq);
    }
    let medians = times.map(|mut times| {
        times.sort();
        times[times.len() / 2].as_secs_f64() * 1e6
    });
    for (name, median) in names.into_iter().zip(medians) {
        let (relaxed, synced) = (median / medians[1], median / medians[2]);
        println!(
            "fleet/{name}: {median:.0} µs, {relaxed:.2} x raw update, relaxed, {synced:.2} x raw update"
        );
    }
}
