//! Servers and clusters of Redis for tests, which may kill them.
//!
//! [`url`] is of one server that all tests of a process share; a [`Server`] or [`Cluster`] is a test's own. They are
//! made from the system's `redis-server`, in a folder for temporary files, on a spare port. They end with the
//! process, however it ends.
//!
//! `TEST_REDIS_URL` names a server for [`url`] instead, of version 7 or later.
#![expect(clippy::print_stderr, reason = "a test says why it is skipped")]

mod cluster;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::{env, fs, process};

use test_way::spare_port;

pub use self::cluster::Cluster;

/// The URL of the server that the tests of this process share. `None`, with a word about it, if there is none.
pub fn url() -> Option<&'static str> {
    static SHARED: OnceLock<Option<(String, Option<Server>)>> = OnceLock::new();
    let shared = SHARED.get_or_init(|| match env::var("TEST_REDIS_URL") {
        Ok(url) => Some((url, None)),
        Err(_) => Server::start(&[]).map(|server| (server.url(), Some(server))),
    });
    shared.as_ref().map(|(url, _)| url.as_str())
}

/// A server of one's own.
#[derive(Debug)]
pub struct Server {
    folder: PathBuf,
    port: u16,
    options: Vec<String>,
    running: Mutex<Option<Child>>,
    /// Ends the server once this process has ended.
    guard: Child,
}

impl Server {
    /// Starts a server with these options, such as `["--appendonly", "yes"]`, in which `{folder}` and `{port}` are
    /// its own. Without any it keeps nothing on disk. `None`, with a word about it, if there is no program.
    ///
    /// # Panics
    ///
    /// If there is a program and it cannot be started.
    pub fn start(options: &[&str]) -> Option<Self> {
        let server = Self::new(options)?;
        server.begin();
        Some(server)
    }

    /// A server that [begins](Self::begin) later. Files can be [written](Self::write) first.
    ///
    /// # Panics
    ///
    /// If there is a program and nothing can be made for it.
    pub fn new(options: &[&str]) -> Option<Self> {
        let version = Command::new("redis-server").arg("--version").output();
        let version = version.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
        let mut major =
            version.iter().filter_map(|text| text.split_once("v=")?.1.split('.').next());
        let major = major.find_map(|major| major.parse::<u32>().ok());
        if major.is_none_or(|major| major < 7) {
            eprintln!("skipped: there is no Redis 7 here (Debian's package redis-server has it)");
            return None;
        }
        let name = env::temp_dir().join(format!("test-redis-{}", process::id()));
        // The first name that is free: tests start servers at the same time.
        let folder = (0..).map(|count| name.with_extension(format!("{count}")));
        let folder = folder.into_iter().find(|folder| fs::create_dir(folder).is_ok())?;
        let guard = Command::new("sh")
            .args(["-c", GUARD, "guard"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell starts");
        let port = spare_port();
        let own = |it: &&str| {
            it.replace("{folder}", &folder.to_string_lossy()).replace("{port}", &port.to_string())
        };
        let options = options.iter().map(own).collect();
        Some(Self { folder, port, options, running: Mutex::new(None), guard })
    }

    /// The URL of the server.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// The port, on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Writes a file into the server's folder.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub fn write(&self, name: &str, contents: &str) {
        fs::write(self.folder.join(name), contents).expect("it is written");
    }

    /// Kills the server with `SIGKILL`, as a machine that loses power would; its disk stays.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub fn kill(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        let mut running = running.expect("it runs");
        running.kill().expect("it is killed");
        running.wait().expect("it has ended");
    }

    /// The process of the server, if it runs.
    pub fn pid(&self) -> Option<String> {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        running.as_ref().map(|child| child.id().to_string())
    }

    /// Starts the server, perhaps again, and waits until it answers.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub fn begin(&self) {
        let mut command = Command::new("redis-server");
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--save", ""]);
        command.arg("--dir").arg(&self.folder).arg("--pidfile").arg(self.folder.join("pid"));
        command.arg("--logfile").arg(self.folder.join("log")).args(&self.options);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("redis-server starts");
        *self.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
        let answers = (0..300).any(|_| self.answers() || pause());
        assert!(answers, "it answers on port {}:\n{}", self.port, self.log());
    }

    /// What the server has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    /// Runs a command of `redis-cli`, and returns what it prints.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    pub fn cli(&self, arguments: &[&str]) -> String {
        let port = self.port.to_string();
        let output = Command::new("redis-cli").args(["-p", &port]).args(arguments).output();
        String::from_utf8_lossy(&output.expect("redis-cli runs").stdout).into_owned()
    }

    /// Whether it answers, or takes connections that are encrypted.
    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", self.port)) else { return false };
        if self.options.iter().any(|option| option == "--tls-port") {
            return true;
        }
        let mut answer = [0; 5];
        let asked = stream.write_all(b"PING\r\n").and_then(|()| stream.read_exact(&mut answer));
        asked.is_ok() && (answer == *b"+PONG" || answer == *b"-NOAU")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut running) = running {
            let _ = running.kill();
            let _ = running.wait();
        }
        // Its input ends, and it does what is to be done.
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Waits until its input ends, which is when this process has ended; then ends the server.
const GUARD: &str = r#"
trap '' INT TERM HUP
read -r _
pid=$(cat "$1/pid" 2>/dev/null) && kill -9 "$pid"
rm -rf "$1"
"#;

/// Waits a moment for another process. It is not what is waited for, and so is always false.
fn pause() -> bool {
    let paused = Command::new("sleep").arg("0.05").status();
    assert!(paused.is_ok(), "there is a `sleep`");
    false
}
