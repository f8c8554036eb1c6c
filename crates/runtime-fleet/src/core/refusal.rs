//! [`Refusal`]: the backend is there, and does not share one thing.

use std::sync::Arc;
use std::time::Duration;

use runtime_resilience::chain_text;

use crate::config::Moment;
use crate::error::StateError;

/// The backend is away, or does not share one thing; or it does again.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum News {
    Degraded { of: Option<String>, why: String },
    Recovered { of: Option<String>, away: Duration },
}

/// Whether the backend refuses to share one account, breaker, limit or route. What holds for it then is its policy, as
/// if the backend were away. All else goes on.
#[derive(Debug, Default)]
pub(crate) struct Refusal(Option<(Arc<str>, Moment)>);

impl Refusal {
    /// Why it is refused, if it is.
    pub(crate) fn why(&self) -> Option<&Arc<str>> {
        self.0.as_ref().map(|(why, _)| why)
    }

    pub(crate) const fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// The backend shares this, or refuses to. Returns what is to be told of that, if it is news.
    pub(super) fn hears(
        &mut self,
        (kind, name): (&str, &str),
        refused: Option<&StateError>,
        now: Moment,
    ) -> Option<News> {
        let of = || Some(format!("{kind} `{name}`"));
        let before = self.0.take();
        let Some(error) = refused else {
            let (_, since) = before?;
            return Some(News::Recovered { of: of(), away: now.saturating_sub(since) });
        };
        let why = chain_text(error);
        let since = before.as_ref().map_or(now, |(_, since)| *since);
        self.0 = Some((why.as_str().into(), since));
        before.is_none().then(|| News::Degraded { of: of(), why })
    }
}
