//! Durations, money and counts as people read them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use runtime_events::Fact;
use serde_json::Value;

/// The text that a closure writes. (`fmt::from_fn` is newer than the Rust that is asked for.)
struct Shown<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Shown<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0)(f)
    }
}

fn shown<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result>(write: F) -> Shown<F> {
    Shown(write)
}

/// Shows a duration with the two or three digits that matter: `850 ns`, `1.23 s`, `2 m 05 s`.
///
/// ```
/// use std::time::Duration;
/// use runtime_report::show::duration;
///
/// assert_eq!(duration(Duration::from_micros(12_345)).to_string(), "12.3 ms");
/// assert_eq!(duration(Duration::from_secs(3_725)).to_string(), "1 h 02 m");
/// ```
pub fn duration(duration: Duration) -> impl fmt::Display {
    nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

pub(crate) fn nanos(nanos: u64) -> impl fmt::Display {
    shown(move |f| {
        let (unit, name) = match nanos {
            0 => return f.write_str("0 s"),
            1..1_000 => return write!(f, "{nanos} ns"),
            1_000..1_000_000 => (1_000, "µs"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            1_000_000_000..60_000_000_000 => (1_000_000_000, "s"),
            _ => return long(f, nanos / 1_000_000_000),
        };
        // Cut, not rounded: 59.999 s must not become 60.0 s.
        let (whole, rest) = (nanos / unit, nanos % unit);
        match whole {
            0..10 => write!(f, "{whole}.{:02} {name}", rest * 100 / unit),
            10..100 => write!(f, "{whole}.{} {name}", rest * 10 / unit),
            _ => write!(f, "{whole} {name}"),
        }
    })
}

fn long(f: &mut fmt::Formatter<'_>, seconds: u64) -> fmt::Result {
    match seconds {
        0..3_600 => write!(f, "{} m {:02} s", seconds / 60, seconds % 60),
        3_600..86_400 => write!(f, "{} h {:02} m", seconds / 3_600, seconds % 3_600 / 60),
        _ => write!(f, "{} d {:02} h", seconds / 86_400, seconds % 86_400 / 3_600),
    }
}

/// Shows when something happened: seconds since the beginning, to the millisecond, with minutes and
/// hours where there are some.
///
/// ```
/// use std::time::Duration;
/// use runtime_report::show::offset;
///
/// assert_eq!(offset(Duration::from_micros(2_405_999)).to_string(), "2.405");
/// assert_eq!(offset(Duration::from_secs(3_725)).to_string(), "1:02:05.000");
/// ```
pub fn offset(since: Duration) -> impl fmt::Display {
    at(u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

pub(crate) fn at(nanos: u64) -> impl fmt::Display {
    shown(move |f| {
        let (seconds, millis) = (nanos / 1_000_000_000, nanos % 1_000_000_000 / 1_000_000);
        let (hours, minutes, rest) = (seconds / 3_600, seconds % 3_600 / 60, seconds % 60);
        match (hours, minutes) {
            (0, 0) => write!(f, "{rest}.{millis:03}"),
            (0, _) => write!(f, "{minutes}:{rest:02}.{millis:03}"),
            _ => write!(f, "{hours}:{minutes:02}:{rest:02}.{millis:03}"),
        }
    })
}

/// Shows nano-dollars exactly, with at least two digits, as `runtime_usage::Usd` prints itself: the
/// same cost has the same text everywhere, and shown parts add up to the shown sum.
///
/// ```
/// use runtime_report::show::usd;
///
/// assert_eq!(usd(12_500_000_000).to_string(), "$12.50");
/// assert_eq!(usd(138_600).to_string(), "$0.0001386");
/// ```
pub fn usd(nanos: u64) -> impl fmt::Display {
    shown(move |f| {
        let digits = format!("{:09}", nanos % 1_000_000_000);
        let kept = digits.trim_end_matches('0').len().max(2);
        write!(f, "${}.{}", nanos / 1_000_000_000, &digits[..kept])
    })
}

/// Shows a count with a comma before each three digits.
///
/// ```
/// assert_eq!(runtime_report::show::count(1_234_567).to_string(), "1,234,567");
/// ```
pub fn count(count: u64) -> impl fmt::Display {
    shown(move |f| {
        let digits = count.to_string();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    })
}

/// Shows a count in four characters or so: `864`, `12.3k`, `4.50M`.
pub(crate) fn short(count: u64) -> impl fmt::Display {
    shown(move |f| match count {
        0..10_000 => write!(f, "{}", self::count(count)),
        10_000..1_000_000 => write!(f, "{}.{}k", count / 1_000, count % 1_000 / 100),
        _ => write!(f, "{}.{:02}M", count / 1_000_000, count % 1_000_000 / 10_000),
    })
}

/// Shows a text as one line that gives a terminal no commands: invisible characters become signs, and
/// line ends blanks.
///
/// ```
/// assert_eq!(runtime_report::show::line("a\n\u{1b}[31mb").to_string(), "a ␛[31mb");
/// ```
pub fn line(text: &str) -> impl fmt::Display {
    shown(move |f| {
        text.chars().try_for_each(|char| match char {
            '\n' | '\t' => f.write_str(" "),
            char if is_hidden(char) => write!(f, "{}", visible(char)),
            char => write!(f, "{char}"),
        })
    })
}

/// A value of an event's data: a text without its quotes, a list of texts with commas, everything
/// else as JSON.
pub(crate) fn fact(fact: &Fact) -> Cow<'_, str> {
    if let Some(text) = fact.as_str() {
        return Cow::Borrowed(text);
    }
    match fact.to_value() {
        Value::Array(values) if !values.is_empty() && values.iter().all(Value::is_string) => {
            let texts: Vec<&str> = values.iter().filter_map(Value::as_str).collect();
            Cow::Owned(texts.join(", "))
        }
        value => Cow::Owned(value.to_string()),
    }
}

/// Whether a character is not seen, but affects the text around it.
pub(crate) const fn is_hidden(char: char) -> bool {
    match char {
        '\n' | '\t' => false,
        // Controls and format characters: soft hyphens, blanks without width, marks, embeddings, overrides
        // and isolates of direction, line ends, tags. The joiners are part of words and of emoji.
        _ => matches!(
            char,
            '\0'..' '
                | '\u{7f}'..='\u{9f}'
                | '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        ),
    }
}

/// A sign for a hidden character.
pub(crate) fn visible(char: char) -> impl fmt::Display {
    shown(move |f| match char {
        '\0'..' ' => write!(f, "{}", char::from_u32(0x2400 + u32::from(char)).unwrap_or(' ')),
        '\u{7f}' => f.write_str("\u{2421}"),
        '\u{80}'..='\u{9f}' => write!(f, "{}", char::REPLACEMENT_CHARACTER),
        _ => write!(f, "\u{27e8}U+{:04X}\u{27e9}", u32::from(char)),
    })
}
