//! A run that survives its process: each agent is a thread of a store in a file.

use std::path::Path;
use std::time::Duration;

use runtime_durable::{Done, Durable, Run, RunError};
use runtime_sqlite::SqliteStore;
use runtime_store::{OutcomeRecord, Store, ThreadId};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use techrevati_runtime::orchestrator::{Orchestrator, Summary};
use techrevati_runtime::resilience::BoxError;

use crate::agents::Agents;
use crate::cli::Options;
use crate::desk::Desk;
use crate::faults::Met;
use crate::{editor, researcher};

/// How long a killed life keeps its thread from the next one.
const LEASE: Duration = Duration::from_secs(3);

/// The threads of both agents, in a store.
#[derive(Debug)]
pub(crate) struct Lives {
    store: SqliteStore,
    /// The threads of the researcher and of the editor.
    threads: [ThreadId; 2],
}

impl Lives {
    /// Opens the store in `file`. The same folder and question have the same threads.
    pub(crate) fn open(file: &Path, options: &Options) -> Result<Self, BoxError> {
        let folder = options.folder.canonicalize()?;
        let name = name(&folder, &options.question);
        let thread = |role| ThreadId::new(format!("{name}/{role}"));
        let threads = [thread(researcher::ROLE)?, thread(editor::ROLE)?];
        Ok(Self { store: SqliteStore::open(file)?, threads })
    }

    /// The calls that earlier processes made, for the example's own server.
    pub(crate) async fn met(&self) -> Result<Met, BoxError> {
        let mut met = Met::default();
        for thread in &self.threads {
            let Some(known) = self.store.thread(thread).await? else { continue };
            let mut entries = Vec::new();
            while entries.len() < usize::try_from(known.head)? {
                let last = u64::try_from(entries.len())?;
                entries.extend(self.store.read(thread, last, usize::MAX).await?);
            }
            for stored in entries {
                let turn = serde_json::from_slice::<OutcomeRecord<Value>>(&stored.entry.body);
                let Some((Some(said), Some(bill))) = turn.ok().map(|turn| (turn.ok, turn.bill))
                else {
                    continue;
                };
                let attempts = usize::try_from(bill.attempts)?;
                if said.is_string() {
                    met.streamed += attempts;
                } else {
                    met.plain += attempts;
                    met.too_long |= said.get(0).is_some_and(|shortened| !shortened.is_null());
                }
            }
        }
        Ok(met)
    }

    /// Runs both agents: from the beginning, or from where they were.
    ///
    /// Returns the answer and the summaries of the sessions of this process. An agent that was done before
    /// has none.
    ///
    /// # Errors
    ///
    /// The error of the store.
    pub(crate) async fn run(
        &self,
        desk: &Desk,
        agents: &Agents,
        question: &str,
    ) -> Result<(Result<String, BoxError>, Vec<Summary>), BoxError> {
        let durable = |orchestrator: &Orchestrator| {
            let durable = Durable::new(orchestrator.clone(), self.store.clone());
            durable.lease(LEASE).code_version(env!("CARGO_PKG_VERSION"))
        };
        let [research, edit] = &self.threads;
        let (researcher, editor) = (durable(&agents.researcher), durable(&agents.editor));
        let mut summaries = Vec::new();
        let context = whole(desk, research, &mut summaries, || {
            researcher.run(research, async |session| researcher::run(desk, session, question).await)
        });
        let context: Value = match context.await {
            Ok(context) => context,
            Err(error) => return Ok((Err(error), summaries)),
        };
        let answer = whole(desk, edit, &mut summaries, || {
            editor.run(edit, async |session| editor::run(desk, session, &context).await)
        });
        let answer = answer.await;
        Ok((answer, summaries))
    }
}

/// Runs a thread to its end, once the life of a killed process no longer holds it.
async fn whole<T, F: Future<Output = Result<Run<T>, RunError>>>(
    desk: &Desk,
    thread: &ThreadId,
    summaries: &mut Vec<Summary>,
    run: impl Fn() -> F,
) -> Result<T, BoxError> {
    let mut told = false;
    loop {
        match Box::pin(run()).await {
            Ok(Run::Done(Done { value, summary, .. })) => {
                match summary {
                    Some(summary) => summaries.push(*summary),
                    None => desk.progress.line("thread", &format!("{thread} was done before")),
                }
                return Ok(value);
            }
            Ok(Run::Parked(parked)) => return Err(parked.waits_for.into()),
            Err(RunError::Held(held)) => {
                if !std::mem::replace(&mut told, true) {
                    desk.progress.line("thread", &format!("{held}: waits"));
                }
                tokio::time::sleep(LEASE / 6).await;
            }
            Err(RunError::Failed { error, summary, .. }) => {
                summaries.push(*summary);
                return Err(error);
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// The name of a run: the same folder and question have the same one.
fn name(folder: &Path, question: &str) -> String {
    let mut digest = Sha256::new();
    for part in [&*folder.to_string_lossy(), question] {
        digest.update(u64::try_from(part.len()).unwrap_or_default().to_be_bytes());
        digest.update(part);
    }
    let digest: [u8; 32] = digest.finalize().into();
    let half = digest.first_chunk::<16>().copied().unwrap_or_default();
    format!("{:032x}", u128::from_be_bytes(half))
}
