//! A page that shows a run while it goes on.

use super::PageConfig;
use super::page::Page;

/// A page whose waterfall grows, for a service that has the events of a run as they happen.
///
/// It looks as [`Timeline::html`](crate::Timeline::html) does, and needs a script of yours, which brings the
/// events: `new Waterfall(element).append(event)`, with each event as its JSON has it. The body is empty
/// before. The page may ask its own server, and no other.
///
/// ```
/// use runtime_report::{PageConfig, live_page};
///
/// let page = live_page(
///     &PageConfig::default().title("Run 7"),
///     "const run = new Waterfall(document.body.appendChild(document.createElement('section')));
///      new EventSource('/runs/7/events').onmessage = (sent) => run.append(JSON.parse(sent.data));",
/// );
/// assert!(page.contains("<title>Run 7</title>"));
/// ```
pub fn live_page(config: &PageConfig, script: &'static str) -> String {
    let mut page = Page::with_capacity(32_768);
    page.raw("<!doctype html>\n<html lang=en>\n<meta charset=utf-8>\n");
    page.raw("<meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'\">\n");
    page.raw("<meta name=viewport content=\"width=device-width,initial-scale=1\">\n");
    page.raw(
        "<meta name=color-scheme content=\"light dark\">\n<link rel=icon href=\"data:,\">\n<title>",
    );
    page.text(&config.title).raw("</title>\n<style>\n");
    page.raw(include_str!("style.css")).raw("</style>\n<body>\n<script>\n");
    page.raw(include_str!("live.js")).raw(script).raw("</script>\n");
    page.into_string()
}
