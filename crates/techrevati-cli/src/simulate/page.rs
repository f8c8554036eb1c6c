//! The page of a plan: a table, and the answered share and the tail over time. It requests nothing, and needs no
//! script.

use std::fmt::Write as _;
use std::time::Duration;

use super::plan::Plan;
use super::run::{Ended, Outcome, quantile, share};

const STYLE: &str = include_str!("style.css");

/// The parts that the time is cut into.
const PARTS: u32 = 60;

/// The place of a plot.
const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 220.0;
const LEFT: f64 = 52.0;
const BOTTOM: f64 = 28.0;
const TOP: f64 = 12.0;

pub(super) fn page(name: &str, plan: &Plan, outcomes: &[Outcome]) -> String {
    let title = escaped(name);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title>\n\
         <style>{STYLE}</style>\n<header><h1>{title}</h1><p>{}</p></header>\n",
        about(plan)
    );
    page += &table(outcomes);
    page += &plot(plan, outcomes, ("Answered turns, in percent", 100.0), |turns| {
        Some(share(turns, |turn| turn.answered))
    });
    let tail = |turns: &[Ended]| {
        let any = turns.iter().any(|turn| turn.answered);
        any.then(|| quantile(turns, 0.95).as_secs_f64())
    };
    let most = plan.traffic.within.0.as_secs_f64();
    page += &plot(plan, outcomes, ("95 % of the answers came within, in seconds", most), tail);
    page
}

fn about(plan: &Plan) -> String {
    let mut about = format!(
        "{} turns a minute for {}, each within {}. Seed {}.",
        plan.traffic.turns_per_minute,
        time(plan.lasts.0),
        time(plan.traffic.within.0),
        plan.seed
    );
    for (name, provider) in &plan.providers {
        for fault in &provider.faults {
            let what = format!("{:?}", fault.what).to_lowercase();
            let share = if fault.share < 100 {
                format!(", {} % of its calls", fault.share)
            } else {
                String::new()
            };
            let (from, until) = (time(fault.from.0), time(fault.until.0));
            // A `String` takes everything.
            let _ = write!(about, " {}: {what} from {from} to {until}{share}.", escaped(name));
        }
    }
    about
}

fn time(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds >= 60.0 { format!("{:.0} min", seconds / 60.0) } else { format!("{seconds:.0} s") }
}

fn table(outcomes: &[Outcome]) -> String {
    let mut table = "<section><table><tr><th>policy<th>answered<th>turned away<th>turns<th>calls<th>cost<th>half \
                     within<th>95 % within<th>99 % within</tr>\n"
        .to_owned();
    for (number, outcome) in outcomes.iter().enumerate() {
        let [half, most, tail] = [0.5, 0.95, 0.99].map(|of| outcome.quantile(of).as_secs_f64());
        // A `String` takes everything.
        let _ = writeln!(
            table,
            "<tr><td><i class=\"k{}\"></i>{}<td>{:.1} %<td>{:.1} %<td>{}<td>{}<td>{}<td>{half:.1} s<td>{most:.1} \
             s<td>{tail:.1} s</tr>",
            number % 6,
            escaped(&outcome.name),
            outcome.answered(),
            outcome.uncalled(),
            outcome.turns.len(),
            outcome.calls,
            outcome.cost.rounded(),
        );
    }
    table + "</table></section>\n"
}

/// A plot over time, with a line for each policy and a band for each fault.
fn plot(
    plan: &Plan,
    outcomes: &[Outcome],
    (title, most): (&str, f64),
    value: impl Fn(&[Ended]) -> Option<f64>,
) -> String {
    let lasts = plan.lasts.0.as_secs_f64();
    let x = |seconds: f64| LEFT + (WIDTH - LEFT) * (seconds / lasts).clamp(0.0, 1.0);
    let y = |value: f64| (HEIGHT - BOTTOM) * (1.0 - (value / most).clamp(0.0, 1.0)) + TOP;
    let mut svg = format!(
        "<section><h2>{title}</h2><svg viewBox=\"0 0 {WIDTH} {}\" role=\"img\" \
         aria-label=\"{title}\">\n",
        HEIGHT + TOP
    );
    for fault in plan.providers.values().flat_map(|provider| &provider.faults) {
        let (from, until) = (x(fault.from.0.as_secs_f64()), x(fault.until.0.as_secs_f64()));
        let (width, height) = (until - from, HEIGHT - BOTTOM);
        let _ = writeln!(
            svg,
            "<rect class=\"fault\" x=\"{from:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{height:.1}\"/>"
        );
    }
    for step in 0..=4 {
        let at = f64::from(step) / 4.0;
        let (level, line) = (at * most, y(at * most));
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{LEFT} {line:.1}H{WIDTH}\"/><text class=\"y\" x=\"{}\" \
             y=\"{:.1}\">{level:.0}</text>",
            LEFT - 8.0,
            line + 4.0,
        );
        let anchor = if step == 4 { " e" } else { "" };
        let _ = writeln!(
            svg,
            "<text class=\"x{anchor}\" x=\"{:.1}\" y=\"{}\">{}</text>",
            x(at * lasts),
            HEIGHT + TOP - 6.0,
            time(Duration::from_secs_f64(at * lasts)),
        );
    }
    for (number, outcome) in outcomes.iter().enumerate() {
        let path = path(plan.lasts.0, outcome, &value, (&x, &y));
        let _ = writeln!(
            svg,
            "<path class=\"k{}\" d=\"{path}\"><title>{}</title></path>",
            number % 6,
            escaped(&outcome.name)
        );
    }
    svg + "</svg></section>\n"
}

fn path(
    lasts: Duration,
    outcome: &Outcome,
    value: impl Fn(&[Ended]) -> Option<f64>,
    (x, y): (impl Fn(f64) -> f64, impl Fn(f64) -> f64),
) -> String {
    let part = lasts / PARTS;
    let (mut path, mut letter) = (String::new(), 'M');
    for number in 0..PARTS {
        let (from, until) = (part * number, part * (number + 1));
        let within = outcome.turns.iter().filter(|turn| from <= turn.at && turn.at < until);
        let turns: Vec<_> = within.copied().collect();
        // Where nothing was answered, the line has a gap.
        let Some(value) = value(&turns).filter(|_| !turns.is_empty()) else {
            letter = 'M';
            continue;
        };
        let middle = (from + part / 2).as_secs_f64();
        let _ = write!(path, "{letter}{:.1} {:.1}", x(middle), y(value));
        letter = 'L';
    }
    path
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
