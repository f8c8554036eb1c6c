//! The server of Restate and the handler as processes. The handler is killed in the middle of a payment.
//!
//! `RESTATE_SERVER` is the server's program: `cargo xtask world restate` installs it.

use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::{env, fs, process, thread};

use reqwest::blocking::{Client, Response};
use serde_json::json;

/// What was started, and ends with the test.
struct World {
    folder: PathBuf,
    server: Child,
    handler: Child,
    ports: Ports,
}

#[derive(Clone, Copy)]
struct Ports {
    ingress: u16,
    admin: u16,
    node: u16,
    handler: u16,
}

impl Ports {
    fn spare() -> Self {
        // All at once, so that they differ.
        let held = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let [ingress, admin, node, handler] = held.map(|it| it.local_addr().unwrap().port());
        Self { ingress, admin, node, handler }
    }
}

fn quiet(command: &mut Command) -> Child {
    command.stdout(Stdio::null()).stderr(Stdio::null()).stdin(Stdio::null()).spawn().unwrap()
}

fn server(program: &str, folder: &Path, ports: Ports) -> Child {
    let retries = "[default-retry-policy]\ninitial-interval = \"100ms\"\nmax-interval = \"1s\"\n";
    let at = |port: u16| format!("127.0.0.1:{port}");
    let config = format!(
        "disable-telemetry = true\ndefault-num-partitions = 1\nlisten-mode = \"tcp\"\nbind-address = \"{}\"\n\
         {retries}[ingress]\nbind-address = \"{}\"\n[admin]\nbind-address = \"{}\"\n",
        at(ports.node),
        at(ports.ingress),
        at(ports.admin)
    );
    let file = folder.join("restate.toml");
    fs::File::create(&file).unwrap().write_all(config.as_bytes()).unwrap();
    let mut command = Command::new(program);
    quiet(command.arg("--config-file").arg(file).arg("--base-dir").arg(folder.join("data")))
}

fn handler(folder: &Path, ports: Ports) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_restate"));
    let port = ports.handler.to_string();
    let child = quiet(command.env("PORT", port).env("BOOKS", folder.join("books")));
    until("the handler listens", || TcpStream::connect(("127.0.0.1", ports.handler)).is_ok());
    child
}

/// Waits for a fact, for at most a minute.
fn until(fact: &str, mut is_so: impl FnMut() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        // Other processes work meanwhile.
        assert!(Command::new("sleep").arg("0.1").status().unwrap().success());
    }
    panic!("in a minute it did not come to this: {fact}");
}

impl World {
    /// `None`, with a word about it, if there is no server.
    fn new(name: &str) -> Option<Self> {
        let Ok(program) = env::var("RESTATE_SERVER") else {
            println!("skipped: RESTATE_SERVER names no server (`cargo xtask world restate`)");
            return None;
        };
        let folder = env::temp_dir().join(format!("durable-restate-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let ports = Ports::spare();
        let server = server(&program, &folder, ports);
        let handler = handler(&folder, ports);
        let world = Self { folder, server, handler, ports };
        let client = Client::new();
        let deployments = format!("http://127.0.0.1:{}/deployments", ports.admin);
        let uri = json!({ "uri": format!("http://127.0.0.1:{}", ports.handler) });
        until("the handler is registered", || {
            let sent = client.post(&deployments).json(&uri).send();
            sent.is_ok_and(|answer| answer.status().is_success())
        });
        Some(world)
    }

    /// Kills the handler, and starts another one.
    fn killed(&mut self) {
        self.handler.kill().unwrap();
        self.handler.wait().unwrap();
        self.handler = handler(&self.folder, self.ports);
    }

    fn books(&self) -> Vec<String> {
        let books = fs::read_to_string(self.folder.join("books")).unwrap_or_default();
        books.lines().map(str::to_owned).collect()
    }

    fn count(&self, word: &str) -> usize {
        self.books().iter().filter(|line| line.starts_with(word)).count()
    }

    /// Asks for an order, and waits for its answer on a thread of its own.
    fn ask(&self, order: &str) -> thread::JoinHandle<Option<String>> {
        let url = format!("http://127.0.0.1:{}/Clerk/work_on", self.ports.ingress);
        let (order, client) = (json!(order), Client::builder().timeout(None));
        let client = client.build().unwrap();
        thread::spawn(move || {
            let said = client.post(url).json(&order).send().and_then(Response::text);
            said.ok().map(|said| serde_json::from_str(&said).expect(&said))
        })
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for child in [&mut self.handler, &mut self.server] {
            let _ = child.kill();
            let _ = child.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

#[test]
fn an_order_is_paid_once_although_its_handler_is_killed_in_the_payment() {
    let Some(mut world) = World::new("killed") else { return };
    let hold = world.folder.join("hold");
    fs::write(&hold, "").unwrap();
    let asked = world.ask("order 4711");
    until("the payment is under way", || world.count("paid") == 1);

    // The next handler finds that it is paid, and pays nobody.
    world.killed();
    assert_eq!(asked.join().unwrap().unwrap(), "order 4711: paid 12, thanks");
    // The payment was found at the other side, and the plan in the journal.
    let books = world.books();
    assert_eq!(world.count("paid"), 1, "{books:?}");
    assert_eq!(world.count("asked order 4711"), 1, "{books:?}");
    assert_eq!(world.count("asked thanks"), 1, "{books:?}");
}

#[test]
fn the_server_may_be_killed_as_well() {
    let Some(mut world) = World::new("server") else { return };
    let hold = world.folder.join("hold");
    fs::write(&hold, "").unwrap();
    // Whoever asked hears nothing more, and the invocation goes on.
    drop(world.ask("order 4712"));
    until("the payment is under way", || world.count("paid") == 1);

    world.server.kill().unwrap();
    world.server.wait().unwrap();
    fs::remove_file(&hold).unwrap();
    let program = env::var("RESTATE_SERVER").unwrap();
    world.server = server(&program, &world.folder, world.ports);
    until("the order is done", || world.count("asked thanks") == 1);
    let books = world.books();
    assert_eq!((world.count("paid"), world.count("asked order")), (1, 1), "{books:?}");
}

#[test]
fn a_handler_that_is_killed_twice_in_the_payment_asks_for_the_same_steps() {
    let Some(mut world) = World::new("twice") else { return };
    let (late, hold) = (world.folder.join("late"), world.folder.join("hold"));
    fs::write(&late, "").unwrap();
    fs::write(&hold, "").unwrap();
    let asked = world.ask("order 4713");
    until("the payment begins", || world.count("pays") == 1);
    world.killed();
    until("the payment begins again", || world.count("pays") == 2);
    fs::remove_file(&late).unwrap();
    until("it is made", || world.count("paid") == 1);
    // It is found, and what the second handler had announced is in the journal behind it.
    world.killed();
    assert_eq!(asked.join().unwrap().unwrap(), "order 4713: paid 12, thanks");
    let books = world.books();
    assert_eq!((world.count("paid"), world.count("asked order")), (1, 1), "{books:?}");
}
