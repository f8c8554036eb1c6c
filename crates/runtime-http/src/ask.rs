//! What a request asks for.

mod endpoint;
mod estimate;
mod fields;
mod scan;

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Uri};
use runtime_resilience::Provider;
use runtime_usage::{ServiceTier, UsageFormat};

use self::endpoint::Endpoint;
pub(crate) use self::endpoint::{has_deployment, provider, suffix};
use self::scan::{Asked, Scanned};

/// The kind of a call, by the path of its URL.
///
/// Everything else passes untouched, and is not billed. Some of it is free: lists of models, `…/count_tokens`,
/// `:countTokens`, files, moderations. Some costs something, now or later: batches, images, sounds, videos,
/// rankings, pages that are read (`/ocr`), sockets (realtime, live), and the own APIs of `DashScope`, TGI, vLLM
/// and llama.cpp (`/generate`), whose paths for clients of `OpenAI` are recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// `…/chat/completions`, and `…/completions` before it, such as `/fim/completions`; `:rawPredict` and
    /// `:streamRawPredict` of publishers at Vertex AI, except Anthropic.
    Chat,
    /// `…/responses`, with a model or a stored prompt, and `…/responses/compact`.
    Responses,
    /// `…/messages` with a model, except those of a thread, and `:rawPredict`, `:streamRawPredict` of
    /// Anthropic's models at Vertex AI.
    Messages,
    /// `:generateContent` and `:streamGenerateContent`.
    GenerateContent,
    /// `…/interactions` of Gemini, with a model or an agent.
    Interactions,
    /// `/model/…/converse` and `/model/…/converse-stream`.
    Converse,
    /// `/model/…/invoke` and `/model/…/invoke-with-response-stream` of Bedrock, in the form of the
    /// model's maker; not of models that rank, or make images or videos.
    Invoke,
    /// `/v2/chat` and `/v1/chat` of Cohere, with a model.
    Cohere,
    /// `/api/chat` and `/api/generate` of Ollama, with a model.
    Ollama,
    /// `…/embeddings`, `:embedContent`, `:batchEmbedContents`, `/v1/embed`, `/v2/embed`, `/api/embed`, and models
    /// that embed at Bedrock and Vertex AI: metered, and nothing is streamed.
    Embedding,
}

/// What a request asks for: the place and kind of its call, the model, and the limits.
///
/// ```
/// use bytes::Bytes;
/// use runtime_http::{Ask, Kind};
/// use runtime_resilience::Provider;
///
/// let uri = "https://api.openai.com/v1/chat/completions".parse()?;
/// let body = Bytes::from_static(br#"{"model":"gpt-5","max_tokens":100,"stream":true}"#);
/// let ask = Ask::of(&http::Method::POST, &uri, &body).ok_or("it is a call")?;
/// assert_eq!((ask.provider, ask.kind), (Provider::OpenAi, Kind::Chat));
/// assert_eq!((&*ask.model, ask.max_output, ask.streamed), ("gpt-5", Some(100), true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ask {
    /// The API, by the host of the URL.
    pub provider: Provider,
    /// The kind of the call.
    pub kind: Kind,
    /// The model, from the body or the path; `unknown` if neither names it.
    pub model: Arc<str>,
    /// The maximum number of output tokens, for all choices together.
    pub max_output: Option<u64>,
    /// The requested tier.
    pub tier: ServiceTier,
    /// Whether a stream is asked for.
    pub streamed: bool,
    /// The estimated tokens of the input: one for four bytes of the body, and 1,000 for each image,
    /// document or sound in it.
    pub input_estimate: u64,
    /// The form of the usage in the reply, unless the provider has one of its own.
    form: UsageFormat,
    /// Whether it carries a signature, which fits nothing but these bytes and this URL.
    pub(crate) signed: bool,
    /// Where the model's name stands in the body, if it does so without escapes.
    model_at: Option<(usize, usize)>,
    model_in: Named,
    /// What is said of the usage of the stream.
    usage: Asked,
    /// Whether several answers are asked for.
    pub(crate) has_choices: bool,
}

