//! What the functions of the schema return, as what it is.

use std::sync::Arc;
use std::time::Duration;

use runtime_fleet::{
    AccountLevel, AccountPath, AccountState, Booking, BreakerView, MemberId, MemberReport, OnLoss,
    Rules, Share, StateError, Want,
};
use runtime_usage::Usd;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// Times are in microseconds, sums in nano-dollars. Each answer is read alone.
#[derive(Deserialize)]
pub(super) struct View {
    at: u64,
    members: u32,
    breakers: Vec<Value>,
    shares: Vec<Value>,
    pauses: Vec<Value>,
    booked: Vec<Value>,
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

#[derive(Deserialize)]
pub(super) struct Holder {
    member: String,
    spent: u64,
    estimated: u64,
    held: u64,
    away: bool,
}

impl Holder {
    pub(super) fn read(self) -> runtime_fleet::Holder {
        runtime_fleet::Holder {
            member: MemberId::new(self.member),
            spent: Usd::from_nanos(self.spent),
            estimated: Usd::from_nanos(self.estimated),
            held: Usd::from_nanos(self.held),
            away: self.away,
        }
    }
}

impl View {
    /// The answer to a report, of whose bookings the database has those that can be counted.
    pub(super) fn read(self, report: &MemberReport) -> runtime_fleet::View {
        let breaker = |(name, answer): (&Arc<str>, Value)| {
            one::<Breaker>("breaker", name, answer).map(|breaker| breaker.view())
        };
        let share = |(want, answer): (&Want, Value)| {
            one::<Part>("limit", &want.limit, answer).map(Part::read)
        };
        let pause = |(name, answer): (&Arc<str>, Value)| {
            one::<Option<u64>>("pause", name, answer).map(|left| left.map(Duration::from_micros))
        };
        let mut answers = self.booked.into_iter();
        let booked = |booking: &Booking| {
            booking.check()?;
            let (account, answer) = (&booking.account, answers.next().unwrap_or_default());
            let booked = one::<Option<Booked>>("account", account.as_str(), answer)?;
            booked.ok_or_else(|| StateError::NoAccount { account: account.clone() })?.read()
        };
        runtime_fleet::View {
            at: Duration::from_micros(self.at),
            members: Ok(self.members),
            breakers: report.breakers.iter().zip(self.breakers).map(breaker).collect(),
            shares: report.wants.iter().zip(self.shares).map(share).collect(),
            pauses: report.pauses.iter().zip(self.pauses).map(pause).collect(),
            booked: report.bookings.iter().map(booked).collect(),
        }
    }
}

/// The answer about one thing.
fn one<T: DeserializeOwned>(kind: &str, name: &str, answer: Value) -> Result<T, StateError> {
    serde_json::from_value(answer).map_err(|error| StateError::Corrupt {
        of: format!("{kind} `{name}`"),
        why: error.to_string(),
    })
}

/// The answer to a report, from those to its halves.
pub(super) fn joined(
    mut one: runtime_fleet::View,
    other: runtime_fleet::View,
) -> runtime_fleet::View {
    one.breakers.extend(other.breakers);
    one.shares.extend(other.shares);
    one.pauses.extend(other.pauses);
    one.booked.extend(other.booked);
    runtime_fleet::View { at: other.at, members: other.members, ..one }
}

/// The answer to a report of one thing that is damaged.
pub(super) fn damaged(
    (at, members): (Duration, Result<u32, StateError>),
    report: &MemberReport,
    why: &str,
) -> runtime_fleet::View {
    let of = |kind: &str, name: &str| StateError::Corrupt {
        of: format!("{kind} `{name}`"),
        why: why.to_owned(),
    };
    let account = |booking: &Booking| Err(of("account", booking.account.as_str()));
    runtime_fleet::View {
        at,
        members,
        breakers: report.breakers.iter().map(|name| Err(of("breaker", name))).collect(),
        shares: report.wants.iter().map(|want| Err(of("limit", &want.limit))).collect(),
        pauses: report.pauses.iter().map(|name| Err(of("pause", name))).collect(),
        booked: report.bookings.iter().map(account).collect(),
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
            Ok(AccountLevel { state, marks: level.marks })
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
