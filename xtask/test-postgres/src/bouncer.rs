//! [`Bouncer`]: `PgBouncer` in front of a server.

use std::net::TcpStream;
use std::path::Path;
use std::process::Child;

use crate::{Server, as_server, pause, spare_port};

/// `PgBouncer` in transaction mode in front of a server: each transaction may have another session.
#[derive(Debug)]
pub struct Bouncer {
    child: Child,
    port: u16,
}

impl Bouncer {
    /// Starts one. `None`, with a word about it, if it is not installed.
    ///
    /// # Panics
    ///
    /// If it is installed and cannot be started.
    pub fn start(server: &Server) -> Option<Self> {
        let program = ["/usr/sbin/pgbouncer", "/usr/bin/pgbouncer", "/opt/homebrew/bin/pgbouncer"];
        let Some(program) = program.into_iter().find(|program| Path::new(program).exists()) else {
            eprintln!("skipped: there is no PgBouncer here (Debian's package pgbouncer has it)");
            return None;
        };
        let port = spare_port();
        let settings = format!(
            "[databases]\n* = host=127.0.0.1 port={}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = transaction\n\
             default_pool_size = 3\nserver_reset_query = DISCARD ALL\nserver_reset_query_always = 1\n",
            server.port()
        );
        // `any` takes the role of the database's line.
        let settings = settings.replacen("port=", "user=postgres port=", 1);
        server.write("pgbouncer.ini", &settings);
        let mut command = as_server(program);
        command.arg(server.data().join("pgbouncer.ini"));
        // From now on it ends with its value.
        let bouncer = Self { child: command.spawn().expect("PgBouncer starts"), port };
        let answers = || TcpStream::connect(("127.0.0.1", port)).is_ok();
        assert!((0..100).any(|_| answers() || pause()), "PgBouncer answers on port {port}");
        Some(bouncer)
    }

    /// The URL of the database `postgres`.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
