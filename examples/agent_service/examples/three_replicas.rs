//! Three replicas of the service behind one port, and what they share:
//! `cargo run --release --example agent_fleet [postgres|redis]`.
//!
//! It starts a Postgres or a Redis of its own, a model that keeps its own books, and three processes. While
//! they answer, one of them is killed, and later the backend. At the end the books of the model's provider are
//! beside ours: ours may never have less, and nobody may have spent more than the limit.
#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use std::{env, iter};

use agent_service::model::Model;
use agent_service::{Options, run};
use reqwest_0_12::{Client, StatusCode};
use serde_json::json;
use techrevati_runtime::fleet::{AccountPath, AccountState, Accounts, Rules};
use techrevati_runtime::postgres::{PgFleet, PgStore};
use techrevati_runtime::prelude::*;
use techrevati_runtime::redis::RedisFleet;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

const REPLICAS: usize = 3;
/// Clients that ask at the same time.
const CLIENTS: usize = 24;
const BUDGET: Usd = Usd::from_dollars(2);
const THOUGHT: Duration = Duration::from_millis(30);
/// After so many answers a replica is killed, and the backend.
const FIRST_BLOW: u32 = 40;
const SECOND_BLOW: u32 = 80;
/// A client leaves after so many refusals in a row, with pauses between them.
const PERSISTENT: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);
const OUTAGE: Duration = Duration::from_secs(3);
/// The tenant whose money is spent, and the one that asks too often.
const SPENDER: &str = "initech";
const HURRIED: &str = "acme";
const IN_A_HURRY: u32 = 90;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    match arguments.split_first() {
        Some((first, rest)) if first == "replica" => run(Options::read(rest.to_vec())?).await,
        Some((kind, [])) => show(Backend::start(kind)?).await,
        None => show(Backend::start("postgres").or_else(|_| Backend::start("redis"))?).await,
        Some(_) => Err("it takes `postgres` or `redis`".into()),
    }
}

async fn show(backend: Backend) -> Result<(), BoxError> {
    let accounts = backend.accounts().await?;
    let rules = Rules::of(&Limit::enforced(BUDGET));
    let company = AccountPath::new("company")?;
    for account in [company.clone(), AccountPath::new(format!("company/{SPENDER}"))?] {
        accounts.set(&account, &rules).await?;
    }
    println!("backend    {}", backend.url());

    let model = Model::start(THOUGHT).await?;
    let mut replicas = Vec::new();
    for _ in 0..REPLICAS {
        replicas.push(Replica::start(&backend.url(), model.url())?);
    }
    let port = Port::open(replicas.iter().map(|replica| replica.address.clone()).collect()).await?;
    println!("service    {} → {REPLICAS} replicas", port.url);

    let load = Arc::new(Load::new(port.url)?);
    println!("{HURRIED}       {IN_A_HURRY} questions at once, 60 a minute for the whole fleet");
    let hurried = load.hurry().await;
    println!("           {} were taken, {} refused with 429", hurried.0, hurried.1);

    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(Arc::clone(&load).ask())).collect();
    load.answered(FIRST_BLOW).await;
    replicas.remove(0).kill();
    println!("kill -9    of a replica, with its calls under way");
    load.answered(SECOND_BLOW).await;
    backend.kill();
    println!("kill -9    of the backend; it is back after {} s", OUTAGE.as_secs());
    sleep(OUTAGE).await;
    backend.begin();
    for client in clients {
        client.await?;
    }
    println!("{SPENDER}    {} answers, then its money was spent", load.answers());

    // What the killed replica held counts as spent, once its time is over.
    settled(&*accounts, &company, |state| state.members < u32::try_from(REPLICAS).unwrap_or(0))
        .await?;
    let (degraded, recovered) = changes(&replicas).await?;
    for replica in &mut replicas {
        replica.terminate()?;
    }
    let ours = settled(&*accounts, &company, |state| state.granted.is_zero()).await?;
    let (calls, theirs) = model.billed();
    println!("backend    {degraded} times away for a replica, {recovered} times back\n");
    println!("the provider's books   {theirs:>12}   {calls} calls");
    println!("ours                   {:>12}   of which {} estimated", ours.spent, ours.estimated);
    println!("the limit              {:>12}", ours.rules.amount);
    let known = ours.spent.saturating_sub(ours.estimated);
    println!(
        "\nOf {known} we have the provider's answer. Of the calls that were killed or cut off nobody has: what\n\
         they had reserved counts as spent, as an estimate, and the provider has billed a part of it."
    );
    if theirs < known || theirs > ours.spent || ours.spent > ours.rules.amount {
        return Err("the books do not agree".into());
    }
    Ok(())
}

