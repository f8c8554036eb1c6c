//! The shared state of a session: for its value, its handles and its turns.

mod end;
mod entry;
mod hold;

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Duration;

use runtime_events::{Clock, Labels, ScopeHook, SpanId};
use runtime_lifecycle::AgentWorker;
use runtime_policy::GuardrailStage;
use runtime_usage::Account;

pub(crate) use self::end::{cancelled, completed};
pub(crate) use self::entry::Entry;
pub(crate) use self::hold::Hold;
use crate::error::{CalledFromSinkError, text_of};
use crate::limits::Until;
use crate::log::log;
use crate::parts::books::Books;
use crate::parts::life::{End, Life};
use crate::parts::money::Money;
use crate::parts::names::clean_name;
use crate::parts::pace::Pace;
use crate::parts::sinks::{Sinks, refuse_calls_from};
use crate::parts::stream::{Outlet, Speaker, Stream};
use crate::parts::time::Time;
use crate::report::LeftOver;
use crate::roster::{Above, Member, Places};
use crate::setup::Setup;
use crate::wait::{Host, Interrupted};

/// The shared state of a session.
pub(crate) struct Core {
    pub(crate) setup: Arc<Setup>,
    pub(crate) life: Life,
    pub(crate) stream: Stream,
    pub(crate) money: Money,
    pub(crate) time: Time,
    pub(crate) books: Books,
    pub(crate) places: Places,
    /// The roles of the sessions that handed over, from the first one.
    earlier: Option<Arc<[Arc<str>]>>,
}

/// The inheritance of a session from the session above or before it, or from its orchestrator.
#[derive(Default)]
pub(crate) struct Origin {
    /// The parent span.
    pub(crate) parent: Option<SpanId>,
    /// The account of the session, and whether it was opened for this session.
    pub(crate) account: (Option<Account>, bool),
    /// The deadline of the session above or before.
    pub(crate) until: Option<Until>,
    /// The number of turns of the sessions before.
    pub(crate) iterations: u32,
    /// The time that the session's earlier lives took.
    pub(crate) elapsed: Duration,
    /// The labels of the session before.
    pub(crate) labels: Option<Arc<Labels>>,
    /// The roles of the sessions before, from the first one.
    pub(crate) earlier: Option<Arc<[Arc<str>]>>,
    /// Where the sessions above are.
    pub(crate) above: Above,
}

impl Core {
    pub(crate) fn new(
        setup: &Arc<Setup>,
        sinks: Sinks,
        worker: &AgentWorker,
        origin: Origin,
    ) -> Self {
        let drawn = setup.ids.draw();
        let span_base = u64::try_from(drawn & u128::from(u64::MAX)).unwrap_or(1);
        let started = setup.timers.clock.now();
        let own = setup.deadline.as_ref();
        let begin = (started, origin.elapsed);
        let time = Time::new(Arc::clone(&setup.timers), begin, own, origin.until);
        // Role and phase are copied, since each event counts its references to them: sessions on several
        // threads that count in one place slow each other down.
        let speaker = Speaker {
            session_id: format!("{drawn:032x}").into(),
            role: Arc::from(&*setup.role),
            phase: Arc::from(&**worker.phase()),
            project_id: worker.project_id(),
        };
        let outlet = Outlet {
            sink: sinks.events,
            capacity: setup.telemetry.event_log,
            keeps: setup.telemetry.keeps_events,
        };
        let labels = merged(setup.labels.as_ref(), origin.labels);
        let learns = setup.limiter.is_some() || setup.recovery.routes.is_some();
        Self {
            life: Life::new(setup.registry.clone(), worker, origin.iterations),
            money: Money::new(
                origin.account,
                setup.pricing.clone(),
                (setup.usual.clone(), learns),
                sinks.usage,
            ),
            stream: Stream::new(
                speaker,
                outlet,
                labels,
                (Arc::clone(&setup.timers), started),
                (span_base, origin.parent),
            ),
            books: Books::default(),
            places: Places::new(&setup.roster, origin.above.rosters),
            time,
            setup: Arc::clone(setup),
            earlier: origin.earlier,
        }
    }

