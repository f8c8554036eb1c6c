//! A connection to a server, or to the nodes of a cluster.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redis::aio::MultiplexedConnection;
#[cfg(feature = "cluster")]
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, PushInfo, PushKind, RedisError, RedisResult, Value,
};

use runtime_fleet::Watchers;

use crate::config::Checked;
use crate::push;

/// A connection. Clones share it, and their commands are pipelined.
#[derive(Clone)]
pub(crate) enum Connection {
    One {
        connection: MultiplexedConnection,
        /// It has ended.
        closed: Arc<AtomicBool>,
    },
    #[cfg(feature = "cluster")]
    Cluster(ClusterConnection),
}

impl Connection {
    /// Connects, and subscribes to pushes.
    pub(crate) async fn open(config: &Checked, watchers: &Arc<Watchers>) -> RedisResult<Self> {
        #[cfg(feature = "cluster")]
        if config.cluster {
            return cluster(config, watchers).await;
        }
        one(config, watchers).await
    }

    /// Whether it is known to have ended.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            // Relaxed: the flag guards nothing but itself. Who sees it late makes a call that fails.
            Self::One { closed, .. } => closed.load(Ordering::Relaxed),
            // It replaces connections to nodes by itself.
            #[cfg(feature = "cluster")]
            Self::Cluster(_) => false,
        }
    }

    pub(crate) async fn query(&self, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::One { connection, .. } => command.query_async(&mut connection.clone()).await,
            #[cfg(feature = "cluster")]
            Self::Cluster(connection) => command.query_async(&mut connection.clone()).await,
        }
    }
}

/// Passes on what is pushed.
fn pushes(watchers: &Arc<Watchers>) -> impl Fn(PushInfo) -> Result<(), RedisError> + use<> {
    let watchers = Arc::clone(watchers);
    move |push| {
        if let (PushKind::Message, [_, Value::BulkString(payload)]) = (&push.kind, &*push.data)
            && let Some(change) = push::read(payload)
        {
            watchers.tell(&change);
        }
        Ok(())
    }
}

async fn one(config: &Checked, watchers: &Arc<Watchers>) -> RedisResult<Connection> {
    let node = config.nodes.first().cloned();
    let node =
        node.ok_or_else(|| RedisError::from((redis::ErrorKind::InvalidClientConfig, "no host")))?;
    #[cfg(feature = "tls")]
    let client = match certificates(config) {
        Some(certificates) => Client::build_with_tls(node, certificates)?,
        None => Client::open(node)?,
    };
    #[cfg(not(feature = "tls"))]
    let client = Client::open(node)?;
    let closed = Arc::new(AtomicBool::new(false));
    let (pass_on, ended) = (pushes(watchers), Arc::clone(&closed));
    // The link has one deadline for all of a call.
    let options = AsyncConnectionConfig::new()
        .set_connection_timeout(None)
        .set_response_timeout(None)
        .set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                ended.store(true, Ordering::Relaxed);
            }
            pass_on(push)
        });
    let mut connection = client.get_multiplexed_async_connection_with_config(&options).await?;
    if config.push {
        connection.subscribe(&config.channel).await?;
    }
    Ok(Connection::One { connection, closed })
}

#[cfg(feature = "cluster")]
async fn cluster(config: &Checked, watchers: &Arc<Watchers>) -> RedisResult<Connection> {
    let builder = redis::cluster::ClusterClient::builder(config.nodes.iter().cloned())
        .connection_timeout(config.timeout)
        .response_timeout(config.timeout)
        .use_protocol(redis::ProtocolVersion::RESP3)
        .retries(3)
        .push_sender(pushes(watchers));
    #[cfg(feature = "tls")]
    let builder = match certificates(config) {
        Some(certificates) => builder.certs(certificates),
        None => builder,
    };
    let mut connection = builder.build()?.get_async_connection().await?;
    if config.push {
        connection.subscribe(&config.channel).await?;
    }
    Ok(Connection::Cluster(connection))
}

/// The roots that are trusted, if they are not those of the system.
#[cfg(feature = "tls")]
fn certificates(config: &Checked) -> Option<redis::TlsCertificates> {
    let root_cert = Some(config.roots.as_ref()?.clone().into_bytes());
    Some(redis::TlsCertificates { client_tls: None, root_cert })
}
