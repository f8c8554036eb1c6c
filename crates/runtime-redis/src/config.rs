//! [`RedisConfig`]: where the server is, and how it is reached.

use std::fmt;
use std::time::Duration;

use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, ProtocolVersion};
use runtime_fleet::link::url;

use crate::error::RedisFleetError;

/// Where the server is, and how it is reached.
///
/// The URL has the form `redis://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE`, with `%40` for an `@` in a
/// password, and so on; with `rediss://`, the connection is encrypted, and the certificate is of this host and from
/// a root that is trusted. With `cluster=yes` it may name several hosts, with commas between them.
///
/// | setting | option of the URL | default |
/// |---|---|---|
/// | [`prefix`](Self::prefix) | `prefix` | `techrevati` |
/// | [`timeout`](Self::timeout) | | 2 s |
/// | [`cluster`](Self::cluster) | `cluster`, `yes` or `no` | no |
/// | [`push`](Self::push) | `push`, `yes` or `no` | yes |
/// | [`password`](Self::password) | in front of the host | none |
/// | [`root_certificates`](Self::root_certificates) | `sslrootcert`, a file | those of the operating system |
///
/// ```
/// use std::time::Duration;
/// use runtime_redis::RedisConfig;
///
/// let config = RedisConfig::new("rediss://agents@cache.example.org")
///     .prefix("agents")
///     .timeout(Duration::from_secs(1));
/// ```
#[derive(Clone)]
#[must_use]
pub struct RedisConfig {
    url: String,
    prefix: Option<String>,
    password: Option<String>,
    roots: Option<String>,
    timeout: Duration,
    cluster: bool,
    push: bool,
}

/// What is known once a configuration has been checked.
pub(crate) struct Checked {
    /// One, or the nodes of a cluster that are known.
    pub(crate) nodes: Vec<ConnectionInfo>,
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "only TLS has certificates"))]
    pub(crate) roots: Option<String>,
    pub(crate) prefix: String,
    /// Where changes are told.
    pub(crate) channel: String,
    pub(crate) timeout: Duration,
    #[cfg_attr(not(feature = "cluster"), expect(dead_code, reason = "then it is refused"))]
    pub(crate) cluster: bool,
    pub(crate) push: bool,
    /// For people: hosts and database.
    pub(crate) place: String,
}

/// The words behind a prefix.
const KINDS: [&str; 7] = ["accounts", "breaker", "ends", "grants", "limit", "members", "trees"];

const FORM: &str = "the URL of a server has the form `redis://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE`, or \
     `rediss://…`, with `%XX` for an `@`, `:`, `/`, `?`, `#`, `,` or `%` in a name or password";

impl RedisConfig {
    /// Creates a configuration. The URL is read when it is used.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            prefix: None,
            password: None,
            roots: None,
            timeout: Duration::from_secs(2),
            cluster: false,
            push: true,
        }
    }

    /// Sets what the names of all keys and of the channel begin with, without braces. Several fleets can share a
    /// server.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sets the password for a URL that has none: so it is in no list of processes and no file of settings.
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(password.into());
        self
    }

    /// Sets the certificates that are trusted, as PEM, in place of those of the operating system.
    pub fn root_certificates(mut self, pem: impl Into<String>) -> Self {
        self.roots = Some(pem.into());
        self
    }

    /// Sets the time that a call may take, with the connection if it has to be made.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets whether the server is a node of a cluster.
    pub const fn cluster(mut self, cluster: bool) -> Self {
        self.cluster = cluster;
        self
    }

    /// Sets whether the connection subscribes to what the server pushes. Without, changes arrive with the next
    /// heartbeat.
    pub const fn push(mut self, push: bool) -> Self {
        self.push = push;
        self
    }

    pub(crate) fn check(mut self) -> Result<Checked, RedisFleetError> {
        let url = std::mem::take(&mut self.url);
        let (base, query) = url::divided(&url);
        for (option, value) in query {
            let text = || url::decoded(value).ok_or_else(|| RedisFleetError::config(FORM));
            let yes = || url::yes(option, value).map_err(RedisFleetError::config);
            match option {
                "cluster" => self.cluster = yes()?,
                "push" => self.push = yes()?,
                "prefix" => self.prefix = self.prefix.or(Some(text()?)),
                "sslrootcert" if self.roots.is_none() => {
                    let pem = url::root_certificates(&text()?);
                    self.roots = Some(pem.map_err(RedisFleetError::config)?);
                }
                "sslrootcert" => {}
                // What follows an unescaped `?` of a password is not quoted.
                _ => return Err(RedisFleetError::config(format!("{FORM}; an option is unknown"))),
            }
        }
        let nodes = nodes(base, self.password.as_deref())?;
        if nodes.len() > 1 && !self.cluster {
            return Err(RedisFleetError::config(
                "only a cluster has several hosts: add `cluster=yes`",
            ));
        }
        if cfg!(not(feature = "cluster")) && self.cluster {
            let what = "a cluster needs the feature `cluster` of the crate runtime-redis";
            return Err(RedisFleetError::config(what));
        }
        let tls = nodes.iter().any(|node| matches!(node.addr(), ConnectionAddr::TcpTls { .. }));
        if cfg!(not(feature = "tls")) && tls {
            let what = "`rediss://` needs the feature `tls` of the crate runtime-redis";
            return Err(RedisFleetError::config(what));
        }
        if self.roots.is_some() && !tls {
            let what = "there are root certificates, so the URL has to begin with `rediss://`";
            return Err(RedisFleetError::config(what));
        }
        let prefix = self.prefix.unwrap_or_else(|| "techrevati".to_owned());
        if !is_prefix(&prefix) {
            let what = format!(
                "a prefix is not empty, has no braces or line ends, and no `:` in front of a word that follows it \
                 in a key, such as `breaker`; found {prefix:?}"
            );
            return Err(RedisFleetError::config(what));
        }
        Ok(Checked {
            place: place(&nodes)?,
            channel: channel(&nodes, &prefix),
            nodes,
            roots: self.roots,
            prefix,
            timeout: self.timeout,
            cluster: self.cluster,
            push: self.push,
        })
    }
}

