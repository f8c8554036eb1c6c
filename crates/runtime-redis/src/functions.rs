//! The functions that the server runs.

use redis::{Cmd, RedisError, RedisResult, Value, cmd};

use crate::connection::Connection;

/// The library, whose name has its version: programs of two versions use one server side by side, and none replaces
/// what another one loaded.
const LIBRARY: &str = concat!(
    include_str!("functions/1_breakers_and_limits.lua"),
    include_str!("functions/2_grants.lua"),
    include_str!("functions/3_accounts.lua"),
);

/// A call of a function.
pub(crate) fn call(function: &str, keys: &[String]) -> Cmd {
    let mut command = cmd("FCALL");
    command.arg(format!("techrevati_fleet_1_{function}")).arg(keys.len()).arg(keys);
    command
}

/// Whether a function is not there: the server is new, or came back without it.
pub(crate) fn is_absent(error: &RedisError) -> bool {
    error.detail().is_some_and(|detail| detail.contains("Function not found"))
}

/// Loads the library, on all primaries of a cluster.
pub(crate) async fn load(connection: &Connection) -> RedisResult<()> {
    let mut command = cmd("FUNCTION");
    command.arg("LOAD").arg(LIBRARY);
    match connection.query(&command).await {
        Ok(Value::ServerError(error)) => Err(error.into()),
        Ok(_) => Ok(()),
        // Another process was faster; or, of a cluster, on another node.
        Err(error) if error.detail().is_some_and(|it| it.contains("already exists")) => Ok(()),
        Err(error) => Err(error),
    }
}
