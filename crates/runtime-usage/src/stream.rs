//! [`StreamUsage`]: the usage of a turn whose answer is streamed.

use serde_json::Value;

use crate::reported::ReportedUsage;
use crate::wire::{self, Provider, Reading, ReportedUsageError};

/// About as many bytes of English text are one token: `OpenAI`'s rule of thumb.
const BYTES_PER_TOKEN: u64 = 4;

/// Gathers the usage of a turn from the chunks of its stream.
///
/// What a provider reports on the way is cumulative: it takes the place of what was known, and is
/// never added. At the end, and at any time before, [`usage`](Self::usage) says what is known.
///
/// A stream that stops before the last report is billed all the same. Its usage is estimated, and
/// marked so: the input is what was reported, or else the [estimate](Self::input_estimate); the
/// output is what was reported or a token for every four bytes of the text that came, whichever
/// is more. That is a rule of thumb for English. Code and most other languages have more tokens
/// than it says, and thoughts that are not shown have no text.
///
/// Pushing a chunk allocates nothing, but for the name of the model when it first comes and for
/// the text of a cost while it is read.
///
/// ```
/// use runtime_usage::{StreamUsage, UsageSnapshot};
/// use serde_json::json;
///
/// let mut stream = StreamUsage::openai_chat().input_estimate(1_000);
/// stream.push(&json!({"choices": [{"delta": {"content": "Hello, world"}}], "usage": null}))?;
/// let cut = stream.usage()?;
/// assert!(cut.estimated);
/// assert_eq!(cut.tokens, UsageSnapshot::new(1_000, 3));
///
/// stream.push(&json!({
///     "choices": [],
///     "usage": {"prompt_tokens": 1_024, "completion_tokens": 4, "total_tokens": 1_028},
/// }))?;
/// let whole = stream.usage()?;
/// assert!(!whole.estimated);
/// assert_eq!(whole.tokens, UsageSnapshot::new(1_024, 4));
/// # Ok::<(), runtime_usage::ReportedUsageError>(())
/// ```
#[derive(Clone, Debug)]
pub struct StreamUsage {
    reading: Reading,
    progress: Progress,
}

/// How far a stream has come. It owns no memory.
#[derive(Clone, Copy, Debug, Default)]
struct Progress {
    input_estimate: u64,
    streamed_bytes: u64,
    reported: bool,
    ended: bool,
}

const _: () = wire::owns_no_memory::<Progress>();

impl StreamUsage {
    /// The chunks of a chat completion. Usage comes only if the request asks for it by
    /// `stream_options.include_usage`.
    pub fn openai_chat() -> Self {
        Self::of(&wire::OPENAI_CHAT)
    }

    /// The events of a response. The one that completes, breaks off or fails it has the usage.
    pub fn openai_responses() -> Self {
        Self::of(&wire::OPENAI_RESPONSES)
    }

    /// The events of a message. The output in `message_start` is a placeholder, and the totals
    /// come with `message_delta`.
    pub fn anthropic() -> Self {
        Self::of(&wire::ANTHROPIC)
    }

    /// The chunks of a response of Gemini's, each with the usage so far.
    pub fn gemini() -> Self {
        Self::of(&wire::GEMINI)
    }

    /// The events of Bedrock's `ConverseStream`, under their names or unwrapped. The one called
    /// `metadata` has the usage.
    pub fn bedrock() -> Self {
        Self::of(&wire::BEDROCK)
    }

    /// The lines of an answer of Ollama's. The one that is `done` has the usage.
    pub fn ollama() -> Self {
        Self::of(&wire::OLLAMA)
    }

    /// The chunks of a chat completion of `OpenRouter`'s. The last one has the usage and the cost.
    pub fn openrouter() -> Self {
        Self::of(&wire::OPENROUTER)
    }

    fn of(provider: &'static Provider) -> Self {
        Self { reading: Reading::new(provider), progress: Progress::default() }
    }

    /// Says how many tokens the request is thought to have, should the stream end before the
    /// provider says so. Default: 0.
    #[must_use]
    pub const fn input_estimate(mut self, tokens: u64) -> Self {
        self.progress.input_estimate = tokens;
        self
    }

    /// Takes a chunk, as parsed. What has no usage and no output in it, errors included, changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`ReportedUsageError`] if a count in it is not one. Nothing has changed then.
    pub fn push(&mut self, chunk: &Value) -> Result<(), ReportedUsageError> {
        let provider = self.reading.provider();
        let body = provider.body(chunk);
        let usage = provider.usage_in(body);
        self.reading.fold(body, usage.unwrap_or(&Value::Null))?;

        let progress = &mut self.progress;
        let streamed = (provider.streamed)(chunk);
        progress.streamed_bytes = progress.streamed_bytes.saturating_add(streamed);
        progress.reported |= usage.is_some() && (provider.is_report)(chunk);
        progress.ended |= (provider.is_end)(chunk);
        Ok(())
    }

    /// Whether the model has stopped and the provider has said what it used.
    pub const fn is_complete(&self) -> bool {
        self.progress.reported && self.progress.ended
    }

    /// What the turn used, as far as is known: exact if the stream [is
    /// complete](Self::is_complete), or else estimated.
    ///
    /// # Errors
    ///
    /// [`ReportedUsageError`] if the counts contradict each other.
    pub fn usage(&self) -> Result<ReportedUsage, ReportedUsageError> {
        let usage = self.reading.report()?;
        Ok(if self.is_complete() { usage } else { self.progress.estimate(usage) })
    }
}

impl Progress {
    /// Fills in what was not reported. What was is never made less.
    fn estimate(&self, mut usage: ReportedUsage) -> ReportedUsage {
        let tokens = &mut usage.tokens;
        if tokens.total_input_tokens() == 0 {
            tokens.input_tokens = self.input_estimate;
        }
        let streamed = self.streamed_bytes.div_ceil(BYTES_PER_TOKEN);
        tokens.output_tokens = tokens.output_tokens.max(streamed);
        usage.estimated()
    }
}
