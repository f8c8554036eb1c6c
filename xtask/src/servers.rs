//! The servers that tests start: Postgres, `PgBouncer` and Redis, from the binaries of the system.

use std::env;
use std::path::Path;

use crate::run::Cmd;

/// A program, where systems have it, and Debian's package of it.
const PROGRAMS: &[(&str, &[&str], &str)] = &[
    (
        "Postgres",
        &["/usr/lib/postgresql", "/opt/homebrew/opt/postgresql", "/usr/pgsql"],
        "postgresql",
    ),
    ("PgBouncer", &["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer"], "pgbouncer"),
    ("Redis", &["/usr/bin/redis-server", "/opt/homebrew/bin/redis-server"], "redis-server"),
];

/// Installs what is missing, on Debian as root. Returns the programs that there are not.
pub(crate) fn missing() -> Vec<&'static str> {
    let mut missing = Vec::new();
    for &(program, places, package) in PROGRAMS {
        let there = || {
            let on_path = Cmd::program("initdb").arg("--version");
            places.iter().any(|place| Path::new(place).exists())
                || (program == "Postgres" && (on_path.works() || named()))
        };
        if there() {
            continue;
        }
        if Path::new("/etc/debian_version").exists() && is_root() {
            let install = Cmd::program("apt-get").args(["install", "--yes", package]);
            // Without a network there is none, and the tests say so.
            let _ = install.env("DEBIAN_FRONTEND", "noninteractive").run();
        }
        if !there() {
            missing.push(program);
        }
    }
    missing
}

/// Whether a server for the tests is named.
fn named() -> bool {
    env::var_os("TEST_POSTGRES_URL").is_some()
}

fn is_root() -> bool {
    Cmd::program("id").arg("-u").read().is_ok_and(|id| id.trim() == "0")
}
