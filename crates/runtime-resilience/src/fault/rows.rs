//! The rows of each provider. The first that matches decides; the rows of the provider come first,
//! then the rows for everybody.
//!
//! Rows by name have no status: the same names come in a stream, under status 200. The sources of
//! the names are in `docs/faults.md`.

use super::field::ReplyField::{Code, Message, Name, Status, StopReason, Type};
use super::kind::FaultKind::{
    Auth, ContentPolicy, ContextLength, Local, Malformed, Network, Overload, Quota, RateLimit,
    Request, Server, Timeout,
};
use super::kind::FaultScope::{Call, Key, Model, Provider as Place};
use super::kind::{Reach, TimeoutPhase};
use super::numbers::{
    GRPC_BUSY, GRPC_FAILED, GRPC_KEY, GRPC_RATE, GRPC_WRONG, RPC_FAILED, RPC_WRONG, SPARK_BUSY,
    SPARK_CONTENT, SPARK_KEY, SPARK_LONG, SPARK_RATE, SPARK_SPENT,
};
use super::provider::Provider::{self, Anthropic, Azure, Bedrock, Gemini, Ollama, OpenRouter};
use super::rule::FaultRule as Rule;

mod bedrock;
mod classes;
mod content;
mod gemini;
mod keys;
mod limits;
mod makers;
mod others;
mod places;
mod words;

use classes::{
    BAD_CLASS, BUSY_CLASS, DENIED_CLASS, KEY_CLASS, LOST_CLASS, MODEL_CLASS, RATE_CLASS,
};
use content::{CENSORED, MODERATED, POLICY, REFUSED, STOPPED, VIOLATED};
use keys::{
    ACCOUNT, CLOSED, DENIED, ELSEWHERE, NO_CREDENTIALS, NO_KEY, NO_RIGHT, NOT_SHOWN, SHOWN,
};
use limits::{
    A_RATE, ANY_LIMIT, ANY_QUOTA, BUDGET, DAILY, FREQUENT, LACK, LIMIT, LIMITED, MONEY, NO_MONEY,
    NOT_OF_MONEY, PAID_FOR, RATE, SPENT, THROTTLED, TOO_OFTEN,
};
use makers::{ANTHROPIC, ANTHROPIC_NAMES, AZURE, OLLAMA, OPENROUTER};
use places::{
    BROKEN, BROKEN_OFF, BUSY, CONNECTION, CRASHED, CUT, FULL, LATE, LOST, NO_ROOM, NO_SPACE,
    NO_TLS, NOT_LOADED, OVERLOADED, TIMED_OUT, TOO_LATE, UNREACHED,
};
use words::{
    ANOTHER_LIMIT, BAD_IMAGE, FAILED, GONE, INPUT, LONG, MISSHAPEN, MISTAKEN, MODEL, NO_MODEL,
    NO_SUCH_MODEL, NO_TEMPLATE, NOT_SERVED, THIS_MODEL, TOO_LONG, TOO_MUCH, TOOL_CALL, UNABLE,
    UNREADABLE, WRONG,
};

/// The rows that a provider's replies are read by, in order: rows by words, the provider's own first,
/// then rows by status alone. The words of one imitator are found in the replies of another, and behind
/// gateways, so all of them are read. A broad name of a provider's own, such as `api_error`, is read
/// after the words for everybody: they say more.
pub(super) fn of(provider: Provider) -> impl Iterator<Item = &'static Rule> {
    let (own, broad): (&'static [Rule], &'static [Rule]) = match provider {
        Azure => (AZURE, &[]),
        Anthropic => (ANTHROPIC, ANTHROPIC_NAMES),
        Gemini => (gemini::ROWS, gemini::NAMES),
        Bedrock => (bedrock::ROWS, bedrock::NAMES),
        OpenRouter => (OPENROUTER, &[]),
        Ollama => (OLLAMA, &[]),
        other => (others::of(other), &[]),
    };
    let shared =
        others::all().filter(move |row| row.has_conditions() && !row.is_only_for(provider));
    let by_words = own.iter().filter(|row| row.has_conditions()).chain(WORDS);
    let by_words = by_words.chain(shared).chain(broad).chain(NAMES);
    by_words.chain(own.iter().filter(|row| !row.has_conditions())).chain(STATUSES)
}

/// At least as many as any provider has: all of them.
pub(super) const MOST: usize = WORDS.len()
    + NAMES.len()
    + STATUSES.len()
    + AZURE.len()
    + ANTHROPIC.len()
    + ANTHROPIC_NAMES.len()
    + OPENROUTER.len()
    + OLLAMA.len()
    + bedrock::ROWS.len()
    + bedrock::NAMES.len()
    + gemini::ROWS.len()
    + gemini::NAMES.len()
    + others::MOST;

