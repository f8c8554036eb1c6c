//! The plot of the cost of a turn: two logarithmic axes, as SVG.

use std::fmt::Write as _;

/// The turns that a session has made, and the nanoseconds of the next one.
pub(super) type Point = (u32, f64);

/// A line of the plot: its name, its class in the style, and its points.
pub(super) struct Line {
    pub(super) name: String,
    pub(super) class: &'static str,
    pub(super) points: Vec<Point>,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 420.0;

/// The sides of the area inside the axes.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 715.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 360.0;

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.title { font-size: 16px; font-weight: 600 }
.ground { fill: #ffffff } .grid { stroke: #d1d9e0; stroke-width: 1 }
.ours { stroke: #0a6c4a; fill: #0a6c4a } .theirs { stroke: #b35900; fill: #b35900 }
.line { fill: none; stroke-width: 2.5 } .name { stroke: none; font-weight: 600 }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .ground { fill: #0d1117 } .grid { stroke: #30363d }
.ours { stroke: #3fb68b; fill: #3fb68b } .theirs { stroke: #f0883e; fill: #f0883e }
.line { fill: none }
}";

/// The lines over turns from 10 to a million, and over nanoseconds from `100` to 100 milliseconds.
pub(super) fn svg(title: &str, lines: &[Line]) -> String {
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" width=\"{WIDTH}\" \
         height=\"{HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n<style>\n{STYLE}\n</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\"/>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"30\">{title}</text>\n"
    );
    for (power, label) in (1..=6).zip(["10", "100", "1,000", "10,000", "100,000", "1,000,000"]) {
        let x = x(10_f64.powi(power));
        svg += &grid([x, TOP, x, BOTTOM]);
        svg += &text(x, BOTTOM + 20.0, "middle", label);
    }
    let labels = ["100 ns", "1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms"];
    for (power, label) in (2..=8).zip(labels) {
        let y = y(10_f64.powi(power));
        svg += &grid([LEFT, y, RIGHT, y]);
        svg += &text(LEFT - 8.0, y + 4.0, "end", label);
    }
    svg += &text(
        f64::midpoint(LEFT, RIGHT),
        HEIGHT - 12.0,
        "middle",
        "turns that the session has made",
    );
    for line in lines {
        draw(&mut svg, line);
    }
    svg + "</svg>\n"
}

fn draw(svg: &mut String, line: &Line) {
    let Line { name, class, points } = line;
    let places: Vec<_> =
        points.iter().map(|(turns, nanos)| (x(f64::from(*turns)), y(*nanos))).collect();
    let path: Vec<_> = places.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    // A string takes whatever is written to it.
    let _ = writeln!(svg, "<polyline class=\"{class} line\" points=\"{}\"/>", path.join(" "));
    for (x, y) in &places {
        let _ = writeln!(svg, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\"/>");
    }
    // Beside its last point where there is room, and else above it.
    let Some(&(x, y)) = places.last() else { return };
    let (x, y, anchor) =
        if x < RIGHT - 200.0 { (x + 12.0, y + 5.0, "start") } else { (x, y - 14.0, "end") };
    let _ = writeln!(
        svg,
        "<text class=\"{class} name\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{name}</text>"
    );
}

fn grid([x1, y1, x2, y2]: [f64; 4]) -> String {
    format!("<line class=\"grid\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n")
}

fn text(x: f64, y: f64, anchor: &str, words: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{words}</text>\n")
}

/// The place of 10 turns is the left side, and of a million the right one.
fn x(turns: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * (turns.log10() - 1.0) / 5.0
}

/// The place of 100 nanoseconds is the bottom, and of 100 milliseconds the top.
fn y(nanos: f64) -> f64 {
    BOTTOM - (BOTTOM - TOP) * (nanos.log10() - 2.0) / 6.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_are_where_the_axes_say() {
        let line = Line {
            name: "ours".to_owned(),
            class: "ours",
            points: vec![(10, 1e8), (1_000_000, 100.0)],
        };
        let svg = svg("t", &[line]);
        for place in ["cx=\"70.0\" cy=\"56.0\"", "cx=\"715.0\" cy=\"360.0\""] {
            assert!(svg.contains(place), "{svg}");
        }
    }
}
