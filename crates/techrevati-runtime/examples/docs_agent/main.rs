//! Two agents answer a question about a folder of documents.
//!
//! ```text
//! cargo run --release --example docs_agent -- docs "How does the circuit breaker recover?"
//! ```
//!
//! A *researcher* with read access collects quotations; a quality gate and a policy decide whether
//! they suffice. It hands over to an *editor* with write access, which writes `answer.md`. Every
//! model call is an HTTP request, by default to a small extractive model that this example starts
//! itself, at two addresses. The model fails on purpose, and the runtime recovers by its recipes:
//! it waits, switches to the other address, sends less.
//!
//! | module | contents |
//! |---|---|
//! | `cli` | the command line |
//! | `agents` | the configuration of both agents: permissions, budget, routes, recovery, policy |
//! | `researcher`, `editor` | the work of each agent |
//! | `steps`, `lives` | the steps of an agent, and a run that survives its process (`--durable FILE`) |
//! | `desk`, `context` | shared work: recovering turns, streamed turns, tools |
//! | `tools`, `folder` | the tools, and the folder that limits them |
//! | `notes` | quotations, and the check that they are genuine |
//! | `client`, `wire` | the chat completions protocol |
//! | `provider`, `server`, `faults` | the model's address, and the faults of the example's own server |
//! | `model`, `conversation`, `compose` | the extractive model |
//! | `passages`, `rank`, `text` | the search for passages that answer a question |
//! | `progress`, `report`, `recoveries` | the output for the user |

mod agents;
mod cli;
mod client;
mod compose;
mod context;
mod conversation;
mod desk;
mod editor;
mod faults;
mod folder;
mod lives;
mod model;
mod notes;
mod passages;
mod progress;
mod provider;
mod rank;
mod recoveries;
mod report;
mod researcher;
mod server;
mod steps;
#[cfg(test)]
mod tests;
mod text;
mod tools;
mod wire;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use serde_json::Value;
use techrevati_runtime::events::AgentEvent;
use techrevati_runtime::orchestrator::{OrchestrationSession, Summary};
use techrevati_runtime::resilience::{BoxError, chain_text};
use techrevati_runtime::sinks::{EventSink as _, JsonlSink};
use techrevati_runtime::usage::PricingTable;
use tokio::sync::watch;

use crate::agents::Means;
use crate::cli::{Command, Options};
use crate::desk::Desk;
use crate::faults::Met;
use crate::folder::{Folder, FolderError};
use crate::lives::Lives;
use crate::progress::Progress;
use crate::provider::Connected;
use crate::tools::Toolbox;

/// The destination of the events.
const LOG: &str = "run.jsonl";
/// The state of the log, for the user.
const PAGE: &str = "run.html";

#[tokio::main]
async fn main() -> ExitCode {
    let options = match cli::parse(std::env::args().skip(1)) {
        Ok(Command::Run(options)) => options,
        Ok(Command::Help) => {
            progress::result(cli::HELP);
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            progress::trouble(&format!("{wrong}\n\n{}", cli::HELP));
            return ExitCode::from(2);
        }
    };
    match run(&options).await {
        Ok(code) => code,
        Err(error) => {
            progress::trouble(&chain_text(&*error));
            exit_code(&error)
        }
    }
}

async fn run(options: &Options) -> Result<ExitCode, BoxError> {
    let Done { answer, summaries, prices, log, incomplete } = work(options).await?;
    let lost = summaries.iter().map(|summary| summary.sink_failures).sum::<u64>();
    if lost > 0 {
        progress::trouble(&format!("{lost} events did not reach {LOG}"));
    }
    if let Ok(answer) = &answer {
        progress::result(&format!("\n{answer}"));
    }
    progress::result(report::table(&summaries, &prices).trim_end());
    progress::result(&format!("\nevents: {}", log.display()));
    let page = options.out.join(PAGE);
    write_page(&log, &page)?;
    progress::result(&format!("report: {}", page.display()));
    answer?;
    Ok(if incomplete { ExitCode::from(3) } else { ExitCode::SUCCESS })
}

/// The result of the agents.
#[derive(Debug)]
struct Done {
    answer: Result<String, BoxError>,
    summaries: Vec<Summary>,
    prices: PricingTable,
    log: PathBuf,
    /// Whether a document could not be read.
    incomplete: bool,
}

