//! The providers whose replies are read.

use runtime_events::wire_names;

wire_names! {
    /// The API of a reply. It selects the rows by which the reply is read.
    #[non_exhaustive]
    pub enum Provider: "provider" {
        /// OpenAI.
        #[doc(alias = "GPT")]
        OpenAi = "openai",
        /// OpenAI's models at Azure: OpenAI's words and a few more.
        Azure = "azure",
        /// Anthropic.
        #[doc(alias = "Claude")]
        Anthropic = "anthropic",
        /// The Gemini API and Vertex AI.
        #[doc(alias = "Vertex")]
        Gemini = "gemini",
        /// Amazon Bedrock.
        #[doc(alias = "AWS")]
        Bedrock = "bedrock",
        /// OpenRouter.
        OpenRouter = "openrouter",
        /// Ollama.
        Ollama = "ollama",
        /// Any other: plain HTTP, and the names that many APIs share with OpenAI's.
        Other = "other",
    }
}