/// Waits until the backend has an account as it is to be.
async fn settled(
    accounts: &dyn Accounts,
    account: &AccountPath,
    done: impl Fn(&AccountState) -> bool,
) -> Result<AccountState, BoxError> {
    loop {
        match accounts.account(account).await {
            Ok(Some(state)) if done(&state) => return Ok(state),
            _ => sleep(Duration::from_millis(200)).await,
        }
    }
}

/// How often replicas have lost the backend, and found it again, by their metrics.
async fn changes(replicas: &[Replica]) -> Result<(u32, u32), BoxError> {
    let http = Client::builder().no_proxy().build()?;
    let (mut degraded, mut recovered) = (0, 0);
    for replica in replicas {
        let url = format!("http://{}/metrics", replica.address);
        let text = http.get(url).send().await?.text().await?;
        let count = |event: &str| -> u32 {
            let lines = text.lines().filter(|line| line.contains(event) && !line.starts_with('#'));
            let numbers = lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u32>().ok());
            numbers.sum()
        };
        degraded += count("degraded");
        recovered += count("recovered");
    }
    Ok((degraded, recovered))
}

/// A server of this program's own.
enum Backend {
    Postgres(test_postgres::Server),
    Redis(test_redis::Server),
}

impl Backend {
    fn start(kind: &str) -> Result<Self, BoxError> {
        match kind {
            "postgres" => test_postgres::Server::start().map(Self::Postgres),
            // A grant that was acknowledged survives the server.
            "redis" => {
                test_redis::Server::start(&["--appendonly", "yes", "--appendfsync", "always"])
                    .map(Self::Redis)
            }
            other => return Err(format!("`{other}` is no backend: `postgres` or `redis`").into()),
        }
        .ok_or_else(|| format!("there is no {kind} here").into())
    }

    fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url("postgres"),
            Self::Redis(server) => server.url(),
        }
    }

    async fn accounts(&self) -> Result<Box<dyn Accounts>, BoxError> {
        let url = self.url();
        Ok(match self {
            Self::Postgres(_) => {
                PgStore::migrate(&url).await?;
                Box::new(PgFleet::connect(&url).await?)
            }
            Self::Redis(_) => Box::new(RedisFleet::connect(&*url).await?),
        })
    }

    fn kill(&self) {
        match self {
            Self::Postgres(server) => server.kill(),
            Self::Redis(server) => server.kill(),
        }
    }

    fn begin(&self) {
        match self {
            Self::Postgres(server) => server.begin(),
            Self::Redis(server) => server.begin(),
        }
    }
}

/// A process of the service.
struct Replica {
    process: Child,
    address: String,
}

impl Replica {
    fn start(fleet: &str, model: &str) -> Result<Self, BoxError> {
        let mut process = Command::new(env::current_exe()?)
            .args(["replica", "127.0.0.1:0", "--fleet", fleet, "--model", model])
            .stdout(Stdio::piped())
            .spawn()?;
        let said = process.stdout.take().ok_or("its output is not piped")?;
        let mut url = String::new();
        let mut said = BufReader::new(said);
        said.read_line(&mut url)?;
        // Read to its end, so that it can go on writing.
        std::thread::spawn(move || said.lines().for_each(drop));
        let address = url.trim().strip_prefix("http://").ok_or("a replica did not start")?;
        Ok(Self { address: address.to_owned(), process })
    }

