//! The names of the classes of clients' errors, where a text has nothing else. A name may stand inside a longer one,
//! as in `GatewayRateLimitError`. The sources are in `docs/faults.md`.

/// Too many requests.
pub(super) const RATE_CLASS: &[&str] = &[
    "ratelimiterror",
    "ratelimitexception",
    "ratelimitederror",
    "ratelimitedexception",
    "ratelimitexceedederror",
    "ratelimitexceededexception",
];

/// No such model.
pub(super) const MODEL_CLASS: &[&str] = &["modelnotfound", "nosuchmodel"];

/// A request that is none.
pub(super) const BAD_CLASS: &[&str] = &[
    "badrequesterror",
    "badrequestexception",
    "invalidrequesterror",
    "invalidrequestexception",
    "unprocessableentity",
    "unsupportedfeatureexception",
    "unsupportedparamserror",
];

/// A key that is none.
pub(super) const KEY_CLASS: &[&str] =
    &["autherror", "authexception", "authenticationerror", "authenticationexception"];

/// A right that one has not.
pub(super) const DENIED_CLASS: &[&str] =
    &["permissiondeniederror", "permissiondeniedexception", "forbiddenerror", "forbiddenexception"];

/// Too much for the server.
pub(super) const BUSY_CLASS: &[&str] = &[
    "overloadederror",
    "overloadedexception",
    "serviceunavailableerror",
    "serviceunavailableexception",
];

/// No connection, or a broken one.
pub(super) const LOST_CLASS: &[&str] = &[
    "apiconnectionerror",
    "apiconnectionexception",
    "httpx.connecterror",
    "httpx.readerror",
    "httpcore.readerror",
    "remoteprotocolerror",
];
