//! What has been read of a reply so far.

use std::sync::Arc;
use std::time::SystemTime;

use runtime_resilience::{Fault, FaultBasis, FaultError, FaultKind, FaultRules, Provider};
use runtime_usage::{ReportedUsage, StreamUsage, UsageFormat};
use serde_json::Value;

#[cfg(feature = "bedrock")]
use super::amazon::Told;
use super::list::Listed;
use super::shape::{counted, ends, has_error, is_alive, is_answer, is_part, is_pending, opens};
use crate::ask::Kind;

/// What has been read so far.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) provider: Provider,
    pub(super) rules: Arc<FaultRules>,
    /// When the reply came: a moment in an error is a wait from then on.
    pub(super) came: SystemTime,
    pub(super) format: UsageFormat,
    pub(super) kind: Kind,
    pub(super) usage: StreamUsage,
    /// The usage in the head, for a body without one.
    pub(super) in_head: Option<ReportedUsage>,
    /// The usage of a whole body.
    pub(super) reported: Option<ReportedUsage>,
    pub(super) input_estimate: u64,
    pub(super) has_choices: bool,
    /// The number of parts that belong to an answer.
    pub(super) parts: u64,
    /// The number of those that do not only open it.
    pub(super) tokens: u64,
    pub(super) ended: bool,
    pub(super) error: Option<FaultError>,
    /// Whether the error is the whole body.
    pub(super) is_whole: bool,
    /// Something that is neither a part of an answer nor a known error.
    pub(super) odd: Option<FaultError>,
}

impl Seen {
    /// Whether no further part is needed.
    pub(super) const fn is_over(&self) -> bool {
        self.ended || (self.usage.is_complete() && !self.has_choices)
    }

    /// Reads an element of a list.
    pub(super) fn listed(&mut self, listed: Listed) {
        match listed {
            Listed::Element(part) => self.part("", &part),
            Listed::End => self.ended |= self.usage.has_ended(),
            Listed::Broken => self.malformed(),
        }
    }

    fn malformed(&mut self) {
        self.error
            .get_or_insert_with(|| FaultError::of(FaultKind::Malformed, "the answer is not JSON"));
    }

    /// Reads one part of a stream.
    pub(super) fn event(&mut self, name: &str, data: &[u8]) {
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            self.ended = true;
            return;
        }
        if data.is_empty() {
            return;
        }
        let Ok(value) = serde_json::from_slice::<Value>(data) else {
            if name == "error" || self.parts == 0 {
                let text = Value::String(String::from_utf8_lossy(data).into_owned());
                self.failed(&text, name == "error");
            }
            return;
        };
        self.part(name, &value);
    }

    /// Reads an event at the end of the body. It may have been cut.
    pub(super) fn last_event(&mut self, name: &str, data: &[u8]) {
        let is_whole = serde_json::from_slice::<Value>(data).is_ok();
        if is_whole || data.trim_ascii() == b"[DONE]" {
            self.event(name, data);
        }
    }

    #[cfg(feature = "bedrock")]
    pub(super) fn told(&mut self, told: Told) {
        match told {
            Told::Part(value) => self.part("", &value),
            Told::Failed(exception) => self.part("error", &exception),
            Told::Broken(why) => {
                self.error.get_or_insert_with(|| FaultError::of(FaultKind::Malformed, why));
            }
        }
    }

    pub(super) fn part(&mut self, name: &str, value: &Value) {
        if is_alive(value) {
            return;
        }
        let tells_error = name == "error" || has_error(value);
        let is_part = is_part(self.kind, self.format, value);
        if tells_error || !is_part {
            self.failed(value, tells_error);
            // The last event of a failed response has its usage.
            let _ = self.usage.push(value);
            return;
        }
        self.parts += 1;
        self.tokens += u64::from(!opens(value));
        // A part with an odd count is passed over: the others still count.
        let _ = self.usage.push(counted(self.kind, value));
        // Nothing comes after these.
        self.ended |= ends(value);
    }

    /// Keeps the first failure. Without an error in it, only a row that knows it makes it one.
    fn failed(&mut self, event: &Value, tells_error: bool) {
        if self.is_over() {
            // It does not undo the answer, whether it comes in the same piece or in a later one.
            return;
        }
        let mut error = self.rules.error_of_stream(self.provider, event, self.came);
        if self.tokens == 0 {
            // Nothing of an answer came before it: it is as if the reply had been an error.
            error.fault.reach = Fault::of(error.fault.kind).reach;
        }
        let known = matches!(error.fault.basis, FaultBasis::Row(_) | FaultBasis::OwnRow(_));
        let place = if tells_error || known { &mut self.error } else { &mut self.odd };
        place.get_or_insert(error);
    }

    /// Whether a row knows a value as an error, which is kept then.
    fn knows(&mut self, value: &Value) -> bool {
        self.failed(value, false);
        self.error.is_some()
    }

    /// Reads a whole body of this length.
    pub(super) fn whole(&mut self, value: serde_json::Result<Value>, len: usize) {
        match value {
            Ok(value) if has_error(&value) => {
                self.is_whole = true;
                self.failed(&value, true);
            }
            // No answer, but the words of a known error.
            Ok(value) if !is_answer(&value) && self.knows(&value) => self.is_whole = true,
            // What it will cost is not known, and nobody waits for it here.
            Ok(value) if is_pending(&value) => self.ended = true,
            Ok(value) => {
                self.ended = true;
                let usage = self.format.read(&value).ok();
                self.reported = usage.map(|usage| self.completed(usage, len));
            }
            // The length of the body was not told, so that its end was not noticed below.
            Err(error) if error.is_eof() => {
                self.error = Some(FaultError::of(FaultKind::Network, "the answer ended early"));
            }
            Err(_) => self.malformed(),
        }
    }

    /// A usage: the head's if the body reports none, and an estimate if neither does.
    fn completed(&self, mut usage: ReportedUsage, len: usize) -> ReportedUsage {
        let tokens = usage.tokens;
        if tokens.total_input_tokens() > 0
            || tokens.total_output_tokens() > 0
            || usage.cost.is_some()
        {
            return usage;
        }
        if let Some(told) = &self.in_head {
            usage.tokens = told.tokens;
            return usage;
        }
        usage.tokens.input_tokens = self.input_estimate;
        if self.kind != Kind::Embedding {
            usage.tokens.output_tokens = u64::try_from(len).unwrap_or(u64::MAX).div_ceil(4);
        }
        usage.estimated = true;
        usage
    }
}
