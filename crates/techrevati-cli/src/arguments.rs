//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use runtime_store::ThreadId;

use crate::accounts::Accounts;
use crate::threads::Threads;

/// Shows what is in the event logs of agent runs, and what durable sessions wait for.
///
/// A log is a file of JSON lines, a folder of such files after rotation, a file compressed by gzip, or a
/// database of the SQLite sink. `-` is standard input.
#[derive(Debug, Parser)]
#[command(name = "techrevati", version, after_help = NOTES)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const NOTES: &str = "\
Exit codes:
  0  success
  1  `check` found a problem, `diff` a difference, `cassette` no call; or a store refused what `threads` or
     `accounts` asked for
  2  the command line is wrong
  3  a file or a database cannot be read or written

Output is coloured on terminals, unless NO_COLOR is set.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Write an HTML page about the run, or a file for a trace viewer.
    #[command(
        after_help = "Examples:\n  techrevati report run.jsonl -o run.html\n  techrevati report runs.db --format otlp -o run.json"
    )]
    Report(Report),
    /// Show events as they are written, one per line.
    ///
    /// Each line shows the seconds since the first event, the agent's role, and the event.
    ///
    /// Events are indented inside their session, turn, attempt or tool call. A log that does not exist yet is
    /// waited for; one that is moved away and begun anew is followed.
    #[command(
        after_help = "Examples:\n  techrevati tail run.jsonl -n 20\n  techrevati tail run.jsonl --failed --exit-when-done\n  zcat run.jsonl.gz | techrevati tail - --session 5f2c"
    )]
    Tail(Tail),
    /// Show calls, failures, durations, tokens and cost, and how much of the log is lost.
    #[command(after_help = "Example:\n  techrevati stats run.jsonl --json | jq .cost_usd")]
    Stats(Told),
    /// Find unreadable lines, missing events, and spans that do not begin and end once.
    ///
    /// Each problem is shown with its file and line. The exit code is 1 if there are problems, or no events.
    #[command(after_help = "Example:\n  techrevati check logs/ && echo whole")]
    Check(Told),
    /// Make a cassette of a log, or of a thread: a run of production as a test.
    ///
    /// Tests play it with `Cassette` of `runtime-testkit`. A log gives the replies only if its sessions captured
    /// contents. Neither has the whole request of a model, so its calls are played in the order of the run. What is
    /// not known is left out, and told on standard error.
    #[command(
        after_help = "Examples:\n  techrevati cassette run.jsonl -o case.jsonl\n  techrevati cassette agents.db --thread order-4711 -o case.jsonl"
    )]
    Cassette(CassetteOf),
    /// Show where two runs part: the first event, or the first call of a cassette, that differs.
    ///
    /// Ids, stamps and times are not compared, nor the order of events of different sessions. Prints nothing for
    /// runs that are the same.
    #[command(after_help = "Example:\n  techrevati diff yesterday.jsonl today.jsonl")]
    Diff(Diff),
    /// Show the threads of durable sessions, and decide what they wait for.
    ///
    /// Without a command, lists the threads that are not over: who waits for what, since when, and who holds it. To
    /// go on with a thread takes your own program, which has the code: `durable.resume_runnable` in it.
    #[command(
        after_help = "Examples:\n  techrevati threads agents.db\n  techrevati threads agents.db show order-4711\n  techrevati threads agents.db approve 5f2c… --who ann@example.org"
    )]
    Threads(Threads),
    /// Show the accounts that the processes of a fleet share, and set what they may spend.
    ///
    /// They are in a Postgres database, after `techrevati migrate`, or in Redis. If the URL has no password,
    /// `PGPASSWORD` or `REDISCLI_AUTH` is taken.
    #[command(
        after_help = "Examples:\n  techrevati accounts set postgres://localhost/agents company 500\n  techrevati accounts set postgres://localhost/agents company/search 50 --strict\n  techrevati accounts statement redis://localhost company/search"
    )]
    Accounts(Accounts),
    /// Compare policies of limits, retries, hedges and routes over an outage, in a simulation.
    ///
    /// A plan has the traffic, the providers with their faults, and the policies. For each one, prints what share of
    /// turns is answered, at what cost, and how late; the page has them over time.
    #[cfg(feature = "simulate")]
    #[command(after_help = "Example:\n  techrevati simulate plan.toml -o plan.html")]
    Simulate(crate::simulate::Simulate),
    /// Make the schema of durable threads in a Postgres database, or bring it up to date.
    ///
    /// It is one transaction. The role needs the right to make tables; programs that use the schema do not. If the
    /// URL has no password, PGPASSWORD is taken.
    #[cfg(feature = "postgres")]
    #[command(
        after_help = "Example:\n  techrevati migrate 'postgres://owner@db.example.org/agents?sslmode=require'"
    )]
    Migrate(Migrate),
    /// Print a completion script for a shell.
    ///
    /// For bash: techrevati completions bash > ~/.local/share/bash-completion/completions/techrevati
    Completions {
        /// The shell.
        shell: Shell,
    },
}