/// Words that mean the same whoever uses them.
static WORDS: &[Rule] = &[
    Rule::any(ContextLength).mentions(Message, TOO_LONG).unless(THROTTLED),
    Rule::any(Quota).mentions(Message, SPENT),
    Rule::any(Quota).mentions(Message, MONEY).mentions(Message, LACK).unless(ANY_LIMIT),
    Rule::any(Quota).status(0, 499).mentions(Message, BUDGET).unless(NOT_OF_MONEY),
    // A day's limit is not a minute's.
    Rule::any(Quota).mentions(Message, DAILY).mentions(Message, LIMIT).cools(Model),
    Rule::any(ContentPolicy).mentions(Message, REFUSED),
    // The model wrote a tool call that cannot be read.
    Rule::any(Malformed).mentions(Message, TOOL_CALL),
    // Under 400 at Google, xAI and others.
    Rule::any(Auth).mentions(Message, NO_KEY),
    Rule::any(Auth).mentions(Message, ELSEWHERE),
];

/// `OpenAI`'s names, which its imitators use too, and words that many use.
static NAMES: &[Rule] = &[
    Rule::any(Quota).says(Name, NO_MONEY),
    // ElevenLabs and Black Forest Labs have names there, the first under 401.
    Rule::any(Quota).says(Status, &["quota_exceeded"]),
    Rule::any(ContentPolicy)
        .says(Status, &["content_against_policy", "Request Moderated", "Content Moderated"]),
    // Google says so of a minute's limit, too.
    Rule::any(Quota).mentions(Message, &["exceeded your current quota"]).unless(&[
        "ai.google.dev",
        "quota metric",
        "for metric",
    ]),
    Rule::any(Quota).begins(Message, &["quota exceeded"]).unless(ANY_QUOTA),
    Rule::any(ContextLength)
        .says(Code, &["context_length_exceeded", "context_too_large", "max_tokens_per_request"]),
    // More tokens than a whole minute allows: no wait helps.
    Rule::any(ContextLength).mentions(Message, &["request too large for"]),
    Rule::any(ContentPolicy).says(Name, MODERATED),
    Rule::any(ContentPolicy).says(StopReason, STOPPED),
    Rule::any(Malformed).says(StopReason, MISSHAPEN),
    Rule::any(ContextLength)
        .says(StopReason, &["model_context_window_exceeded", "context_window_exceeded"])
        .reach(Reach::Unknown),
    Rule::any(Request).says(Code, BAD_IMAGE),
    Rule::any(Timeout(TimeoutPhase::Provider)).says(Code, &["vector_store_timeout"]),
    // An organization that has not shown who it is.
    Rule::any(Auth)
        .status(400, 499)
        .mentions(Message, &["organization must be verified"])
        .cools(Model),
    Rule::any(RateLimit).says(Code, RATE),
    Rule::any(Overload).says(Name, FULL),
    Rule::any(Auth).says(Code, &["invalid_api_key"]),
    Rule::any(Request).says(Name, NO_MODEL).cools(Model).elsewhere(true),
    // Names that are written of words, with parts before, behind and between them. Few replies need a look at
    // them, which the rows above decide.
    Rule::any(ContextLength).mentions(Name, LONG),
    Rule::any(ContentPolicy).mentions(Name, CENSORED),
    Rule::any(Quota).mentions(Name, PAID_FOR),
    Rule::any(RateLimit).mentions(Name, LIMITED),
    Rule::any(Overload).mentions(Name, OVERLOADED),
    Rule::any(Request).mentions(Name, NO_SUCH_MODEL).cools(Model).elsewhere(true),
    Rule::any(Auth).mentions(Name, NO_RIGHT),
    Rule::any(Auth).status(400, 499).mentions(Message, ACCOUNT).mentions(Message, CLOSED),
    Rule::any(Request)
        .status(0, 499)
        .mentions(Message, MODEL)
        .mentions(Message, GONE)
        .cools(Model)
        .elsewhere(true),
    Rule::any(Request)
        .status(0, 499)
        .opens(Message, THIS_MODEL)
        .mentions(Message, NOT_SERVED)
        .cools(Model)
        .elsewhere(true),
    Rule::any(Request).mentions(Message, UNABLE).cools(Model).elsewhere(true),
    Rule::any(RateLimit).says(Code, SPARK_RATE),
    Rule::any(Quota).says(Code, SPARK_SPENT),
    Rule::any(Auth).says(Code, SPARK_KEY),
    Rule::any(ContentPolicy).says(Code, SPARK_CONTENT),
    Rule::any(ContextLength).says(Code, SPARK_LONG),
    Rule::any(Overload).says(Code, SPARK_BUSY),
    // A session of the realtime API is over after a while. The next one goes on.
    Rule::any(Network)
        .says(Code, &["session_expired", "websocket_connection_limit_reached"])
        .cools(Call)
        .counts(false),
    Rule::any(Network)
        .mentions(Message, &["session hit the maximum duration"])
        .cools(Call)
        .counts(false),
    // Apigee's gateways answer with 500 unless they are told otherwise.
    Rule::any(RateLimit)
        .mentions(Message, &["rate limit quota violation", "spike arrest violation"])
        .cools(Key),
    // NVIDIA's word for a model that fails, under 400.
    Rule::any(Server).mentions(Message, &["DEGRADED function"]).cools(Model),
    Rule::any(Auth).status(0, 400).mentions(Message, DENIED).cools(Model),
    Rule::any(Auth).status(500, 503).mentions(Message, DENIED).cools(Model),
    Rule::any(Server).mentions(Message, CRASHED).never_here().cools(Model),
    Rule::any(Server).mentions(Message, NO_ROOM).never_here().cools(Model),
    // The next call loads it again.
    Rule::any(Overload).mentions(Message, NOT_LOADED).cools(Model),
    Rule::any(Overload)
        .mentions(Message, BUSY)
        .mentions(Message, MODEL)
        .unless(A_RATE)
        .cools(Model),
    Rule::any(Overload).mentions(Message, BUSY).unless(A_RATE),
    Rule::any(Overload).status(0, 0).opens(Message, &["overloaded"]),
    Rule::any(Overload).status(500, 599).opens(Message, &["overloaded"]),
    // What is said in words of one's own, where nothing else is known of it.
    too_much(0, 400),
    too_much(413, 422),
    too_much(500, 500),
    violated(0, 400),
    violated(403, 403),
    violated(422, 422),
    violated(500, 500),
    Rule::any(Auth).mentions(Message, NO_CREDENTIALS),
    Rule::any(Request).status(0, 0).mentions(Message, MISTAKEN),
    Rule::any(Request).status(500, 503).mentions(Message, MISTAKEN),
    Rule::any(Request).mentions(Message, NO_TEMPLATE).cools(Model).elsewhere(true),
    Rule::any(Server).says(Code, &["server_error"]),
    Rule::any(Timeout(TimeoutPhase::Provider)).status(500, 503).mentions(Message, LATE),
    Rule::any(Server).says(Type, &["server_error"]),
    Rule::any(RateLimit).says(Type, RATE),
    // Gemini, in `OpenAI`'s form, has its own reason behind a colon.
    Rule::any(ContentPolicy).begins(StopReason, &["content_filter:"]),
    Rule::any(Malformed).begins(StopReason, &["function_call_filter:"]),
];

