//! Questions to a person. A run waits with one at a time, and an answer names the one that it is for.

use std::sync::{Mutex, MutexGuard, PoisonError};

use techrevati_runtime::orchestrator::{SessionError, SessionHandle};

use crate::refusal::Refusal;

const YES: &str = "yes";

/// The questions of one run.
#[derive(Debug, Default)]
pub(crate) struct Questions {
    /// Held while one is asked, so that the next one waits.
    asked: tokio::sync::Mutex<u32>,
    open: Mutex<Option<String>>,
}

impl Questions {
    /// Pauses the session until a person answers. Its number makes each question another one: who agrees twice
    /// to one has not agreed to the next.
    pub(crate) async fn ask(
        &self,
        session: &SessionHandle,
        what: &str,
    ) -> Result<bool, SessionError> {
        let mut number = self.asked.lock().await;
        *number += 1;
        let question = format!("question {number}: {what}");
        *self.open() = Some(question.clone());
        let answer = session.pause_for_input(question).await;
        *self.open() = None;
        drop(number);
        Ok(answer? == YES)
    }

    /// Answers this question, if the session waits with it.
    pub(crate) fn answer(
        &self,
        session: &SessionHandle,
        (question, yes): (&str, bool),
    ) -> Result<(), Refusal> {
        let open = self.open();
        if open.as_deref() != Some(question) {
            return Err(Refusal::not_asked());
        }
        // Until then no other question is asked.
        let answered = session.provide_input(if yes { YES } else { "no" });
        drop(open);
        Ok(answered?)
    }

    fn open(&self) -> MutexGuard<'_, Option<String>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use techrevati_runtime::orchestrator::Orchestrator;

    use super::Questions;

    #[tokio::test]
    async fn an_answer_is_for_its_question_alone() {
        let session = Orchestrator::new("clerk", "answer").session().unwrap();
        let (session, questions) = (session.handle(), Questions::default());
        // Both at once, as the calls of one reply run.
        let [first, second] = ["first", "second"].map(|what| questions.ask(&session, what));
        let people = async {
            for (question, yes) in [("question 1: first", true), ("question 2: second", false)] {
                while questions.answer(&session, (question, yes)).is_err() {
                    tokio::task::yield_now().await;
                }
                // A second click agrees to nothing else.
                assert!(questions.answer(&session, (question, true)).is_err());
            }
        };
        let (first, second, ()) = tokio::join!(first, second, people);
        assert_eq!((first.unwrap(), second.unwrap()), (true, false));
    }
}
