//! [`Pauses`]: the rests of routes that are followed, and the pauses that providers asked this member for.

use std::sync::Arc;
use std::time::Duration;

use crate::config::Moment;

/// Two ends of a pause that are closer than this are the same.
const CLOSE: Duration = Duration::from_millis(50);

/// The pauses of a member.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    /// The routes that are followed, and until when each rests.
    routes: Vec<(Arc<str>, Moment)>,
    /// What is to be told.
    asked: Vec<Asked>,
}

/// A pause that a provider asked this member for.
#[derive(Debug)]
struct Asked {
    name: Arc<str>,
    until: Moment,
    telling: bool,
}

impl Pauses {
    /// Follows the rests of these routes.
    pub(crate) fn follow(&mut self, routes: impl IntoIterator<Item = Arc<str>>) {
        for name in routes {
            if !self.routes.iter().any(|(known, _)| *known == name) {
                self.routes.push((name, Duration::ZERO));
            }
        }
    }

    /// The routes that are followed.
    pub(super) fn followed(&self) -> Vec<Arc<str>> {
        self.routes.iter().map(|(name, _)| name.clone()).collect()
    }

    /// A provider asked this member for a pause of a limit or a route.
    pub(crate) fn ask(&mut self, name: Arc<str>, wait: Duration, now: Moment) {
        let until = now.saturating_add(wait);
        // A longer pause that is being told says it all.
        if !self.asked.iter().any(|asked| asked.name == name && asked.until >= until) {
            self.asked.retain(|asked| asked.name != name);
            self.asked.push(Asked { name, until, telling: false });
        }
    }

    /// What is to be told now: of each pause the name and the end.
    pub(super) fn calls(&mut self, now: Moment) -> Vec<(Arc<str>, Moment)> {
        self.asked.retain(|asked| asked.until > now);
        let untold = self.asked.iter_mut().filter(|asked| !asked.telling);
        let tell = |asked: &mut Asked| {
            asked.telling = true;
            (asked.name.clone(), asked.until)
        };
        untold.map(tell).collect()
    }

    /// The backend has heard of a pause, or not. A longer one may have been asked for since.
    pub(super) fn told(&mut self, name: &str, until: Moment, heard: bool) {
        let is_it = |asked: &Asked| *asked.name == *name && asked.until == until;
        if heard {
            self.asked.retain(|asked| !is_it(asked));
        }
        for asked in self.asked.iter_mut().filter(|asked| is_it(asked)) {
            asked.telling = false;
        }
    }

    /// What is left of the rests of all routes that are followed. Returns what is news.
    pub(super) fn hear_all(
        &mut self,
        left: impl Iterator<Item = Option<Duration>>,
        now: Moment,
    ) -> Vec<(Arc<str>, Duration)> {
        let rests = self.routes.iter_mut().zip(left);
        let rest =
            |(route, left): (&mut (Arc<str>, Moment), Option<Duration>)| news(route, left?, now);
        rests.filter_map(rest).collect()
    }

    /// A limit or a route is paused. Returns the route, if it is one and this is news.
    pub(super) fn hear(
        &mut self,
        name: &str,
        wait: Duration,
        now: Moment,
    ) -> Option<(Arc<str>, Duration)> {
        let route = self.routes.iter_mut().find(|(route, _)| **route == *name)?;
        news(route, wait, now)
    }
}

fn news(
    (name, until): &mut (Arc<str>, Moment),
    wait: Duration,
    now: Moment,
) -> Option<(Arc<str>, Duration)> {
    let end = now.saturating_add(wait);
    (end > until.saturating_add(CLOSE)).then(|| {
        *until = end;
        (name.clone(), wait)
    })
}
