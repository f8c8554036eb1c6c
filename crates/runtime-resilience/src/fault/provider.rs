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
        /// xAI.
        #[doc(alias = "Grok")]
        XAi = "xai",
        /// Mistral AI.
        Mistral = "mistral",
        /// Groq.
        Groq = "groq",
        /// DeepSeek.
        DeepSeek = "deepseek",
        /// Moonshot AI.
        #[doc(alias = "Kimi")]
        Moonshot = "moonshot",
        /// Qwen at Alibaba Cloud Model Studio.
        #[doc(alias = "DashScope")]
        Qwen = "qwen",
        /// Z.ai.
        #[doc(alias = "GLM")]
        Zai = "zai",
        /// MiniMax.
        MiniMax = "minimax",
        /// Baidu AI Cloud.
        #[doc(alias = "Qianfan")]
        Baidu = "baidu",
        /// Together AI.
        Together = "together",
        /// Fireworks AI.
        Fireworks = "fireworks",
        /// Cohere.
        Cohere = "cohere",
        /// Cerebras.
        Cerebras = "cerebras",
        /// Perplexity.
        Perplexity = "perplexity",
        /// GitHub Copilot and GitHub Models.
        #[doc(alias = "Copilot")]
        GitHub = "github",
        /// Hugging Face's inference.
        HuggingFace = "huggingface",
        /// The server of llama.cpp.
        LlamaCpp = "llama_cpp",
        /// vLLM.
        Vllm = "vllm",
        /// SGLang.
        SgLang = "sglang",
        /// Hugging Face's Text Generation Inference.
        Tgi = "tgi",
        /// LM Studio.
        LmStudio = "lm_studio",
        /// LiteLLM's proxy, around any of these.
        LiteLlm = "litellm",
        /// Any other: plain HTTP, and the names that many APIs share with OpenAI's.
        Other = "other",
    }
}
