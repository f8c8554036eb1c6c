//! The words for servers and connections that the rows for everybody look for: busy, crashed, broken off,
//! unreached. The sources are in `docs/faults.md`.

/// A message says that all are served too slowly.
pub(super) const BUSY: &[&str] = &[
    "is overloaded",
    "are overloaded",
    "currently overloaded",
    "temporarily overloaded",
    "server overloaded",
    "service overloaded",
    "at capacity",
    "over capacity",
    "capacity temporarily exceeded",
    "at maximum capacity",
    "no capacity",
    "high demand",
    "high volume of traffic",
    "more traffic than",
    "high traffic",
    "high load",
    "heavy load",
    "server busy",
    "is busy",
    "are busy",
    "too busy",
    "model busy",
    "queue is full",
    "no available account",
    "no available channel",
    "no available key",
    "no accounts available",
    "无可用渠道",
    "无可用令牌",
    "无可用账号",
    "没有可用账号",
    "没有可用的账号",
    "系统繁忙",
    "服务繁忙",
    "服务器繁忙",
    "负载已饱和",
    "暂时无法使用",
    "暂时不可用",
    "temporarily unavailable",
];

/// The same, as parts of the names of errors.
pub(super) const OVERLOADED: &[&str] = &[
    "overloaded",
    "service_unavailable",
    "serviceunavailable",
    "temporarily_unavailable",
    "upstream_unavailable",
    "provider_unavailable",
    "backend_unavailable",
    "no_available_",
    "nocapacity",
    "no_capacity",
    "over_capacity",
    "toofast",
];

/// The same, as whole names.
pub(super) const FULL: &[&str] =
    &["capacity_exceeded", "failover_exhausted", "no_providers_available"];

/// The server says that it failed.
pub(super) const BROKEN: &[&str] = &[
    "internal server error",
    "internal error encountered",
    "internal error has occurred",
    "internal error; reference",
    "the server had an error",
    "error occurred while processing your request",
    "upstream request failed",
    "upstream failed",
];

/// What runs the model is gone.
pub(super) const CRASHED: &[&str] = &[
    "model has crashed",
    "model crashed",
    "model process crashed",
    "have crashed",
    "process has terminated",
    "runner has terminated",
    "runner has unexpectedly stopped",
    "worker died",
];

/// What runs models has no room for this one.
pub(super) const NO_ROOM: &[&str] = &[
    "insufficient system resources",
    "not enough resources to load",
    "failed to load model",
    "unable to load model",
    "could not load model",
    "error loading model",
    "insufficient memory",
    "cuda out of memory",
    "cudamalloc failed",
    "outofmemoryerror",
];

/// What runs models has put this one away.
pub(super) const NOT_LOADED: &[&str] = &[
    "model unloaded",
    "model is unloaded",
    "model is not loaded",
    "model not loaded",
    "model is loading",
    "still loading",
    "model is cold",
    "model is not ready",
    "not ready for inference",
    "warming up",
    "is starting up",
];

/// A connection broke off, in the words of clients: httpx, requests, aiohttp, Node and undici, okhttp, Go, hyper and
/// `h2`, .NET, libcurl, Apple's `URLSession`, Codex, Python's websockets.
pub(super) const BROKEN_OFF: &[&str] = &[
    "incomplete chunked read",
    "socket hang up",
    "other side closed",
    "econnreset",
    "econnaborted",
    "enetreset",
    " epipe",
    "network_error",
    "without sending any",
    "stream was reset",
    "stream was interrupted",
    "stream interrupted",
    "goaway",
    "nghttp2_",
    "http/2 stream",
    "http2 framing",
    "http/2 framing",
    "stream error: stream id",
    "refused stream",
    "error reading a body",
    "outstanding read data",
    "received no bytes",
    "end of file reached",
    "read: end of file",
    "socket closed",
    "end of stream",
    "stream truncated",
    "reason: :closed",
    "noresponsedata",
    "bad record mac",
    "incompletemessage",
    "close 1006",
    "code 1006",
    "code=1006",
    "code: 1006",
    "ended prematurely",
    "payload is not completed",
    "premature close",
    "empty reply from server",
    "unexpected_eof",
    "eof occurred in violation",
    "stream error received",
    "unexpected eof",
    "\": eof",
    "error: eof",
    "stream disconnected",
    "stream closed before",
    "stream ended without",
    "stream ended before",
    "stream finished without",
    "server disconnected",
    "broken pipe",
    "no close frame received",
    "(going away)",
    "(service restart)",
    "(abnormal closure",
];

