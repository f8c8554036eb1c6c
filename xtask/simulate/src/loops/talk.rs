//! Conversations that are written beforehand, so that it is known what comes of each call that a model asks for.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use fastrand::Rng;
use runtime_orchestrator::{Attempt, Timeout, Turn};
use runtime_resilience::FaultError;
use runtime_testkit::simulation::{Endpoint, SimTime};
use runtime_tools::{Chat, InvalidAnswerError, Said, ToolOutcome, ToolResult, ToolUse};
use runtime_usage::UsageSnapshot;
use serde_json::{Value, json};

use super::{INPUT, MODEL, OUTPUT};
use crate::draw::one_of;

/// What a model asks for, and what is to come of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Reads, and takes a while.
    Look,
    /// Pays, with a key that the bank does not know, and with one that it knows.
    Pay,
    Send,
    /// Takes longer than it may.
    Slow,
    Fails,
    Unknown,
    Invalid,
}

use Kind::{Fails, Invalid, Look, Pay, Send, Slow, Unknown};

impl Kind {
    pub(super) const fn tool(self) -> &'static str {
        match self {
            Look | Invalid => "look",
            Pay => "pay",
            Send => "send",
            Slow => "slow",
            Fails => "fails",
            Unknown => "nothing",
        }
    }

    /// Whether other calls may have other results after it, so that they are no repetitions.
    const fn changes(self) -> bool {
        matches!(self, Pay | Send | Fails)
    }

    const fn outcome(self) -> ToolOutcome {
        match self {
            Look | Pay | Send => ToolOutcome::Ok,
            Slow => ToolOutcome::TimedOut,
            Fails => ToolOutcome::Failed,
            Unknown => ToolOutcome::UnknownTool,
            Invalid => ToolOutcome::InvalidArguments,
        }
    }
}

/// A conversation: the calls of each reply. The last reply has none, and is the answer.
#[derive(Clone)]
pub(super) struct Script {
    pub(super) name: String,
    replies: Vec<Vec<(Kind, u8)>>,
    /// Whether the provider gives each call an id.
    ids: bool,
    /// How often the same call may be asked for, and how many calls run at once.
    pub(super) repeats: u32,
    pub(super) parallel: usize,
}

impl Script {
    pub(super) fn draw(name: &str, rng: &mut Rng) -> Self {
        let kinds = [Look, Look, Pay, Pay, Send, Slow, Fails, Unknown, Invalid];
        let calls = |rng: &mut Rng| {
            (0..rng.usize(1..5)).map(|_| (one_of(rng, &kinds), rng.u8(..4))).collect()
        };
        Self {
            name: name.to_owned(),
            replies: (0..rng.usize(1..5)).map(|_| calls(rng)).collect(),
            ids: rng.bool(),
            repeats: rng.u32(1..4),
            parallel: rng.usize(1..4),
        }
    }

    fn uses(&self, reply: usize) -> Vec<ToolUse> {
        let calls = self.replies.get(reply).into_iter().flatten().enumerate();
        let used = |(number, (kind, of)): (usize, &(Kind, u8))| {
            let id = if self.ids { format!("call-{reply}-{number}") } else { String::new() };
            let arguments = if *kind == Invalid { json!("{") } else { json!({ "of": of }) };
            ToolUse::new(id, kind.tool(), arguments)
        };
        calls.map(used).collect()
    }

    /// What is to come of the calls of each reply, until the model repeats one that it was told not to.
    pub(super) fn outcomes(&self) -> Vec<Vec<ToolOutcome>> {
        let mut asked = BTreeMap::new();
        let (mut outcomes, mut changes) = (Vec::new(), 0);
        for (reply, calls) in self.replies.iter().enumerate() {
            let mut of_reply = Vec::new();
            for (kind, of) in calls {
                // What is no JSON is the same each time.
                let call = (kind, if *kind == Invalid { &0 } else { of });
                if !asked.contains_key(&call) {
                    changes += u32::from(kind.changes());
                }
                let (behind, times, told) = asked.entry(call).or_insert((changes, 0, None));
                if *behind != changes {
                    (*behind, *times, *told) = (changes, 0, None);
                }
                *times += 1;
                if *times <= self.repeats {
                    of_reply.push(kind.outcome());
                } else if *told.get_or_insert(reply) == reply {
                    of_reply.push(ToolOutcome::Repeated);
                } else {
                    return outcomes;
                }
            }
            outcomes.push(of_reply);
        }
        outcomes
    }

    /// Whether the model comes to an answer.
    pub(super) fn is_answered(&self) -> bool {
        self.outcomes().len() == self.replies.len()
    }
}