/// Whether keys that begin so are no other fleet's: of a fleet `a`, the breaker `breaker:x` has the key
/// `a:breaker:breaker:x`, and so would the breaker `x` of a fleet `a:breaker`.
fn is_prefix(prefix: &str) -> bool {
    let is_kind = |word: &str| KINDS.contains(&word);
    !prefix.is_empty()
        && !prefix.contains(['{', '}', '\n'])
        && !prefix.split(':').skip(1).any(is_kind)
}

/// The channel of a fleet. Keys are of one database of the server, and channels are of all. A prefix has no braces.
fn channel(nodes: &[ConnectionInfo], prefix: &str) -> String {
    match database(nodes) {
        0 => prefix.to_owned(),
        other => format!("{prefix}{{{other}}}"),
    }
}

fn database(nodes: &[ConnectionInfo]) -> i64 {
    nodes.first().map_or(0, |node| node.redis_settings().db())
}

/// The hosts of a URL without options.
fn nodes(base: &str, password: Option<&str>) -> Result<Vec<ConnectionInfo>, RedisFleetError> {
    let wrong = || RedisFleetError::config(FORM);
    let (scheme, rest) = base.split_once("://").ok_or_else(wrong)?;
    if !["redis", "rediss", "valkey", "valkeys"].contains(&scheme) {
        return Err(wrong());
    }
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(user, rest)| (user, rest));
    // Unescaped, a part of a password would be taken for the host.
    if user.contains(['@', '/', '?', '#']) {
        return Err(wrong());
    }
    let user = if user.is_empty() { String::new() } else { format!("{user}@") };
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
    let node = |host: &str| {
        let node = format!("{scheme}://{user}{host}/{database}");
        // Its error may quote the URL.
        let node = node.as_str().into_connection_info().map_err(|_| wrong())?;
        let mut settings = node.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        if let (None, Some(password)) = (settings.password(), password) {
            settings = settings.set_password(password);
        }
        Ok(node.set_redis_settings(settings))
    };
    hosts.split(',').map(node).collect()
}

/// Hosts and database, without anything that could be a part of a password.
fn place(nodes: &[ConnectionInfo]) -> Result<String, RedisFleetError> {
    let hosts: Vec<_> = nodes.iter().map(|node| node.addr().to_string()).collect();
    if hosts.iter().any(|host| host.contains(['@', ' '])) {
        return Err(RedisFleetError::config(FORM));
    }
    Ok(format!("{}/{}", hosts.join(","), database(nodes)))
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL has the password.
        let Self { prefix, timeout, cluster, .. } = self;
        f.debug_struct("RedisConfig")
            .field("prefix", prefix)
            .field("timeout", timeout)
            .field("cluster", cluster)
            .finish_non_exhaustive()
    }
}

impl From<&str> for RedisConfig {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<&String> for RedisConfig {
    fn from(url: &String) -> Self {
        Self::new(url)
    }
}
