//! The command line of `techrevati threads`.

use clap::{ArgGroup, Args, Subcommand};
use runtime_store::{StepKey, ThreadId};
use serde_json::Value;

#[derive(Debug, Args)]
pub(crate) struct Threads {
    /// A SQLite file of threads, or the URL of a Postgres database: postgres://USER:PASSWORD@HOST:PORT/DATABASE.
    #[arg(value_name = "STORE")]
    pub(super) store: String,
    /// List the threads that are over, too.
    #[arg(long)]
    pub(super) all: bool,
    /// Print a JSON object for each row.
    #[arg(long)]
    pub(super) json: bool,
    /// The schema of a Postgres database [default: techrevati].
    #[cfg(feature = "postgres")]
    #[arg(long, value_name = "NAME")]
    pub(super) schema: Option<String>,
    #[command(subcommand)]
    pub(super) command: Option<ThreadsCommand>,
}

impl Threads {
    #[cfg(feature = "postgres")]
    pub(super) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    #[cfg(not(feature = "postgres"))]
    #[expect(clippy::unused_self, reason = "only Postgres has schemas")]
    pub(super) const fn schema(&self) -> Option<&str> {
        None
    }
}

#[derive(Debug, Subcommand)]
pub(super) enum ThreadsCommand {
    /// Show the lives of a thread, its steps and their outcomes, what it cost, and what is open.
    Show {
        /// The id of the thread.
        thread: ThreadId,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// List the approvals that wait for a person, with what each is about.
    Approvals {
        /// Print a JSON object for each row.
        #[arg(long)]
        json: bool,
    },
    /// Approve: the tool may be called once, with exactly these arguments.
    Approve {
        /// The id of the approval, from `approvals`.
        approval: String,
        #[command(flatten)]
        by: By,
    },
    /// Deny: the agent is told that the tool must not be called.
    Deny {
        /// The id of the approval, from `approvals`.
        approval: String,
        #[command(flatten)]
        by: By,
    },
    /// Approve with other arguments, which the tool is called with in place of the agent's.
    Amend {
        /// The id of the approval, from `approvals`.
        approval: String,
        /// The arguments, as JSON.
        #[arg(long, value_name = "JSON", value_parser = json)]
        args: Value,
        #[command(flatten)]
        by: By,
    },
    /// Say whether a step in doubt has happened: its process was lost between the call and its outcome.
    ///
    /// Look on the other side first. With --done, the thread goes on with the value that the call had; with
    /// --not-done, it makes the call again.
    #[command(group(ArgGroup::new("what").required(true).args(["done", "not_done"])))]
    Resolve {
        /// The id of the thread.
        thread: ThreadId,
        /// The key of the step, from `show`.
        step: StepKey,
        /// It has happened, and this is the value that the call had, as JSON.
        #[arg(long, value_name = "JSON", value_parser = json)]
        done: Option<Value>,
        /// It has not happened.
        #[arg(long)]
        not_done: bool,
        /// Who says so.
        #[arg(long, value_name = "NAME")]
        who: String,
    },
    /// Answer what a thread waits for. The first answer counts.
    Answer {
        /// The id of the thread.
        thread: ThreadId,
        /// The key that the thread waits for, from `show`.
        key: String,
        /// The answer, as JSON: a text is in quotes.
        #[arg(value_name = "JSON", value_parser = json)]
        message: Value,
    },
    /// List the threads that can go on now, for the program that has their code; or let one go on that is stuck or
    /// has failed.
    ///
    /// No command can go on with a thread: that takes your code. Give each line to your program, or have it call
    /// `durable.resume_runnable`. The exit code is 1 if no thread can go on.
    #[command(
        after_help = "Example:\n  techrevati threads agents.db resume | xargs -n 1 my-agent --thread"
    )]
    Resume {
        /// A thread that is stuck or has failed: it can go on from now on.
        thread: Option<ThreadId>,
        /// The most threads to list, those that have waited longest first.
        #[arg(long, value_name = "N", default_value_t = 100, conflicts_with = "thread")]
        limit: usize,
        /// Print a JSON object for each row.
        #[arg(long)]
        json: bool,
    },
    /// End a thread that no process holds. It does not go on any more.
    Cancel {
        /// The id of the thread.
        thread: ThreadId,
    },
    /// Delete all that a thread said and was told. Its id is not used again.
    Forget {
        /// The id of the thread.
        thread: ThreadId,
    },
    /// Forget the threads that are done, failed or cancelled, and have not changed for some time.
    Sweep {
        /// The time, in days.
        #[arg(long, value_name = "DAYS")]
        older_than: u64,
        /// Also the threads that still wait for somebody.
        #[arg(long)]
        parked: bool,
    },
}

/// Who decides.
#[derive(Debug, Args)]
pub(super) struct By {
    /// Who decides. It is kept beside the decision.
    #[arg(long, value_name = "NAME")]
    pub(super) who: String,
    /// What they say about it.
    #[arg(long, value_name = "TEXT")]
    pub(super) note: Option<String>,
    /// Print the approval as one JSON object.
    #[arg(long)]
    pub(super) json: bool,
}

fn json(text: &str) -> Result<Value, String> {
    serde_json::from_str(text).map_err(|error| {
        format!("it is not JSON ({error}): a text is in quotes, such as '\"yes\"'")
    })
}