#[cfg(feature = "postgres")]
#[derive(Debug, Args)]
pub(crate) struct Migrate {
    /// The database: postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE.
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The name of the schema [default: that of the URL, or techrevati].
    #[arg(long, value_name = "NAME")]
    pub(crate) schema: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Log {
    /// A file of JSON lines, a folder of such files, a gzip file, a SQLite database, or - for standard input.
    #[arg(value_name = "LOG")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Told {
    #[command(flatten)]
    pub(crate) log: Log,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CassetteOf {
    /// A log, as of the other commands; with --thread, a SQLite file of threads, or the URL of a Postgres database.
    #[arg(value_name = "LOG|STORE")]
    pub(crate) source: String,
    /// The file to write [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The id of a durable thread.
    #[arg(long, value_name = "ID")]
    pub(crate) thread: Option<ThreadId>,
    /// Only the session whose id begins with this.
    #[arg(long, value_name = "ID", conflicts_with = "thread")]
    pub(crate) session: Option<String>,
    /// The schema of a Postgres database [default: techrevati].
    #[cfg(feature = "postgres")]
    #[arg(long, value_name = "NAME", requires = "thread")]
    pub(crate) schema: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// A log or a cassette.
    #[arg(value_name = "A")]
    pub(crate) a: PathBuf,
    /// Another one of the same kind.
    #[arg(value_name = "B")]
    pub(crate) b: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    #[command(flatten)]
    pub(crate) log: Log,
    /// The file to write [default: standard output].
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,
    /// The format of the report.
    #[arg(long, value_enum, default_value_t)]
    pub(crate) format: Format,
    /// The title of the page [default: the name of the log].
    #[arg(long, value_name = "TEXT")]
    pub(crate) title: Option<OsString>,
    /// The largest number of spans on the page.
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    pub(crate) max_spans: usize,
    /// The largest number of events on the page.
    #[arg(long, value_name = "N", default_value_t = 20_000)]
    pub(crate) max_events: usize,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub(crate) enum Format {
    /// One page that needs no network.
    #[default]
    Html,
    /// A Chrome trace, for Perfetto.
    Chrome,
    /// OTLP JSON, for Jaeger and Grafana Tempo.
    Otlp,
    /// A Mermaid sequence diagram, for Markdown.
    Mermaid,
}

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Tail {
    #[command(flatten)]
    pub(crate) log: Log,
    /// Stop at the end of the log instead of waiting for more events.
    #[arg(long)]
    pub(crate) once: bool,
    /// Stop at the end of the log once every session in it has ended.
    #[arg(long, conflicts_with = "once")]
    pub(crate) exit_when_done: bool,
    /// Begin with the last N lines.
    #[arg(short = 'n', long, value_name = "N")]
    pub(crate) lines: Option<usize>,
    /// Only the events of the session whose id begins with this.
    #[arg(long, value_name = "ID")]
    pub(crate) session: Option<String>,
    /// Only events of what failed, was blocked or was cancelled.
    #[arg(long)]
    pub(crate) failed: bool,
    /// Print events as the JSON of the log.
    #[arg(long)]
    pub(crate) json: bool,
    /// Show the time of day, in UTC, instead of the seconds since the first event.
    #[arg(long)]
    pub(crate) wall_clock: bool,
}