/// What was seen of all conversations. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Seen(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    /// The results of each reply, as the model was given them first.
    results: BTreeMap<(String, usize), Vec<ToolResult>>,
    broken: Option<String>,
}

impl Seen {
    fn noted(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn fail(&self, why: impl FnOnce() -> String) {
        self.noted().broken.get_or_insert_with(why);
    }

    pub(super) fn broken(&self) -> Result<(), String> {
        self.noted().broken.clone().map_or(Ok(()), Err)
    }

    /// Notes the results of a reply. Returns whether the run has ended before all of them were there.
    fn given(&self, script: &Script, reply: usize, results: &[ToolResult]) -> bool {
        let uses = script.uses(reply);
        let asked: Vec<_> = uses.iter().map(|it| (&*it.id, &*it.name)).collect();
        let given: Vec<_> = results.iter().map(|it| (&*it.id, &*it.name)).collect();
        if asked != given {
            self.fail(|| format!("{asked:?} was asked for, and {given:?} is the result"));
        }
        let expected = script.outcomes();
        let made = |result: &ToolResult| result.outcome != ToolOutcome::Cancelled;
        for (number, result) in results.iter().enumerate().filter(|(_, result)| made(result)) {
            let expected = expected.get(reply).and_then(|all| all.get(number));
            // People may say no.
            let denied = result.outcome == ToolOutcome::Denied && result.name == Pay.tool();
            if expected != Some(&result.outcome) && !denied {
                self.fail(|| format!("{result:?} is to be {expected:?}"));
            }
        }
        if !results.iter().all(made) {
            return true;
        }
        let key = (script.name.clone(), reply);
        let mut noted = self.noted();
        let first = noted.results.entry(key).or_insert_with(|| results.to_vec());
        if *first != results {
            let why = format!("the model was given {first:?}, and in another life {results:?}");
            noted.broken.get_or_insert(why);
        }
        false
    }
}

/// A message of a conversation.
#[derive(Clone, Debug)]
pub(super) enum Message {
    Reply,
    Result,
}

/// A model that follows a script.
pub(super) struct Talk {
    pub(super) script: Script,
    pub(super) openai: Endpoint,
    pub(super) time: SimTime,
    pub(super) seen: Seen,
    /// The reply that was read last.
    pub(super) reply: AtomicUsize,
    /// Whether a call was left without a result.
    pub(super) over: AtomicBool,
}

fn replies(messages: &[Message]) -> usize {
    messages.iter().filter(|message| matches!(message, Message::Reply)).count()
}

impl Chat for Talk {
    type Message = Message;
    type Reply = Value;
    type Error = FaultError;

    fn turn(&self, _: &[Message]) -> Turn<Value> {
        let limit = Timeout::on(Duration::from_secs(20), Arc::new(self.time.clone()));
        let turn = Turn::model(MODEL).timeout(limit).usage_from(usage_of);
        turn.estimate(UsageSnapshot::new(INPUT, OUTPUT)).max_output(OUTPUT)
    }

    async fn ask(&self, messages: &[Message], _: &Attempt) -> Result<Value, FaultError> {
        let reply = replies(messages);
        // Relaxed, here and below: a simulation has one thread.
        if self.over.load(Ordering::Relaxed) {
            self.seen.fail(|| "the model is asked although a call has no result".to_owned());
        }
        let said = self.openai.call("go on").await?;
        let tokens = said.usage().map(|usage| [usage.input_tokens, usage.output_tokens]);
        Ok(json!({ "reply": reply, "tokens": tokens }))
    }

    fn read(&self, reply: &Value) -> Said {
        let number = reply["reply"].as_u64().and_then(|number| usize::try_from(number).ok());
        let number = number.unwrap_or(usize::MAX);
        self.reply.store(number, Ordering::Relaxed);
        Said::new("fine", self.script.uses(number))
    }

    fn reply(&self, _: Value) -> Message {
        Message::Reply
    }

    fn results(&self, results: Vec<ToolResult>) -> Vec<Message> {
        let over = self.seen.given(&self.script, self.reply.load(Ordering::Relaxed), &results);
        self.over.fetch_or(over, Ordering::Relaxed);
        vec![Message::Result; results.len()]
    }

    fn correction(&self, _: &InvalidAnswerError) -> Message {
        Message::Result
    }
}

fn usage_of(reply: &Value) -> Option<UsageSnapshot> {
    let tokens = reply["tokens"].as_array()?;
    Some(UsageSnapshot::new(tokens.first()?.as_u64()?, tokens.get(1)?.as_u64()?))
}
