//! Servers of Postgres for tests, which may kill them.
//!
//! [`url`] is of one server that all tests of a process share; a [`Server`] is a test's own. Both are made from
//! the binaries of the system, in a folder for temporary files, on a spare port. They end with the process,
//! however it ends.
//!
//! `TEST_POSTGRES_URL` names a server for [`url`] instead: one with the rights of a superuser, on which the
//! tests make schemas and roles.
#![expect(clippy::print_stderr, reason = "a test says why it is skipped")]

mod bouncer;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::{env, fs, process};

use test_way::spare_port;

pub use self::bouncer::Bouncer;

/// The URL of the server that the tests of this process share. `None`, with a word about it, if there is none.
pub fn url() -> Option<&'static str> {
    static SHARED: OnceLock<Option<(String, Option<Server>)>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| match env::var("TEST_POSTGRES_URL") {
        Ok(url) => Some((url, None)),
        Err(_) => Server::start().map(|server| (server.url("postgres"), Some(server))),
    });
    shared.as_ref().map(|(url, _)| url.as_str())
}

/// The folder of the server's binaries: of `pg_config`, or where systems have them.
pub fn binaries() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok();
    let named = output.and_then(|output| String::from_utf8(output.stdout).ok());
    let mut folders: Vec<PathBuf> = named.iter().map(|folder| folder.trim().into()).collect();
    for (above, below) in [
        ("/usr/lib/postgresql", "bin"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
        ("/usr", "pgsql/bin"),
    ] {
        let Ok(entries) = fs::read_dir(above) else { continue };
        let mut found: Vec<_> = entries.flatten().map(|entry| entry.path().join(below)).collect();
        found.sort_by_key(|folder| std::cmp::Reverse(version(folder)));
        folders.extend(found);
    }
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// The version in the name of a folder such as `/usr/lib/postgresql/15/bin`.
fn version(folder: &Path) -> u32 {
    let above = folder.parent().and_then(Path::file_name).and_then(OsStr::to_str);
    let digits = above.map(|name| name.trim_start_matches(|it: char| !it.is_ascii_digit()));
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// A server of one's own.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    port: u16,
    binaries: PathBuf,
    /// Ends the server once this process has ended.
    guard: Child,
}

impl Server {
    /// Starts a server. `None`, with a word about it, if there are no binaries.
    ///
    /// Everybody who connects over TCP is let in, but a role named `secret` needs its password.
    ///
    /// # Panics
    ///
    /// If it has binaries and cannot be started.
    pub fn start() -> Option<Self> {
        let Some(binaries) = binaries() else {
            eprintln!("skipped: there is no Postgres here (Debian's package postgresql has one)");
            return None;
        };
        let server = Self::empty(binaries);
        server.initialise();
        server.begin();
        Some(server)
    }

    /// A server without a database.
    fn empty(binaries: PathBuf) -> Self {
        let name = env::temp_dir().join(format!("test-postgres-{}", process::id()));
        let folder = (0..).map(|count| name.with_extension(format!("{count}")));
        // The first name that is free: tests start servers at the same time.
        let folder = folder.into_iter().find(|folder| fs::create_dir(folder).is_ok());
        let folder = folder.expect("there is a folder for temporary files");
        owned(&folder);
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        Self { folder, port: spare_port(), binaries, guard }
    }

    /// A standby that follows this server over a port of 127.0.0.1, once it has all that there is.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    #[must_use]
    pub fn standby(&self, port: u16) -> Self {
        let server = Self::empty(self.binaries.clone());
        let program = self.binaries.join("pg_basebackup").to_string_lossy().into_owned();
        let mut backup = as_server(&program);
        backup.args(["-h", "127.0.0.1", "-U", "postgres", "-p", &port.to_string()]);
        backup.args(["--write-recovery-conf", "--checkpoint=fast", "-D"]).arg(server.data());
        run(&mut backup);
        server.configure(&format!("port = {}", server.port));
        server.begin();
        server
    }

    /// Makes a standby the primary.
    pub fn promote(&self) {
        self.control(&["promote", "-w"]);
    }

    /// Takes what was [configured](Self::configure), as far as a server takes it while it runs.
    pub fn reload(&self) {
        self.control(&["reload"]);
    }

    /// The URL of the database `postgres` for this role.
    pub fn url(&self, role: &str) -> String {
        format!("postgres://{role}@127.0.0.1:{}/postgres", self.port)
    }

    /// The port, on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server with `SIGKILL`, as a machine that loses power would; its disk stays.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub fn kill(&self) {
        let pid = self.pid().expect("it runs");
        let killed = Command::new("kill").args(["-9", &pid]).status();
        assert!(killed.is_ok_and(|status| status.success()), "process {pid} is killed");
    }

    /// Stops the server, and lets nobody finish.
    pub fn stop(&self) {
        self.control(&["stop", "-m", "immediate"]);
    }

    /// Starts the server again, and waits until it answers.
    pub fn begin(&self) {
        let log = self.folder.join("log");
        self.control(&["start", "-w", "-t", "60", "-l", &log.to_string_lossy()]);
    }

    /// Adds lines to `postgresql.conf`, for the next [`begin`](Self::begin).
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub fn configure(&self, lines: &str) {
        let path = self.data().join("postgresql.conf");
        let before = fs::read_to_string(&path).expect("it has a configuration");
        fs::write(&path, format!("{before}\n{lines}\n")).expect("it is written");
    }

    /// Writes a file into the server's folder, readable by the server alone.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub fn write(&self, name: &str, contents: &str) {
        let path = self.data().join(name);
        fs::write(&path, contents).expect("it is written");
        let only_owner = Command::new("chmod").arg("600").arg(&path).status();
        assert!(only_owner.is_ok_and(|status| status.success()), "{name} is the owner's");
        owned(&path);
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn initialise(&self) {
        let data = self.data();
        let initdb = self.binaries.join("initdb").to_string_lossy().into_owned();
        let options = ["-U", "postgres", "--auth=trust", "--no-sync", "-E", "UTF8", "--locale=C"];
        let mut initdb = as_server(&initdb);
        initdb.arg("-D").arg(&data).args(options);
        run(&mut initdb);
        self.configure(&format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nmax_connections = 50",
            self.port
        ));
        self.write(
            "pg_hba.conf",
            "host all secret all scram-sha-256\nhost all,replication all all trust\n",
        );
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// The process of the server, if it runs.
    pub fn pid(&self) -> Option<String> {
        let text = fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        text.lines().next().map(str::to_owned)
    }

    fn control(&self, arguments: &[&str]) {
        let control = self.binaries.join("pg_ctl").to_string_lossy().into_owned();
        let mut command = as_server(&control);
        command.arg("-D").arg(self.data()).args(arguments);
        // The children of a killed server may still be there for a moment, and the next one waits for them.
        for _ in 0..100 {
            if command.status().is_ok_and(|status| status.success()) {
                return;
            }
            pause();
        }
        panic!("pg_ctl {arguments:?} failed:\n{}", self.log());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its input ends, and it does what is to be done.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Waits until its input ends, which is when this process has ended; then ends the server.
const GUARD: &str = r#"
trap '' INT TERM HUP
read -r _
pid=$(head -n 1 "$1/data/postmaster.pid" 2>/dev/null) && kill -QUIT "$pid"
for _ in 1 2 3 4 5; do kill -0 "$pid" 2>/dev/null || break; sleep 0.2; done
rm -rf "$1"
"#;

/// A program as the user of the server: Postgres refuses to run as root.
fn as_server(program: &str) -> Command {
    let mut command = match server_user() {
        Some(user) => {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={user}"), format!("--regid={user}")]);
            command.args(["--clear-groups", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    };
    command.current_dir(env::temp_dir()).env("LC_ALL", "C");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The user of the server, if we are root.
fn server_user() -> Option<&'static str> {
    let id = |arguments: &[&str]| Command::new("id").args(arguments).output().ok();
    let root = id(&["-u"]).is_some_and(|output| output.stdout == b"0\n");
    let postgres = || id(&["-u", "postgres"]).is_some_and(|output| output.status.success());
    root.then(|| if postgres() { "postgres" } else { "nobody" })
}

/// Gives a file to the user of the server.
fn owned(path: &Path) {
    if let Some(user) = server_user() {
        run(Command::new("chown").arg(user).arg(path));
    }
}

fn run(command: &mut Command) {
    let output = command.stdout(Stdio::piped()).stderr(Stdio::piped()).output();
    let output = output.unwrap_or_else(|error: io::Error| panic!("{command:?}: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
}

/// Waits a moment for another process. It is not what is waited for, and so is always false.
fn pause() -> bool {
    let paused = Command::new("sleep").arg("0.1").status();
    assert!(paused.is_ok(), "there is a `sleep`");
    false
}
