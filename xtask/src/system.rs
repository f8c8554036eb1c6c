//! What tests take from the system, and is installed on Debian as root: Postgres, `PgBouncer`, Redis,
//! `libfaketime`.

use std::env;
use std::path::{Path, PathBuf};

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
        install(package);
        if !there() {
            missing.push(program);
        }
    }
    missing
}

/// The library that gives a process another clock. Installs it if it is missing, on Debian as root.
pub(crate) fn faketime() -> Option<PathBuf> {
    const LIBRARIES: [&str; 4] = [
        "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib/aarch64-linux-gnu/faketime/libfaketime.so.1",
        "/usr/lib64/faketime/libfaketime.so.1",
        "/usr/lib/faketime/libfaketime.so.1",
    ];

    let there = || LIBRARIES.map(PathBuf::from).into_iter().find(|library| library.exists());
    there().or_else(|| {
        install("libfaketime");
        there()
    })
}

/// Installs a package of Debian, as root. Without a network it is not there, and its tests say so.
fn install(package: &str) {
    if Path::new("/etc/debian_version").exists() && is_root() {
        let install = Cmd::program("apt-get").args(["install", "--yes", package]);
        let _ = install.env("DEBIAN_FRONTEND", "noninteractive").run();
    }
}

/// Whether a server for the tests is named.
fn named() -> bool {
    env::var_os("TEST_POSTGRES_URL").is_some()
}

fn is_root() -> bool {
    Cmd::program("id").arg("-u").read().is_ok_and(|id| id.trim() == "0")
}
