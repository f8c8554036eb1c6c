//! What is known of agents that hand over to each other, and of their children, beside the library.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use runtime_orchestrator::{OrchestrationSession, SessionHandle};
use runtime_testkit::simulation::{Sim, SimEvents};
use runtime_usage::{Account, Usd};

/// A shutdown: when it begins, from when on nothing begins any more, and when what is under way is cancelled.
#[derive(Clone, Copy)]
pub(super) struct Shutting {
    pub(super) begins: Duration,
    pub(super) closes: Duration,
    pub(super) ends: Duration,
}

/// What all agents of a simulation share.
pub(super) struct Known {
    pub(super) sim: Sim,
    pub(super) shutting: Option<Shutting>,
    /// The accounts that sessions were given, and what was billed to each by the events of those within it.
    accounts: RefCell<Vec<Account>>,
    /// The account of each session.
    sessions: RefCell<BTreeMap<Arc<str>, Account>>,
    handles: RefCell<Vec<SessionHandle>>,
}

impl Known {
    pub(super) fn new(sim: &Sim, shutting: Option<Shutting>) -> Rc<Self> {
        let (accounts, sessions, handles) = Default::default();
        Rc::new(Self { sim: sim.clone(), shutting, accounts, sessions, handles })
    }

    /// A session has begun.
    pub(super) fn opened(&self, session: &OrchestrationSession) {
        if self.shutting.is_some_and(|it| self.sim.elapsed() > it.closes) {
            self.sim.fail("a session is opened in a shutdown");
        }
        self.handles.borrow_mut().push(session.handle());
        let Some(account) = session.account() else { return };
        self.sessions.borrow_mut().insert(session.id().into(), account.clone());
        let mut accounts = self.accounts.borrow_mut();
        for own in account.path() {
            if !accounts.iter().any(|known| known.is(own)) {
                accounts.push(own.clone());
            }
        }
    }

    /// After a drain nobody is left.
    pub(super) fn drained(&self) {
        let handles = self.handles.borrow();
        if let Some(open) = handles.iter().find(|handle| !handle.status().is_terminal()) {
            self.sim.fail(format!("session {} is open after the drain", open.id()));
        }
    }

    /// Each account has paid what was spent within it.
    pub(super) fn books(&self, events: &SimEvents) -> Result<(), String> {
        for account in &*self.accounts.borrow() {
            let sessions = self.sessions.borrow();
            let within = sessions.iter().filter(|(_, of)| of.path().any(|own| own.is(account)));
            let billed: Usd = within.map(|(id, _)| events.billed(id)).sum();
            let balance = account.balance();
            if balance.spent != billed || !balance.reserved.is_zero() {
                return Err(format!("{account:?} has {balance:?}, and by the events {billed}"));
            }
        }
        Ok(())
    }
}

/// A session that begins below or after another one may not spend more than that one.
pub(super) fn lent(sim: &Sim, above: Option<&Account>, session: &OrchestrationSession) {
    let (Some(above), Some(own)) = (above, session.account()) else { return };
    let (amount, left) = (own.limit().amount, above.available());
    if !own.is(above) && amount > left {
        sim.fail(format!("a session may spend {amount}, and {left} was left"));
    }
}

/// Agents that hand over to each other: they have one budget, one deadline and one number of turns.
pub(super) struct Line {
    pub(super) known: Rc<Known>,
    /// The deadline, if there is one.
    pub(super) until: Option<Duration>,
    pub(super) turns: Cell<u32>,
    pub(super) most: u32,
    /// The account of those who handed over.
    pub(super) account: Option<Account>,
}

impl Line {
    /// A call begins. It is over when this is dropped.
    pub(super) fn begin(self: &Rc<Self>, handle: &SessionHandle) -> Running {
        let (sim, now) = (&self.known.sim, self.known.sim.elapsed());
        if handle.status().is_terminal() {
            sim.fail("a call begins after the end of its session");
        }
        if self.until.is_some_and(|until| now >= until) {
            sim.fail("a call begins at its deadline, or after it");
        }
        if self.known.shutting.is_some_and(|it| now > it.closes) {
            sim.fail("a call begins in a shutdown");
        }
        Running { line: Rc::clone(self) }
    }

    /// A call was cut short by the shutdown.
    pub(super) fn shut(&self) {
        let now = self.known.sim.elapsed();
        match self.known.shutting {
            Some(Shutting { ends, .. }) if now >= ends => {}
            _ => self.known.sim.fail("a shutdown did not wait for a call"),
        }
    }

    /// A turn is asked for. Returns whether there are any left.
    pub(super) fn turn(&self) -> bool {
        let before = self.turns.replace(self.turns.get() + 1);
        before < self.most
    }
}

pub(super) struct Running {
    line: Rc<Line>,
}

impl Drop for Running {
    fn drop(&mut self) {
        let sim = &self.line.known.sim;
        if self.line.until.is_some_and(|until| sim.elapsed() > until) {
            sim.fail("a call went on after its deadline");
        }
    }
}