    /// The roles of the sessions that led here by handoffs, and of this one.
    pub(crate) fn roles(&self) -> impl Iterator<Item = &Arc<str>> {
        self.earlier.iter().flat_map(|roles| roles.iter()).chain([self.role()])
    }

    /// The sinks, until the last event is out.
    pub(crate) fn sinks(&self) -> Sinks {
        Sinks { events: self.stream.sink(), usage: self.money.sink().as_deref().cloned() }
    }

    /// Refuses a call that comes from a sink of this session.
    pub(crate) fn refuse_sinks(&self) -> Result<(), CalledFromSinkError> {
        refuse_calls_from(self.session_id())
    }

    pub(crate) fn session_id(&self) -> &Arc<str> {
        &self.stream.speaker().session_id
    }

    pub(crate) fn role(&self) -> &Arc<str> {
        &self.stream.speaker().role
    }

    pub(crate) fn phase(&self) -> &Arc<str> {
        &self.stream.speaker().phase
    }

    /// The hook around the caller's code.
    pub(crate) fn scope(&self) -> Option<&dyn ScopeHook> {
        self.setup.telemetry.scope.as_deref()
    }

    /// Whether there are guardrails for this stage.
    pub(crate) fn guards(&self, stage: GuardrailStage) -> bool {
        self.setup.guardrails.has_any(stage)
    }

    /// Whether content is captured.
    pub(crate) fn captures(&self) -> bool {
        self.setup.telemetry.capture.is_some()
    }

    pub(crate) fn log_failure(&self, what: &'static str, error: &(dyn Error + 'static)) {
        log!(info, session = %self.session_id(), role = %self.role(), what = what, error = %text_of(error), "turn or tool failed");
    }

    pub(crate) fn as_member(self: &Arc<Self>) -> Weak<dyn Member> {
        let member: Weak<Self> = Arc::downgrade(self);
        member
    }
}

impl Host for Core {
    fn clock(&self) -> &Arc<dyn Clock> {
        self.time.clock()
    }

    fn watch(&self, key: &mut Option<u64>, waker: &Waker) -> Option<End> {
        self.life.watch(key, waker)
    }

    fn unwatch(&self, key: u64) {
        self.life.unwatch(key);
    }
}

impl Member for Core {
    fn drain(&self, may_go_on: bool) {
        self.life.drain(may_go_on);
    }

    fn cancel(&self) -> bool {
        self.shut_down_silently("shutdown")
    }

    fn deliver(&self) {
        self.deliver_farewell();
    }

    fn end(&self) -> Option<End> {
        self.life.ended()
    }

    fn left_over(&self, end: End) -> LeftOver {
        let Speaker { session_id, role, phase, project_id } = self.stream.speaker().clone();
        LeftOver {
            session_id,
            worker_id: Arc::clone(self.life.worker_id()),
            role: clean_name(&role),
            phase: clean_name(&phase),
            project_id,
            status: end.status,
            in_flight: end.in_flight,
            waiting_for_input: end.waiting_for_input,
            stuck: false,
            undelivered: false,
        }
    }

    fn owes_the_last(&self) -> bool {
        self.stream.owes_the_last()
    }

    fn sinks(&self) -> Sinks {
        Self::sinks(self)
    }
}

/// Why a call within these limits is not to begin, or to go on, now.
pub(crate) fn interrupts(core: &Core, pace: &Pace) -> Option<Interrupted> {
    if let Some(end) = core.life.ended() {
        return Some(Interrupted::Closed(end));
    }
    let due = pace.due().filter(|due| due.at <= core.time.now())?;
    Some(Interrupted::Time(due.kind, due.after))
}

/// Both labels together. The first count if both have a key.
fn merged(own: Option<&Arc<Labels>>, others: Option<Arc<Labels>>) -> Option<Arc<Labels>> {
    match (own, others) {
        (Some(own), Some(mut others)) => {
            let all = Arc::make_mut(&mut others);
            all.extend(own.iter().map(|(key, value)| (key.clone(), value.clone())));
            Some(others)
        }
        (own, others) => own.cloned().or(others),
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.session_id())
            .field("role", &self.role())
            .field("worker", &self.life.worker_id())
            .field("status", &self.life.status())
            .finish_non_exhaustive()
    }
}
