//! The functions that the server runs.

use std::sync::LazyLock;

use redis::{Cmd, RedisError, RedisResult, Value, cmd};

use runtime_fleet::link::print_of;

use crate::connection::Connection;

const LUA: &str = concat!(
    include_str!("functions/1_breakers_and_limits.lua"),
    include_str!("functions/2_grants.lua"),
    include_str!("functions/3_accounts.lua"),
);

/// The name of the library, and what those of its functions begin with. It is another one for another text: programs
/// of two builds use one server side by side, and none replaces, or has to do with, what another one loaded.
static NAME: LazyLock<String> = LazyLock::new(|| format!("techrevati_fleet_{}", print_of(LUA)));

/// A call of a function.
pub(crate) fn call(function: &str, keys: &[String]) -> Cmd {
    let mut command = cmd("FCALL");
    command.arg(format!("{}_{function}", *NAME)).arg(keys.len()).arg(keys);
    command
}

/// Whether a function is not there: the server is new, or came back without it.
pub(crate) fn is_absent(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.contains("Function not found"))
}

/// Whether a function has failed, since what it found is not what it wrote.
fn has_failed(error: &RedisError) -> bool {
    let within = |detail: &str| detail.contains(&format!("script: {}", *NAME));
    error.code() == Some("ERR") && error.detail().is_some_and(within)
}

/// Whether what somebody else has put at the key is what has failed.
pub(crate) fn is_of_its_key(error: &RedisError) -> bool {
    error.code() == Some("WRONGTYPE") || has_failed(error)
}

/// Loads the library, on all primaries of a cluster.
pub(crate) async fn load(connection: &Connection) -> RedisResult<()> {
    let mut command = cmd("FUNCTION");
    command.arg("LOAD").arg(LUA.replace("@LIBRARY", &NAME));
    match connection.query(&command).await {
        Ok(Value::ServerError(error)) => Err(error.into()),
        Ok(_) => Ok(()),
        // Another process was faster; or, of a cluster, on another node.
        Err(error) if error.detail().is_some_and(|it| it.contains("already exists")) => Ok(()),
        Err(error) => Err(error),
    }
}
