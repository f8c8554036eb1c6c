//! One page that reads without scripts and without a network.
//!
//! The charts are plain boxes placed in per cent of one time axis, so that they are sharp at any
//! width. The only script filters the table of events and shows the facts of a span that is clicked;
//! the page is whole without it. Text of the log can only be written escaped: see `page`.

mod axis;
mod bands;
mod causes;
mod events;
mod live;
mod overview;
mod page;
mod problems;
mod recoveries;
mod shown;
mod summary;
mod tables;
mod threads;
mod waterfall;

use std::collections::HashSet;
use std::io;

use self::axis::Axis;
pub use self::live::live_page;
use self::page::Page;
use crate::deaths::Death;
use crate::stats::Stats;
use crate::timeline::{Session, Timeline};

/// The title of a page, and its bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageConfig {
    title: String,
    max_spans: usize,
    max_events: usize,
    max_text: usize,
}

impl Default for PageConfig {
    fn default() -> Self {
        Self {
            title: "Agent run".to_owned(),
            max_spans: 2_000,
            max_events: 20_000,
            max_text: 4_000,
        }
    }
}

impl PageConfig {
    /// The title of the page, the name of the log for instance. "Agent run" unless set.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// The most spans the waterfall shows; the rest is summed up. 2,000 unless set.
    ///
    /// The agents that died and what they died of stay first, then agents, failures, and the longest.
    #[must_use]
    pub const fn max_spans(mut self, spans: usize) -> Self {
        self.max_spans = spans;
        self
    }

    /// The most events the table shows; the page says how many are left out. 20,000 unless set.
    ///
    /// The events that a session died of are shown in any case. As many different problems are listed,
    /// besides the failures of sessions.
    #[must_use]
    pub const fn max_events(mut self, events: usize) -> Self {
        self.max_events = events;
        self
    }

    /// The most characters that are shown of one text. 4,000 unless set.
    #[must_use]
    pub const fn max_text(mut self, characters: usize) -> Self {
        self.max_text = characters;
        self
    }
}

/// The material of every section.
struct View<'a> {
    timeline: &'a Timeline,
    options: &'a PageConfig,
    axis: Axis,
    stats: Stats,
    deaths: Vec<Death>,
    /// The events that the table has beyond `max_events`.
    kept: HashSet<usize>,
}

impl<'a> View<'a> {
    fn new(timeline: &'a Timeline, options: &'a PageConfig) -> Self {
        let deaths = timeline.deaths();
        let kept = deaths.iter().flat_map(|death| death.chain.iter().copied()).collect();
        let (axis, stats) = (Axis::new(timeline), timeline.stats());
        Self { timeline, options, axis, stats, deaths, kept }
    }

    /// Whether the table of events has a row for it.
    fn is_listed(&self, row: usize) -> bool {
        row < self.options.max_events || self.kept.contains(&row)
    }

    /// The attribute that leads to the row of an event, if it has one.
    fn link(&self, page: &mut Page, row: usize) {
        if self.is_listed(row) {
            page.raw(" href=\"#e").text(row).raw("\"");
        }
    }

    /// The agent of an event.
    fn who(&self, page: &mut Page, row: usize) {
        let held = &self.timeline.rows[row];
        let session = held.session.map(|session| &self.timeline.sessions[session]);
        let name = held.event.role.as_deref().or_else(|| session.map(Session::name)).unwrap_or("");
        page.raw("<bdi>").cut(name, 60).raw("</bdi>");
        short(page, session);
    }
}

/// The short form of a session's id, where its name alone is not enough.
fn short(page: &mut Page, session: Option<&Session>) {
    if let Some(short) = session.and_then(|session| session.short.as_deref()) {
        page.raw("<small> ").cut(short, 40).raw("</small>");
    }
}

impl Timeline {
    /// The run as one page of HTML.
    ///
    /// Nothing is loaded from elsewhere, and a content security policy in the page sees to it.
    pub fn html(&self, options: &PageConfig) -> String {
        let view = View::new(self, options);
        let mut page = Page::with_capacity(16_384 + 256 * self.rows.len().min(options.max_events));
        page.raw("<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n");
        page.raw("<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'\">\n");
        page.raw("<meta name=viewport content=\"width=device-width,initial-scale=1\">\n");
        page.raw("<meta name=color-scheme content=\"light dark\">\n<title>");
        page.text(&options.title).raw("</title>\n<style>\n");
        page.raw(include_str!("html/style.css")).raw("</style>\n<body>\n");
        view.summary(&mut page);
        view.problems(&mut page);
        threads::threads(&view, &mut page);
        view.waterfall(&mut page);
        view.recoveries(&mut page);
        view.budgets(&mut page);
        view.tables(&mut page);
        view.events(&mut page);
        page.raw("<script>\n").raw(include_str!("html/script.js")).raw("</script>\n");
        page.into_string()
    }

    /// Writes the page of [`html`](Self::html).
    ///
    /// # Errors
    ///
    /// The writer's.
    pub fn write_html(&self, options: &PageConfig, mut to: impl io::Write) -> io::Result<()> {
        to.write_all(self.html(options).as_bytes())
    }
}
