//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const HELP: &str = "\
Looks at the event logs of agent runs. LOG is a file, or a folder of the files of a
log that was rotated.

    techrevati report LOG [-o FILE] [--format html|chrome|otlp|mermaid]
                          [--title TEXT] [--max-spans N] [--max-events N]
    techrevati tail LOG [--once]
    techrevati stats LOG
    techrevati check LOG

report  writes the run as one HTML page that needs no network, as a Chrome trace
        (opens in Perfetto), as OTLP JSON (opens in Jaeger) or as a Mermaid
        diagram; without -o to standard output
tail    shows each event as it is written; with --once, what is there now
stats   shows calls, failures, durations, tokens, cost, and what of the log is lost
check   says whether every line is an event, no event is missing (and if, why), and
        every span began and ended once, inside its parent; each with file and line

Colours are for terminals, and not where NO_COLOR is set.

Exit codes: 0 done; 1 check found something; 2 the command line is wrong; 3 a file
cannot be read or written.
";

/// What to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Version,
    Report(Report),
    Tail(Tail),
    Stats(PathBuf),
    Check(PathBuf),
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    pub(crate) log: PathBuf,
    /// Where to; standard output if nowhere.
    pub(crate) out: Option<PathBuf>,
    pub(crate) format: Format,
    pub(crate) title: Option<String>,
    pub(crate) max_spans: Option<usize>,
    pub(crate) max_events: Option<usize>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Format {
    #[default]
    Html,
    Chrome,
    Otlp,
    Mermaid,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tail {
    pub(crate) log: PathBuf,
    /// Ends with the log instead of waiting for more.
    pub(crate) once: bool,
}

/// A command line that makes no sense.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum UsageError {
    #[error("a command is missing; see `techrevati --help`")]
    NoCommand,
    #[error("unknown command `{0}`; see `techrevati --help`")]
    UnknownCommand(String),
    #[error("`{0}` needs the path of a log")]
    NoLog(&'static str),
    #[error("`{command}` does not know `{argument}`; see `techrevati --help`")]
    UnknownArgument { command: &'static str, argument: String },
    #[error("`{0}` needs a value")]
    NoValue(&'static str),
    #[error("`{option}` cannot be `{value}`: {wanted}")]
    BadValue { option: &'static str, value: String, wanted: &'static str },
}

pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, UsageError> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    if arguments.iter().any(|argument| argument == "--help" || argument == "-h") {
        return Ok(Command::Help);
    }
    if arguments.is_empty() {
        return Err(UsageError::NoCommand);
    }
    let command = arguments.remove(0);
    let mut rest = Rest { command: "", arguments };
    match command.to_str() {
        Some("help") => Ok(Command::Help),
        Some("--version" | "-V") => Ok(Command::Version),
        Some("report") => rest.named("report").report().map(Command::Report),
        Some("tail") => rest.named("tail").tail().map(Command::Tail),
        Some("stats") => rest.named("stats").log().map(Command::Stats),
        Some("check") => rest.named("check").log().map(Command::Check),
        _ => Err(UsageError::UnknownCommand(command.to_string_lossy().into_owned())),
    }
}

/// What stands behind a command.
struct Rest {
    command: &'static str,
    arguments: Vec<OsString>,
}

impl Rest {
    const fn named(&mut self, command: &'static str) -> &mut Self {
        self.command = command;
        self
    }

    fn report(&mut self) -> Result<Report, UsageError> {
        let mut report = Report {
            out: self.value("-o")?.or(self.value("--out")?).map(PathBuf::from),
            title: self.value("--title")?.map(|title| title.to_string_lossy().into_owned()),
            max_spans: self.number("--max-spans")?,
            max_events: self.number("--max-events")?,
            ..Report::default()
        };
        if let Some(format) = self.value("--format")? {
            report.format = match format.to_str() {
                Some("html") => Format::Html,
                Some("chrome") => Format::Chrome,
                Some("otlp") => Format::Otlp,
                Some("mermaid") => Format::Mermaid,
                _ => {
                    return Err(UsageError::BadValue {
                        option: "--format",
                        value: format.to_string_lossy().into_owned(),
                        wanted: "html, chrome, otlp or mermaid",
                    });
                }
            };
        }
        report.log = self.log()?;
        Ok(report)
    }

    fn tail(&mut self) -> Result<Tail, UsageError> {
        let once = self.arguments.iter().position(|argument| argument == "--once");
        let once = once.map(|place| self.arguments.remove(place)).is_some();
        Ok(Tail { log: self.log()?, once })
    }

    /// The one argument that is left.
    fn log(&mut self) -> Result<PathBuf, UsageError> {
        if self.arguments.is_empty() {
            return Err(UsageError::NoLog(self.command));
        }
        let is_option = |argument: &OsString| argument.to_string_lossy().starts_with('-');
        let odd = self.arguments.iter().position(is_option);
        let odd = odd.or_else(|| (self.arguments.len() > 1).then_some(1));
        match odd {
            Some(place) => Err(UsageError::UnknownArgument {
                command: self.command,
                argument: self.arguments[place].to_string_lossy().into_owned(),
            }),
            None => Ok(self.arguments.remove(0).into()),
        }
    }

    /// The value of an option, as `--option value` or `--option=value`.
    fn value(&mut self, option: &'static str) -> Result<Option<OsString>, UsageError> {
        if let Some(place) = self.arguments.iter().position(|argument| argument == option) {
            self.arguments.remove(place);
            if place == self.arguments.len() {
                return Err(UsageError::NoValue(option));
            }
            return Ok(Some(self.arguments.remove(place)));
        }
        let joined = |argument: &OsString| {
            Some(argument.to_str()?.strip_prefix(option)?.strip_prefix('=')?.to_owned())
        };
        let Some(place) = self.arguments.iter().position(|argument| joined(argument).is_some())
        else {
            return Ok(None);
        };
        Ok(joined(&self.arguments.remove(place)).map(OsString::from))
    }

    fn number(&mut self, option: &'static str) -> Result<Option<usize>, UsageError> {
        let Some(value) = self.value(option)? else { return Ok(None) };
        match value.to_str().and_then(|text| text.parse().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(UsageError::BadValue {
                option,
                value: value.to_string_lossy().into_owned(),
                wanted: "a whole number",
            }),
        }
    }
}
