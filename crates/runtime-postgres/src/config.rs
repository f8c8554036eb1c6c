//! [`PgConfig`]: where the database is, and how it is reached.

use std::fmt;
use std::time::Duration;

use runtime_fleet::link::url;
use tokio_postgres::config::Host;

use crate::error::PgError;
use crate::schema::Schema;
use crate::tls::{Tls, Verify};

/// Where the database is, and how it is reached.
///
/// The URL has the form of libpq: `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE`, with `%40` for an
/// `@` in a password, and so on. It may name several hosts, of which the first that answers is taken; with
/// `target_session_attrs=read-write`, the first that writes.
///
/// | setting | option of the URL | default |
/// |---|---|---|
/// | [`schema`](Self::schema) | `schema` | `techrevati` |
/// | [`timeout`](Self::timeout) | | 10 s, of a fleet 2 s |
/// | [`prepared`](Self::prepared) | | no |
/// | [`push`](Self::push) | `push`, `yes` or `no` | yes |
/// | [`password`](Self::password) | in front of the host | none |
/// | [`root_certificates`](Self::root_certificates) | `sslrootcert`, a file | those of the operating system |
/// | | `sslmode` | `prefer` |
///
/// | `sslmode` | the connection |
/// |---|---|
/// | `disable` | is not encrypted |
/// | `prefer` | is encrypted if the server can, with any certificate: no help against who can change what is sent |
/// | `require`, `verify-ca`, `verify-full` | is encrypted, and the certificate is of this host and from a root that is trusted. libpq checks that with `verify-full` alone |
///
/// ```
/// use std::time::Duration;
/// use runtime_postgres::PgConfig;
///
/// let config = PgConfig::new("postgres://agents@db.example.org/agents?sslmode=require")
///     .schema("agents")
///     .timeout(Duration::from_secs(5));
/// ```
#[derive(Clone)]
#[must_use]
pub struct PgConfig {
    url: String,
    schema: Option<String>,
    password: Option<String>,
    roots: Option<String>,
    timeout: Option<Duration>,
    prepared: bool,
    push: bool,
}

/// What is known once a configuration has been checked.
pub(crate) struct Checked {
    pub(crate) postgres: tokio_postgres::Config,
    pub(crate) schema: Schema,
    pub(crate) tls: Tls,
    pub(crate) timeout: Duration,
    pub(crate) prepared: bool,
    pub(crate) push: bool,
    /// For people: host, port, database.
    pub(crate) place: String,
}

impl PgConfig {
    /// Creates a configuration. The URL is read when it is used.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            schema: None,
            password: None,
            roots: None,
            timeout: None,
            prepared: false,
            push: true,
        }
    }

    /// Sets the schema: up to 63 lower-case letters, digits and `_`. Several can share a database.
    pub fn schema(mut self, name: impl Into<String>) -> Self {
        self.schema = Some(name.into());
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
        self.timeout = Some(timeout);
        self
    }

    /// Sets whether the call that is made most often, an append, is prepared once for a connection. That is faster,
    /// and needs a connection whose sessions are its own: not through `PgBouncer` in transaction mode.
    pub const fn prepared(mut self, prepared: bool) -> Self {
        self.prepared = prepared;
        self
    }

    /// Sets whether a fleet's connection listens to what the server pushes. Without, changes arrive with the next
    /// heartbeat. `PgBouncer` in transaction mode needs it to be off.
    pub const fn push(mut self, push: bool) -> Self {
        self.push = push;
        self
    }

    /// Checks the configuration. `usual` is the timeout if none was set.
    pub(crate) fn check(self, usual: Duration) -> Result<Checked, PgError> {
        let timeout = self.timeout.unwrap_or(usual);
        let Own { url, mut options } = Own::take(&self.url)?;
        let mut postgres: tokio_postgres::Config = url.parse().map_err(|_| {
            // Its error may quote the part of a password that has an unescaped `?`.
            PgError::config(format!("{FORM}; an option is unknown or has a wrong value"))
        })?;
        if let (None, Some(password)) = (postgres.get_password(), self.password) {
            postgres.password(password);
        }
        if postgres.get_application_name().is_none() {
            postgres.application_name("techrevati");
        }
        if !url.contains("keepalives") {
            postgres.keepalives_idle(Duration::from_secs(30));
        }
        // A peer that is silently gone is noticed, even while something is being sent to it.
        postgres.tcp_user_timeout(timeout);
        let schema = self.schema.or_else(|| options.schema.take());
        let schema = Schema::new(schema.as_deref().unwrap_or("techrevati"))?;
        let roots = match (self.roots, options.root_file) {
            (None, Some(file)) => Some(url::root_certificates(&file).map_err(PgError::config)?),
            (pem, _) => pem,
        };
        postgres.ssl_mode(options.verify.mode());
        let tls = Tls::new(options.verify, roots.as_deref())?;
        let (prepared, push) = (self.prepared, self.push && !options.no_push);
        Ok(Checked { place: place(&postgres)?, postgres, schema, tls, timeout, prepared, push })
    }
}