async fn work(options: &Options) -> Result<Done, BoxError> {
    let progress = Progress::new(options.quiet);
    let folder = open_folder(options, progress)?;
    let incomplete = !folder.unreadable.is_empty();
    let documents = folder.documents.len();

    let lives = options.durable.as_deref().map(|file| Lives::open(file, options)).transpose()?;
    let met = match &lives {
        Some(lives) => lives.met().await?,
        None => Met::default(),
    };
    let Connected { model, client, routes, prices } =
        provider::connect(options, progress, &met).await?;
    let log = options.out.join(LOG);
    // The log of a run that survives its process has all its lives.
    let log = if options.durable.is_some() { JsonlSink::open(log)? } else { fresh_log(&log)? };
    let agents = agents::configure(&Means {
        budget: options.budget,
        prices: prices.clone(),
        routes,
        log: log.clone(),
        progress,
        documents,
    })?;
    let toolbox = Toolbox::new(folder, options.out.clone());
    let (client, timeout) = (Arc::new(client), options.timeout);
    let desk = Desk { model, client, toolbox, progress, timeout };
    let stop = on_ctrl_c();

    if let Some(lives) = &lives {
        let work = lives.run(&desk, &agents, &options.question);
        let (answer, summaries) = unless_interrupted(stop, work).await?;
        if let Ok(answer) = &answer {
            // The answer of an earlier run may have been moved since.
            fs::write(options.out.join(editor::ANSWER), answer)?;
        }
        log.flush()?;
        return Ok(Done { answer, summaries, prices, log: log.path().into(), incomplete });
    }

    // The researcher works until its notes suffice, and hands over.
    let session = agents.researcher.session()?;
    let work = async {
        let context = researcher::run(&desk, &session, &options.question).await?;
        Ok(session.handoff_to(editor::ROLE, "the notes are ready", context)?)
    };
    let handoff = unless_stopped(&session, stop.clone(), Box::pin(work)).await;
    let report = session.finish(handoff);
    let mut summaries = vec![report.summary];

    // The editor claims the worker of the handoff, and writes the answer.
    let answer = match report.result {
        Ok(handoff) => {
            let session = agents.editor.accept(&handoff)?;
            let context = Value::Object(handoff.context.clone());
            let work = Box::pin(editor::run(&desk, &session, &context));
            let answer = unless_stopped(&session, stop, work).await;
            let report = session.finish(answer);
            summaries.push(report.summary);
            report.result
        }
        Err(error) => Err(error),
    };
    log.flush()?;
    Ok(Done { answer, summaries, prices, log: log.path().into(), incomplete })
}

fn open_folder(options: &Options, progress: Progress) -> Result<Folder, BoxError> {
    fs::create_dir_all(&options.out)
        .map_err(|error| format!("cannot use `{}`: {error}", options.out.display()))?;
    let out = options.out.canonicalize()?;
    // Files of an earlier run are no sources.
    let folder =
        Folder::open(&options.folder, &[out.join(editor::ANSWER), out.join(LOG), out.join(PAGE)])?;
    let documents = folder.documents.len();
    progress.line("folder", &format!("{}: {documents} documents", folder.name));
    for file in &folder.left_out {
        progress.line("folder", &format!("left out: {file}"));
    }
    for file in &folder.unreadable {
        progress::trouble(&format!("cannot read {file}"));
    }
    Ok(folder)
}

/// A log of this run alone, because the sink appends.
fn fresh_log(path: &Path) -> Result<JsonlSink, BoxError> {
    fs::File::create(path)
        .map_err(|error| format!("cannot write `{}`: {error}", path.display()))?;
    Ok(JsonlSink::open(path)?)
}

/// The log as a page, beside it.
fn write_page(log: &Path, page: &Path) -> Result<(), BoxError> {
    let lines = fs::read_to_string(log)?;
    let events = lines.lines().map(AgentEvent::from_json).collect::<Result<Vec<_>, _>>()?;
    let options = runtime_report::PageConfig::default().title("docs_agent");
    fs::write(page, runtime_report::Timeline::read(&events).html(&options))
        .map_err(|error| format!("cannot write `{}`: {error}", page.display()).into())
}

/// Becomes true when the user presses Ctrl-C.
fn on_ctrl_c() -> watch::Receiver<bool> {
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            stop.send_replace(true);
        }
        // Without signals, the run must not end as if one had come.
        stop.closed().await;
    });
    stopped
}

/// The user pressed Ctrl-C.
#[derive(Debug, thiserror::Error)]
#[error("interrupted")]
struct Interrupted;

/// Runs `work` in a session until it is done or the user presses Ctrl-C, which cancels the session
/// with its running calls.
async fn unless_stopped<T>(
    session: &OrchestrationSession,
    mut stop: watch::Receiver<bool>,
    work: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, BoxError> {
    tokio::select! {
        biased;
        Ok(_) = stop.wait_for(|stopped| *stopped) => {
            // The session may have just ended, for instance by a handoff.
            let _ = session.cancel("interrupted by the user");
            Err(Interrupted.into())
        }
        result = work => result,
    }
}

/// Runs `work` until it is done or the user presses Ctrl-C, which drops it: a thread goes on where it was when it
/// is run again.
async fn unless_interrupted<T>(
    mut stop: watch::Receiver<bool>,
    work: impl Future<Output = Result<T, BoxError>>,
) -> Result<T, BoxError> {
    tokio::select! {
        biased;
        Ok(_) = stop.wait_for(|stopped| *stopped) => Err(Interrupted.into()),
        result = work => result,
    }
}

/// The exit code of an error; `--help` lists the codes.
fn exit_code(error: &BoxError) -> ExitCode {
    if error.is::<Interrupted>() {
        ExitCode::from(130)
    } else if error.is::<FolderError>() {
        ExitCode::from(2)
    } else {
        ExitCode::FAILURE
    }
}
