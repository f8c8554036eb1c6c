//! [`StreamUsage`]: the usage of a streamed turn.

use serde_json::Value;

use crate::reported::ReportedUsage;
use crate::wire::{self, Reading, ReportedUsageError, UsageFormat};

/// `OpenAI`'s rule of thumb for English text.
const BYTES_PER_TOKEN: u64 = 4;

/// Collects the usage of a turn from the chunks of its stream.
///
/// Providers report cumulative counts, so each report replaces the one before. Ask for the
/// [`usage`](Self::usage) so far at any time.
///
/// A stream that stops before the last report is billed as well. Its usage is an estimate and is
/// marked as one. The input is the reported one, or else the [estimate](Self::input_estimate). The
/// output is the reported one, or one token for every four bytes of received text, whichever is
/// more. That is a rule of thumb for English: code and most other languages have more tokens, and
/// hidden reasoning has no text.
///
/// Pushing a chunk allocates only for the first occurrence of the model's name, and for the text
/// of a cost while it is read.
///
/// ```
/// use runtime_usage::{StreamUsage, UsageFormat, UsageSnapshot};
/// use serde_json::json;
///
/// let mut stream = StreamUsage::new(UsageFormat::OpenAiChat).input_estimate(1_000);
/// stream.push(&json!({"choices": [{"delta": {"content": "Hello, world"}}], "usage": null}))?;
/// let cut = stream.usage();
/// assert!(cut.estimated);
/// assert_eq!(cut.tokens, UsageSnapshot::new(1_000, 3));
///
/// stream.push(&json!({
///     "choices": [],
///     "usage": {"prompt_tokens": 1_024, "completion_tokens": 4, "total_tokens": 1_028},
/// }))?;
/// let whole = stream.usage();
/// assert!(!whole.estimated);
/// assert_eq!(whole.tokens, UsageSnapshot::new(1_024, 4));
/// # Ok::<(), runtime_usage::ReportedUsageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct StreamUsage {
    reading: Reading,
    progress: Progress,
}

/// The progress of a stream. It owns no memory.
#[derive(Clone, Copy, Debug)]
struct Progress {
    input_estimate: u64,
    streamed_bytes: u64,
    reported: bool,
    /// Whether a report has anything but zeros.
    counted: bool,
    ended: bool,
}

const _: () = wire::owns_no_memory::<Progress>();

impl StreamUsage {
    /// Starts to collect from the chunks of a stream in a format.
    pub const fn new(format: UsageFormat) -> Self {
        let progress = Progress {
            input_estimate: 0,
            streamed_bytes: 0,
            reported: false,
            counted: false,
            ended: false,
        };
        Self { reading: Reading::new(format.provider()), progress }
    }

    /// Sets the input to assume if the stream ends before the provider reports it. Default: 0.
    #[must_use]
    pub const fn input_estimate(mut self, tokens: u64) -> Self {
        self.progress.input_estimate = tokens;
        self
    }

    /// Takes the next chunk. A chunk without usage or output, such as an error, changes nothing.
    ///
    /// # Errors
    ///
    /// [`ReportedUsageError`] if the chunk has an invalid count. Nothing is changed then.
    pub fn push(&mut self, chunk: &Value) -> Result<(), ReportedUsageError> {
        let provider = self.reading.provider();
        let mut body = provider.body(chunk);
        let is_aside = (provider.is_aside)(chunk);
        if is_aside {
            self.reading.note_aside();
        }
        // It is all that there is, where nobody answers.
        let counts = !is_aside || !self.reading.has_counts();
        let usage = provider.usage_in(&mut body).filter(|_| counts);
        self.reading.fold(body, usage.unwrap_or(&Value::Null))?;

        let progress = &mut self.progress;
        let streamed = (provider.streamed)(chunk);
        progress.streamed_bytes = progress.streamed_bytes.saturating_add(streamed);
        progress.reported |= usage.is_some() && (provider.is_report)(chunk);
        progress.counted = self.reading.has_counts();
        progress.ended |= (provider.is_end)(chunk);
        Ok(())
    }

    /// Whether the stream said that the answer has ended. Its usage may come after that, or never.
    pub const fn has_ended(&self) -> bool {
        self.progress.ended
    }

    /// Whether the model has stopped and the provider has reported its usage. A usage of nothing is no report
    /// of a text that came.
    pub const fn is_complete(&self) -> bool {
        let Progress { streamed_bytes, reported, counted, ended, .. } = self.progress;
        reported && ended && (counted || streamed_bytes == 0)
    }

    /// The usage so far. It is exact if the stream [is complete](Self::is_complete) and an estimate
    /// otherwise.
    pub fn usage(&self) -> ReportedUsage {
        let usage = self.reading.report();
        if self.is_complete() { usage } else { self.progress.estimate(usage) }
    }
}

impl Progress {
    /// Fills in what was not reported. Reported counts are never lowered.
    fn estimate(&self, mut usage: ReportedUsage) -> ReportedUsage {
        let tokens = &mut usage.tokens;
        if tokens.total_input_tokens() == 0 {
            tokens.input_tokens = self.input_estimate;
        }
        let streamed = self.streamed_bytes.div_ceil(BYTES_PER_TOKEN);
        tokens.output_tokens = tokens.output_tokens.max(streamed);
        usage.estimated = true;
        usage
    }
}
