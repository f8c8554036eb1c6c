//! The words for keys, accounts and rights that the rows for everybody look for. The sources are in `docs/faults.md`.

/// A message says that the key is none.
pub(super) const NO_KEY: &[&str] = &[
    "api key not valid",
    "api key not found",
    "api key expired",
    "api key has expired",
    "api key is invalid",
    "invalid api key",
    "incorrect api key",
    "invalid api token",
    "access token invalid",
    "access token is invalid",
    "access token expired",
    "token has expired",
    "expired key",
    "invalid access token",
    "invalid username or password",
    "invalid_grant",
    "token has been revoked",
    "key has been revoked",
    "key has been disabled",
    "key has been deleted",
    "key is disabled",
    "key is expired",
    "license validation failed",
    "license has expired",
    "license expired",
    "invalid license",
];

/// The names of errors say that somebody has no key or no right, in parts.
pub(super) const NO_RIGHT: &[&str] = &[
    "authfailure",
    "noautherror",
    "expired_key",
    "invalid_key",
    "invalid_iam_token",
    "unauthorized",
    "notactivated",
    "servicenotopen",
];

/// A message says that callers from there are not served.
pub(super) const ELSEWHERE: &[&str] = &[
    "location is not supported",
    "unsupported countries",
    "country, region, or territory not supported",
];

/// A message says of an account …
pub(super) const ACCOUNT: &[&str] = &["account", "organization", "workspace"];

/// … that it is closed.
pub(super) const CLOSED: &[&str] = &[
    "has been disabled",
    "has been deactivated",
    "is deactivated",
    "has been suspended",
    "is suspended",
];

/// A message says that somebody on the way has no key.
pub(super) const NO_CREDENTIALS: &[&str] = &[
    "unable to locate credentials",
    "reauthentication is needed",
    "default credentials",
    "no credentials",
    "credentials not found",
    "missing credentials",
    "api_key is not set",
    "api_key is missing",
    "api_key is required",
    "api_key not set",
    "api_key environment variable",
    "api key is not set",
    "api key is not configured",
    "api key is missing",
    "api key is required",
    "missing api key",
    "no api key",
    "provide an api key",
    "failed to authenticate",
    "illegal header value",
    "unregistered callers",
    "not logged in",
    "please log in",
    "please login",
    "please sign in",
    "sign in with your",
    "sign in again",
    "log in again",
];

/// A message says that the caller has no right to this.
pub(super) const DENIED: &[&str] = &[
    "access is denied",
    "access denied",
    "access was denied",
    "not authorized",
    "only authorized for",
    "not have access to",
    "n't have access to",
    "insufficient permissions",
    "insufficient scope",
    "missing scope",
    "无权访问",
];

/// A message speaks of what shows who the caller is, …
pub(super) const SHOWN: &[&str] = &[
    "credential",
    "oauth",
    "access token",
    "auth token",
    "authentication token",
    "refresh token",
    "bearer token",
    "api key",
    "api_key",
    "apikey",
];

/// … and says that it is none.
pub(super) const NOT_SHOWN: &[&str] = &[
    "invalid",
    "incorrect",
    "expired",
    "revoked",
    "missing",
    "required",
    "not found",
    "failed",
    "could not",
    "rejected",
    "re-authenticate",
];