impl Ask {
    /// `None` if the request is no call of a model.
    pub fn of(method: &Method, uri: &Uri, body: &[u8]) -> Option<Self> {
        if *method != Method::POST {
            return None;
        }
        let path = uri.path();
        let Endpoint { kind, form, streams, .. } = endpoint::of(path)?;
        let Scanned { model, model_at, max_output, choices, tier, stream, usage, names } =
            scan::scan(body)?;
        // Others have such paths, too: a message of a chat room names no model.
        let is_call = match kind {
            Kind::Messages => model.is_some() || endpoint::names_model(path),
            Kind::Ollama => model.is_some(),
            Kind::Cohere => model.is_some() && names.messages,
            Kind::Responses => model.is_some() || names.prompt,
            Kind::Interactions => model.is_some() || names.agent,
            _ => true,
        };
        if !is_call {
            return None;
        }
        let model_in = match &model {
            Some(_) => Named::Body,
            None if endpoint::names_model(path) => Named::Path,
            None => Named::Base,
        };
        let provider = provider(uri);
        let in_path = || endpoint::model(path).map_or_else(|| "unknown".into(), Arc::from);
        // Only Ollama streams unless told otherwise.
        let stream = stream.unwrap_or(kind == Kind::Ollama);
        Some(Self {
            provider,
            kind,
            model: model.map_or_else(in_path, Arc::from),
            max_output: if kind == Kind::Embedding { Some(0) } else { max_output },
            tier,
            form,
            signed: false,
            streamed: kind != Kind::Embedding && (streams || stream),
            input_estimate: estimate::tokens(body),
            model_at,
            model_in,
            usage,
            has_choices: choices > 1,
        })
    }

    /// Takes what stands at this path as served by `provider`. Of a deployment at `LiteLLM`, the name is the model's,
    /// whatever the body says.
    pub(crate) fn at(&mut self, path: &str, provider: Provider) {
        let is_passed_on = provider == Provider::LiteLlm && self.provider != Provider::Other;
        if !is_passed_on {
            self.provider = provider;
        }
        if self.provider == Provider::LiteLlm
            && has_deployment(path)
            && let Some(model) = endpoint::model(path)
        {
            (self.model, self.model_in) = (model.into(), Named::Deployment);
        }
    }

    /// Whether another model cannot be asked for at this path: a deployment of Azure has one, and an endpoint of
    /// Vertex AI.
    pub(crate) fn is_bound(&self, path: &str) -> bool {
        (has_deployment(path) && !self.follows()) || endpoint::tuned(path).is_some()
    }

    /// Whether the deployment in the path is the name of the model.
    fn follows(&self) -> bool {
        self.model_in == Named::Deployment
    }

    /// The form of the usage in the reply.
    pub fn format(&self) -> UsageFormat {
        self.format_at(self.provider)
    }

    /// The form of the usage in a reply of this provider: one of several may have the call.
    pub(crate) fn format_at(&self, provider: Provider) -> UsageFormat {
        match self.kind {
            Kind::Invoke if self.model.contains("anthropic.") => UsageFormat::Anthropic,
            _ if self.form == UsageFormat::OpenAiChat && provider == Provider::OpenRouter => {
                UsageFormat::OpenRouter
            }
            _ => self.form,
        }
    }

    /// The URL for another model, if the path names one.
    pub(crate) fn uri(&self, uri: &Uri, model: &str) -> Option<Uri> {
        if *self.model == *model {
            return None;
        }
        let mut path = endpoint::with_model(uri.path(), model, self.follows())?;
        if let Some(query) = uri.query() {
            path = format!("{path}?{query}");
        }
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = Some(path.parse().ok()?);
        Uri::from_parts(parts).ok()
    }

    /// The body for another model, or with a request for usage; `None` if nothing changes. At another place it
    /// names the model in any case.
    pub(crate) fn rewritten(
        &self,
        body: &Bytes,
        (model, is_elsewhere): (&str, bool),
        ask_usage: bool,
    ) -> Option<Bytes> {
        let may_ask = self.streamed && self.kind == Kind::Chat && self.usage != Asked::Something;
        let asks = ask_usage && may_ask && !self.signed;
        let changes = match self.model_in {
            Named::Body => *self.model != *model,
            Named::Deployment => is_elsewhere || *self.model != *model,
            Named::Base => is_elsewhere,
            Named::Path => false,
        };
        if !changes && !asks {
            return None;
        }
        if (changes && self.model_at.is_none()) || (asks && self.usage == Asked::Otherwise) {
            return scan::rewrite_all(body, changes.then_some(model), asks).map(Bytes::from);
        }
        let model_at = self.model_at.filter(|_| changes);
        scan::rewrite(body, model_at.map(|at| (at, model)), asks).map(Bytes::from)
    }
}

/// Whether a request is a call of a model if its body is that of one.
pub(crate) fn may_be_call(method: &Method, uri: &Uri) -> bool {
    *method == Method::POST && endpoint::of(uri.path()).is_some()
}

/// Where a request names its model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Body,
    /// In the path of the call.
    Path,
    /// In the deployment of a gateway, which goes before the body.
    Deployment,
    /// In a part of the URL that belongs to its base, as an Azure deployment, or nowhere.
    Base,
}
