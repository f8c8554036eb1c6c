//! Runs: each has a task of its own, and any number of readers.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::stream::{self, Stream, StreamExt as _};
use serde_json::json;
use techrevati_runtime::OrchestrationSession;
use techrevati_runtime::orchestrator::SessionHandle;
use techrevati_runtime::resilience::chain_text;
use tokio::sync::watch;

use crate::agent;
use crate::client::Client;
use crate::questions::Questions;
use crate::refusal::Refusal;

/// So many runs are kept; those that are over make room for new ones.
const KEPT: usize = 1_000;

/// A run, under way or over.
#[derive(Debug)]
pub(crate) struct Run {
    session: SessionHandle,
    questions: Arc<Questions>,
    outcome: watch::Receiver<Option<Outcome>>,
}

type Outcome = Result<String, String>;

impl Run {
    /// Answers a question in a session, in a task of its own.
    pub(crate) fn begin(
        session: OrchestrationSession,
        client: Client,
        question: String,
    ) -> Arc<Self> {
        let (tell, outcome) = watch::channel(None);
        let questions = Arc::<Questions>::default();
        let own = Arc::clone(&questions);
        let run = Arc::new(Self { session: session.handle(), questions, outcome });
        tokio::spawn(async move {
            let result = agent::answer(&session, client, (&question, &own)).await;
            let report = session.finish(result);
            tell.send_replace(Some(report.result.map_err(|error| chain_text(&*error))));
        });
        run
    }

    /// The id of its session, which is also in its events.
    pub(crate) fn id(&self) -> &str {
        self.session.id()
    }

    /// Answers a question, if the run waits with it.
    pub(crate) fn approve(&self, question: &str, approve: bool) -> Result<(), Refusal> {
        self.questions.answer(&self.session, (question, approve))
    }

    /// The events behind the one with this number, and then the outcome, as server-sent events. The run
    /// does not depend on the reader.
    pub(crate) fn events_after(&self, seen: u64) -> Sse<impl Stream<Item = Sent> + use<>> {
        Sse::new(self.stream(seen)).keep_alive(KeepAlive::default())
    }

    /// All events. The run depends on the reader: when the stream is dropped, because the client has left,
    /// the run is cancelled.
    pub(crate) fn events_while_read(&self) -> Sse<impl Stream<Item = Sent> + use<>> {
        let reader = Reader(self.session.clone());
        let events = self.stream(0).inspect(move |_| {
            let _stays = &reader;
        });
        Sse::new(events).keep_alive(KeepAlive::default())
    }

    fn stream(&self, seen: u64) -> impl Stream<Item = Sent> + use<> {
        let events = self.session.events_after(seen).map(|event| match event {
            Ok(event) => {
                let number = event.seq.unwrap_or_default().to_string();
                Event::default().id(number).data(event.to_json())
            }
            // The reader was too slow, or came back too late.
            Err(error) => {
                Event::default().event("missed").data(json!({ "missed": error.missed }).to_string())
            }
        });
        let mut outcome = self.outcome.clone();
        let end = stream::once(async move {
            let outcome = outcome.wait_for(Option::is_some).await.map(|outcome| outcome.clone());
            let end = match outcome {
                Ok(Some(Ok(answer))) => json!({ "answer": answer }),
                Ok(Some(Err(error))) => json!({ "error": error }),
                Ok(None) | Err(_) => json!({ "error": "the run panicked" }),
            };
            Event::default().event("end").data(end.to_string())
        });
        events.chain(end).map(Ok)
    }

    fn is_over(&self) -> bool {
        self.session.status().is_terminal()
    }
}

type Sent = Result<Event, Infallible>;

/// The client whose request the run is.
struct Reader(SessionHandle);

impl Drop for Reader {
    fn drop(&mut self) {
        // A run that is over stays as it is.
        let _ = self.0.cancel("the client has left");
    }
}

/// The last runs, by their ids.
#[derive(Debug, Default)]
pub(crate) struct Runs(Mutex<VecDeque<Arc<Run>>>);

impl Runs {
    pub(crate) fn keep(&self, run: &Arc<Run>) {
        let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() >= KEPT
            && let Some(oldest) = runs.iter().position(|run| run.is_over())
        {
            runs.remove(oldest);
        }
        runs.push_back(Arc::clone(run));
    }

    pub(crate) fn get(&self, id: &str) -> Result<Arc<Run>, Refusal> {
        let run = {
            let runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            runs.iter().rev().find(|run| run.id() == id).cloned()
        };
        run.ok_or_else(|| Refusal::not_found("run", id))
    }
}