/// A connection broke off, as parts of the names of errors.
pub(super) const LOST: &[&str] = &[
    "connection_error",
    "connection_reset",
    "connection_closed",
    "connection_lost",
    "network_error",
    "stream_read",
    "stream_closed",
    "stream_interrupted",
];

/// A message speaks of a connection, …
pub(super) const CONNECTION: &[&str] = &["connection"];

/// … and says that it is over.
pub(super) const CUT: &[&str] = &[
    "reset",
    "closed",
    "aborted",
    "terminated",
    "shutdown",
    "connection lost",
    "was lost",
    "attempt failed",
    "error received",
];

/// Somebody waited in vain, as parts of the names of errors.
pub(super) const TOO_LATE: &[&str] = &[
    "timeout_error",
    "timeouterror",
    "request_timeout",
    "requesttimeout",
    "gateway_timeout",
    "gatewaytimeout",
    "upstream_timeout",
    "stream_timeout",
    "connection_timeout",
    "first_token_timeout",
    "idle_timeout",
    "response_time_exceeded",
    "deadline_exceeded",
    "deadlineexceeded",
];

/// Somebody on the way waited in vain.
pub(super) const LATE: &[&str] =
    &["deadline exceeded", "timed out", "request timeout", "gateway timeout", "upstream timeout"];

/// A client waited in vain.
pub(super) const TIMED_OUT: &[&str] =
    &["timed out", "etimedout", "headers timeout", "body timeout"];

/// No connection was made, in the words of clients: Node, urllib3, Go, Java, .NET, reqwest, libcurl, Dart, Apple's
/// `URLSession`, Elixir, axios, browsers, and the packages of `OpenAI` and Anthropic.
pub(super) const UNREACHED: &[&str] = &[
    "connection refused",
    "econnrefused",
    "actively refused",
    " enotfound",
    "'enotfound",
    "\"enotfound",
    "(enotfound",
    "eai_again",
    "ehostunreach",
    "ehostdown",
    "enetunreach",
    "enetdown",
    "unknownhostexception",
    "no such host",
    "name or service not known",
    "could not resolve host",
    "name resolution",
    "failed to lookup address",
    "failed to establish a new connection",
    "cannot connect to",
    "network is unreachable",
    "no route to host",
    "error while dialing",
    "client error (connect)",
    "error sending request",
    "unable to connect",
    "could not connect to",
    "failed to connect to",
    "connectexception",
    "fetch failed",
    "typeerror: failed to fetch",
    "typeerror: load failed",
    "failed host lookup",
    "hostname could not be found",
    "non-existing domain",
    "nxdomain",
    "appears to be offline",
    "network error",
    "networkerror",
    "network request failed",
    "net::err_",
    "getaddrinfo failed",
    "server misbehaving",
    "connection error",
];

/// Whoever is there does not show that it is the provider: often a proxy of one's own.
pub(super) const NO_TLS: &[&str] = &[
    "certificate verify failed",
    "certificate_verify_failed",
    "(_ssl.c:",
    "failed to verify certificate",
    "self-signed certificate",
    "self signed certificate",
    "unable to verify the first certificate",
    "unable to get local issuer",
    "invalid peer certificate",
    "received fatal alert",
    "tls handshake eof",
    "ssl connection could not be established",
    "ssl_connect",
    "an ssl error has occurred",
    "wrong version number",
    "pkix path building failed",
    "sslhandshakeexception",
    "ssl certificate problem",
    "x509: ",
    "certificate has expired",
    "certificate is invalid",
    "certificate's altnames",
    "self_signed_cert",
    "unable_to_get_issuer_cert",
    "unable_to_verify_leaf_signature",
    "cert_has_expired",
];

/// The caller's own machine has no room left.
pub(super) const NO_SPACE: &[&str] =
    &["no space left on device", "disk quota exceeded", "too many open files"];