/// More than a model takes.
const fn too_much(lowest: u16, highest: u16) -> Rule {
    let long = Rule::any(ContextLength).status(lowest, highest).mentions(Message, TOO_MUCH);
    long.mentions(Message, INPUT).unless(ANOTHER_LIMIT)
}

/// Content that is not what it has to be.
const fn violated(lowest: u16, highest: u16) -> Rule {
    let content = Rule::any(ContentPolicy).status(lowest, highest).mentions(Message, POLICY);
    content.mentions(Message, VIOLATED)
}

/// The statuses of HTTP, and what is left without one.
static STATUSES: &[Rule] = &[
    Rule::any(RateLimit).mentions(Message, TOO_OFTEN),
    Rule::any(RateLimit).mentions(Message, FREQUENT).mentions(Message, LIMIT),
    Rule::any(Request).status(400, 400),
    Rule::any(Auth).status(401, 401),
    Rule::any(Quota).status(402, 402),
    Rule::any(Auth).status(403, 403),
    // The proxy on the way asks for a name. It is the same for every key.
    Rule::any(Auth).status(407, 407).cools(Place),
    Rule::any(Request).status(451, 451).elsewhere(true),
    Rule::any(Request).status(404, 404).cools(Model).elsewhere(true),
    Rule::any(Timeout(TimeoutPhase::Provider)).status(408, 408),
    Rule::any(Request).status(410, 410).cools(Model).elsewhere(true),
    Rule::any(Server).status(409, 409).cools(Call).counts(false),
    Rule::any(ContextLength).status(413, 413),
    Rule::any(RateLimit).status(429, 429),
    // Groq's for a tier that is full.
    Rule::any(Overload).status(498, 498),
    // Nobody here has closed the connection.
    Rule::any(Server).status(499, 499).reach(Reach::Unknown),
    Rule::any(Request).status(400, 499),
    // A 503 without a name may come from anywhere on the way.
    Rule::any(Overload).status(503, 503).reach(Reach::Failed),
    Rule::any(Timeout(TimeoutPhase::Provider)).status(504, 504),
    // Cloudflare waited for the provider's answer in vain.
    Rule::any(Timeout(TimeoutPhase::Provider)).status(524, 524),
    Rule::any(Overload).status(529, 529),
    // The server has no such thing, now or later.
    Rule::any(Request).status(501, 501).cools(Model).elsewhere(true),
    Rule::any(Server).status(500, 599),
    Rule::any(Request).mentions(Name, WRONG),
    Rule::any(Request).says(Name, &["BadRequest", "BadRequestError"]),
    Rule::any(Request).says(Code, &["not_found"]).cools(Model).elsewhere(true),
    Rule::any(Auth).says(Code, &["authentication", "permission_denied"]),
    Rule::any(Auth).says(Type, &["authentication_error", "AuthenticationError"]),
    Rule::any(Auth).says(Type, &["permission_error", "PermissionDeniedError"]).cools(Model),
    Rule::any(Request)
        .says(Type, &["not_found_error", "NotFoundError"])
        .cools(Model)
        .elsewhere(true),
    Rule::any(Timeout(TimeoutPhase::Provider)).mentions(Name, TOO_LATE),
    Rule::any(Network).mentions(Name, LOST),
    Rule::any(Network).mentions(Message, NO_TLS),
    // The classes of clients' errors say less than a status.
    Rule::any(RateLimit).mentions(Message, RATE_CLASS),
    // Dify puts every failure into the class of a bad request.
    Rule::any(Timeout(TimeoutPhase::Unknown)).mentions(Message, TIMED_OUT),
    Rule::any(Request).mentions(Message, MODEL_CLASS).cools(Model).elsewhere(true),
    Rule::any(Request).mentions(Message, BAD_CLASS),
    Rule::any(Auth).mentions(Message, KEY_CLASS),
    Rule::any(Auth).mentions(Message, DENIED_CLASS).cools(Model),
    Rule::any(Overload).mentions(Message, BUSY_CLASS),
    Rule::any(Network).mentions(Message, LOST_CLASS),
    Rule::any(Server).says(StopReason, &["error"]),
    Rule::any(Request).says(Code, RPC_WRONG),
    Rule::any(Server).says(Code, RPC_FAILED),
    // Where there is a status of HTTP, that says the same.
    Rule::any(Request).status(0, 0).says(Code, GRPC_WRONG),
    Rule::any(Auth).status(0, 0).says(Code, GRPC_KEY),
    Rule::any(RateLimit).status(0, 0).says(Code, GRPC_RATE),
    Rule::any(Server).status(0, 0).says(Code, GRPC_FAILED),
    Rule::any(Overload).status(0, 0).says(Code, GRPC_BUSY),
    Rule::any(Timeout(TimeoutPhase::Provider))
        .mentions(Message, &["code = deadlineexceeded", "deadline exceeded", "deadline reached"]),
    Rule::any(Overload).mentions(Message, &["code = unavailable"]),
    Rule::any(Auth).mentions(Message, &["code = unauthenticated", "code = permissiondenied"]),
    Rule::any(Request).mentions(Message, &["code = invalidargument"]),
    Rule::any(Request).mentions(Message, &["(invalid frame payload data)"]),
    Rule::any(ContextLength).mentions(Message, &["(message too big)"]),
    Rule::any(Overload).mentions(Message, &["(try again later)"]),
    Rule::any(Server).mentions(Message, &["(internal error)"]),
    Rule::any(Network).mentions(Message, BROKEN_OFF),
    Rule::any(Network).mentions(Message, CONNECTION).mentions(Message, CUT),
    Rule::any(Network).mentions(Message, UNREACHED),
    Rule::any(Auth).mentions(Message, SHOWN).mentions(Message, NOT_SHOWN),
    Rule::any(Local).mentions(Message, NO_SPACE),
    Rule::any(Malformed).mentions(Message, UNREADABLE),
    // Broad names say less than these words.
    Rule::any(Timeout(TimeoutPhase::Provider)).says(Name, &["timeout"]),
    Rule::any(Server).mentions(Name, FAILED),
    Rule::any(Server).mentions(Message, BROKEN),
];