impl Checked {
    /// An error of the server, with the role if it is about its rights.
    pub(crate) fn explained(&self, error: PgError) -> PgError {
        error.of_role((self.postgres.get_user().unwrap_or_default(), self.schema.name()))
    }
}

/// What is kept of the URL by this crate, and the rest of it.
struct Own {
    url: String,
    options: Options,
}

#[derive(Default)]
struct Options {
    schema: Option<String>,
    root_file: Option<String>,
    verify: Verify,
    no_push: bool,
}

const FORM: &str = "the URL of a database has the form \
     `postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE`, with `%XX` for an `@`, `:`, `/`, `?`, `#` or `%` \
     in a name or password";

impl Own {
    fn take(url: &str) -> Result<Self, PgError> {
        let is_url = ["postgres://", "postgresql://"].iter().any(|start| url.starts_with(start));
        if !is_url {
            return Err(PgError::config(FORM));
        }
        let (base, query) = url::divided(url);
        let mut options = Options::default();
        let mut rest = Vec::new();
        for (option, value) in query {
            match option {
                "schema" => options.schema = Some(decoded(value)?),
                "sslrootcert" => options.root_file = Some(decoded(value)?),
                "push" => {
                    options.no_push = !url::yes("push", value).map_err(PgError::config)?;
                }
                "sslmode" => options.verify = Verify::named(value)?,
                _ => rest.push(format!("{option}={value}")),
            }
        }
        let query = rest.join("&");
        let url = if query.is_empty() { base.to_owned() } else { format!("{base}?{query}") };
        Ok(Self { url, options })
    }
}

fn decoded(text: &str) -> Result<String, PgError> {
    url::decoded(text).ok_or_else(|| PgError::config(FORM))
}

/// Host, port and database, without anything that could be a part of a password.
fn place(postgres: &tokio_postgres::Config) -> Result<String, PgError> {
    let hosts = postgres.get_hosts().iter().map(|host| match host {
        Host::Tcp(name) => name.clone(),
        #[cfg(unix)]
        Host::Unix(path) => path.display().to_string(),
    });
    let hosts: Vec<_> = hosts.collect();
    if hosts.is_empty() {
        return Err(PgError::config(format!("{FORM}; this one has no host")));
    }
    // What follows an unescaped `@` of a password would be taken for the host.
    if hosts.iter().any(|host| host.contains(['@', ' '])) {
        return Err(PgError::config(format!("{FORM}; this one has two `@`")));
    }
    let port = postgres.get_ports().first().copied().unwrap_or(5432);
    let database = postgres.get_dbname().or_else(|| postgres.get_user()).unwrap_or_default();
    Ok(format!("{}:{port}/{database}", hosts.join(",")))
}

impl fmt::Debug for PgConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL has the password.
        let Self { schema, timeout, .. } = self;
        f.debug_struct("PgConfig")
            .field("schema", schema)
            .field("timeout", timeout)
            .finish_non_exhaustive()
    }
}

impl From<&str> for PgConfig {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<&String> for PgConfig {
    fn from(url: &String) -> Self {
        Self::new(url)
    }
}
