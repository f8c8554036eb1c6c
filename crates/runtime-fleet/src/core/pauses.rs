//! [`Pauses`]: the rests of routes that are followed, and the pauses that providers asked this member for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::refusal::{News, Refusal};
use crate::config::Moment;
use crate::error::StateError;

/// Two ends of a pause that are closer than this are the same.
const CLOSE: Duration = Duration::from_millis(50);

/// The pauses of a member.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    /// The routes that are followed, by their names.
    routes: BTreeMap<Arc<str>, Rest>,
    /// What is to be told.
    asked: Vec<Asked>,
}

/// What is known of a route.
#[derive(Debug, Default)]
struct Rest {
    until: Moment,
    refusal: Refusal,
}

/// A pause that a provider asked this member for.
#[derive(Debug)]
struct Asked {
    name: Arc<str>,
    until: Moment,
    telling: Telling,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    No,
    UnderWay,
    /// Not before the next heartbeat.
    Refused,
}

impl Pauses {
    /// Follows the rest of a route. Returns what is left of it, as far as is known.
    pub(crate) fn follow(&mut self, route: Arc<str>, now: Moment) -> Duration {
        self.routes.entry(route).or_default().until.saturating_sub(now)
    }

    /// Follows no others any more.
    pub(crate) fn keep(&mut self, names: &BTreeSet<Arc<str>>) {
        self.routes.retain(|name, _| names.contains(name));
    }

    /// The routes that are followed.
    pub(super) fn followed(&self) -> Vec<Arc<str>> {
        self.routes.keys().cloned().collect()
    }

    /// Why rests are not shared.
    pub(crate) fn refusals(&self) -> impl Iterator<Item = &Refusal> {
        self.routes.values().map(|rest| &rest.refusal)
    }

    /// A provider asked this member for a pause of a limit or a route.
    pub(crate) fn ask(&mut self, name: Arc<str>, wait: Duration, now: Moment) {
        let until = now.saturating_add(wait);
        // A longer pause that is being told says it all.
        if !self.asked.iter().any(|asked| asked.name == name && asked.until >= until) {
            self.asked.retain(|asked| asked.name != name);
            self.asked.push(Asked { name, until, telling: Telling::No });
        }
    }

    /// A heartbeat begins: what was refused is told again.
    pub(super) fn try_again(&mut self) {
        for asked in self.asked.iter_mut().filter(|asked| asked.telling == Telling::Refused) {
            asked.telling = Telling::No;
        }
    }

    /// What is to be told now: of each pause the name and the end.
    pub(super) fn calls(&mut self, now: Moment) -> Vec<(Arc<str>, Moment)> {
        self.asked.retain(|asked| asked.until > now);
        let untold = self.asked.iter_mut().filter(|asked| asked.telling == Telling::No);
        let tell = |asked: &mut Asked| {
            asked.telling = Telling::UnderWay;
            (asked.name.clone(), asked.until)
        };
        untold.map(tell).collect()
    }

    /// The backend has heard of a pause, or not. A longer one may have been asked for since.
    pub(super) fn told(&mut self, name: &str, until: Moment, error: Option<&StateError>) {
        let is_it = |asked: &Asked| *asked.name == *name && asked.until == until;
        let Some(error) = error else { return self.asked.retain(|asked| !is_it(asked)) };
        for asked in self.asked.iter_mut().filter(|asked| is_it(asked)) {
            asked.telling = if error.is_unavailable() { Telling::No } else { Telling::Refused };
        }
    }

    /// What is left of the rest of a route, if the backend shares it. Returns what is news of that, and of the rest.
    pub(super) fn hear(
        &mut self,
        name: &str,
        left: Result<Option<Duration>, StateError>,
        now: Moment,
    ) -> (Option<News>, Option<Duration>) {
        let Some(rest) = self.routes.get_mut(name) else { return (None, None) };
        let news = rest.refusal.hears(("pause", name), left.as_ref().err(), now);
        (news, left.ok().flatten().filter(|wait| rest.is_news(*wait, now)))
    }

    /// A limit or a route is paused. Returns whether it is a route, and this is news.
    pub(super) fn pushed(&mut self, name: &str, wait: Duration, now: Moment) -> bool {
        self.routes.get_mut(name).is_some_and(|rest| rest.is_news(wait, now))
    }
}

impl Rest {
    fn is_news(&mut self, wait: Duration, now: Moment) -> bool {
        let end = now.saturating_add(wait);
        let news = end > self.until.saturating_add(CLOSE);
        if news {
            self.until = end;
        }
        news
    }
}