    fn kill(mut self) {
        let _ = self.process.kill();
    }

    fn terminate(&mut self) -> Result<(), BoxError> {
        Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status()?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A port before all replicas. A connection that a replica does not take goes to the next one.
struct Port {
    url: String,
}

impl Port {
    async fn open(replicas: Vec<String>) -> Result<Self, BoxError> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        tokio::spawn(async move {
            let mut turn = 0;
            while let Ok((mut client, _)) = listener.accept().await {
                turn += 1;
                let order: Vec<_> = (turn..turn + replicas.len())
                    .map(|at| replicas[at % replicas.len()].clone())
                    .collect();
                tokio::spawn(async move {
                    for replica in order {
                        if let Ok(mut replica) = TcpStream::connect(replica).await {
                            let _ = copy_bidirectional(&mut client, &mut replica).await;
                            return;
                        }
                    }
                });
            }
        });
        Ok(Self { url })
    }
}

/// Clients of the service.
struct Load {
    http: Client,
    url: String,
    answers: AtomicU32,
}

/// What became of a question.
enum Asked {
    Answered,
    TooOften,
    /// There is no money. Another replica may have some, and gives it back.
    Refused,
    /// A replica is gone, or the backend.
    NotNow,
}

impl Load {
    fn new(url: String) -> Result<Self, BoxError> {
        // Each question has a connection of its own, and so a replica.
        let http = Client::builder().no_proxy().pool_max_idle_per_host(0).build()?;
        Ok(Self { http, url, answers: AtomicU32::new(0) })
    }

    /// All questions of a tenant that is in a hurry: how many were taken, and refused.
    async fn hurry(self: &Arc<Self>) -> (u32, u32) {
        let asked: Vec<_> = iter::repeat_with(|| {
            let load = Arc::clone(self);
            tokio::spawn(async move { load.question(HURRIED).await })
        })
        .take(IN_A_HURRY as usize)
        .collect();
        let (mut taken, mut refused) = (0, 0);
        for asked in asked {
            match asked.await {
                Ok(Asked::TooOften) => refused += 1,
                _ => taken += 1,
            }
        }
        (taken, refused)
    }

    /// Asks until the money is spent.
    async fn ask(self: Arc<Self>) {
        let mut refused = 0;
        while refused < PERSISTENT {
            match self.question(SPENDER).await {
                Asked::Answered => {
                    // Relaxed: the number guards no other memory.
                    self.answers.fetch_add(1, Ordering::Relaxed);
                    refused = 0;
                }
                Asked::Refused => refused += 1,
                Asked::TooOften | Asked::NotNow => refused = 0,
            }
            if refused > 0 {
                sleep(PAUSE).await;
            }
        }
    }

    async fn question(&self, tenant: &str) -> Asked {
        let order = json!({ "tenant": tenant, "question": "Where is order A-7?" });
        let sent = self.http.post(format!("{}/runs?stream=1", self.url)).json(&order).send().await;
        let Ok(reply) = sent else { return Asked::NotNow };
        if reply.status() == StatusCode::TOO_MANY_REQUESTS {
            return Asked::TooOften;
        }
        let Ok(text) = reply.text().await else { return Asked::NotNow };
        match text.rsplit("data: ").next().unwrap_or_default() {
            end if end.contains("\"answer\"") => Asked::Answered,
            end if end.contains("refused") && !end.contains("cannot be reached") => Asked::Refused,
            _ => Asked::NotNow,
        }
    }

    fn answers(&self) -> u32 {
        self.answers.load(Ordering::Relaxed)
    }

    async fn answered(&self, count: u32) {
        while self.answers() < count {
            sleep(Duration::from_millis(10)).await;
        }
    }
}
