//! What the functions of the schema return, as what it is.

use std::time::Duration;

use runtime_fleet::{
    AccountPath, AccountState, Booking, BreakerView, Level, OnLoss, Rules, Share, StateError,
};
use runtime_usage::Usd;
use serde::Deserialize;

/// Times are in microseconds, sums in nano-dollars.
#[derive(Deserialize)]
pub(super) struct View {
    at: u64,
    members: u32,
    breakers: Vec<Breaker>,
    shares: Vec<Part>,
    pauses: Vec<Option<u64>>,
    booked: Vec<Option<Booked>>,
}

#[derive(Deserialize)]
pub(super) struct Breaker {
    pub(super) generation: u64,
    open: Option<u64>,
    probing: bool,
    /// What is left of the time of a probe that was granted.
    pub(super) granted: Option<u64>,
}

#[derive(Deserialize)]
struct Part {
    given: [Option<u64>; 4],
    paused: Option<u64>,
}

#[derive(Deserialize)]
pub(super) struct Booked {
    granted: u64,
    lost: u64,
    short: bool,
    path: Vec<PathLevel>,
}

#[derive(Deserialize)]
struct PathLevel {
    state: Account,
    marks: Vec<u16>,
}

#[derive(Deserialize)]
pub(super) struct Account {
    #[serde(rename = "account")]
    path: String,
    amount: u64,
    enforced: bool,
    strict: bool,
    marks: Vec<u16>,
    on_loss: u8,
    spent: u64,
    estimated: u64,
    granted: u64,
    members: u32,
}

impl View {
    /// The answer to a report with these bookings, of which the database has those that can be counted.
    pub(super) fn read(self, bookings: &[Booking]) -> runtime_fleet::View {
        let mut answers = self.booked.into_iter();
        let booked = |booking: &Booking| {
            booking.check()?;
            let account = || booking.account.clone();
            let answer = answers.next().flatten();
            answer.ok_or_else(|| StateError::NoAccount { account: account() })?.read()
        };
        runtime_fleet::View {
            at: Duration::from_micros(self.at),
            members: self.members,
            breakers: self.breakers.iter().map(Breaker::view).collect(),
            shares: self.shares.into_iter().map(Part::read).collect(),
            pauses: self.pauses.into_iter().map(|left| left.map(Duration::from_micros)).collect(),
            booked: bookings.iter().map(booked).collect(),
        }
    }
}

impl Breaker {
    pub(super) fn view(&self) -> BreakerView {
        let open = self.open.map(Duration::from_micros);
        BreakerView { generation: self.generation, open, probing: self.probing }
    }
}

impl Part {
    fn read(self) -> Share {
        Share { given: self.given, paused: self.paused.map(Duration::from_micros) }
    }
}

impl Booked {
    pub(super) fn read(self) -> Result<runtime_fleet::Booked, StateError> {
        let level = |level: PathLevel| {
            let state = level.state.read()?;
            Ok(Level { state, marks: level.marks })
        };
        Ok(runtime_fleet::Booked {
            granted: Usd::from_nanos(self.granted),
            lost: Usd::from_nanos(self.lost),
            path: self.path.into_iter().map(level).collect::<Result<_, StateError>>()?,
            short: self.short,
        })
    }
}

impl Account {
    pub(super) fn read(self) -> Result<AccountState, StateError> {
        let of = || format!("account {:?}", self.path);
        let on_loss = match self.on_loss {
            1 => OnLoss::Spend,
            2 => OnLoss::Return,
            other => {
                let why = format!("its rule on loss {other} is unknown");
                return Err(StateError::Corrupt { of: of(), why });
            }
        };
        let account = AccountPath::new(&*self.path)
            .map_err(|error| StateError::Corrupt { of: of(), why: error.to_string() })?;
        let rules = Rules {
            amount: Usd::from_nanos(self.amount),
            enforced: self.enforced,
            strict: self.strict,
            marks: self.marks,
            on_loss,
        };
        Ok(AccountState {
            account,
            rules,
            spent: Usd::from_nanos(self.spent),
            estimated: Usd::from_nanos(self.estimated),
            granted: Usd::from_nanos(self.granted),
            members: self.members,
        })
    }
}
