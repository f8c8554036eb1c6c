//! Recorded histories of three clients while their server is killed, they are stopped and killed, and take each
//! other's threads. What is checked is in `history`, and it finds a store that does not keep a promise.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command};
use std::{env, fs, process};

use test_postgres::Server;

use crate::case::{Database, wait};
use crate::clients::Game;
use crate::history::{Event, Facts, Line, Promise, broken};

/// What happens to the clients and their server.
struct Faults<'s> {
    server: Option<&'s Server>,
    random: fastrand::Rng,
    number: u32,
    stopped: Option<usize>,
}

fn signal(client: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &client.id().to_string()]).status();
    assert!(sent.is_ok_and(|sent| sent.success()), "{name}");
}

impl Faults<'_> {
    /// The next one. Returns the client that was killed.
    fn strike(&mut self, clients: &mut [(u32, Child)]) -> Option<usize> {
        self.relent(clients);
        let client = self.random.usize(..clients.len());
        self.number += 1;
        match (self.number % 4, self.server) {
            (0, Some(server)) => {
                server.kill();
                server.begin();
            }
            (1, _) => {
                let _ = clients[client].1.kill();
                return Some(client);
            }
            _ => {
                signal(&clients[client].1, "-STOP");
                self.stopped = Some(client);
            }
        }
        None
    }

    /// Lets the client that was stopped go on.
    fn relent(&mut self, clients: &[(u32, Child)]) {
        if let Some(stopped) = self.stopped.take() {
            signal(&clients[stopped].1, "-CONT");
        }
    }
}

/// Lets three clients play, with a fault after each number of lines.
fn played(game: &Game, server: Option<&Server>, (seed, every): (u64, usize)) -> (Vec<Line>, Facts) {
    wait(game.begin(&*game.open()));
    let (reader, writer) = std::io::pipe().unwrap();
    let mut numbers = 1..;
    let mut next = || {
        let number = numbers.next().unwrap();
        (number, game.client(number, &writer))
    };
    let mut clients = [next(), next(), next()];
    let random = fastrand::Rng::with_seed(seed);
    let mut faults = Faults { server, random, number: 0, stopped: None };
    let (mut lines, mut finished) = (Vec::<Line>::new(), BTreeSet::new());
    let mut reader = BufReader::new(reader);
    for line in reader.by_ref().lines() {
        let line = line.unwrap();
        // The test harness of a client writes as well.
        let Some(at) = line.find('{') else { continue };
        let line: Line = serde_json::from_str(&line[at..]).expect(&line);
        if line.event == Event::Finished {
            // From now on nobody is stopped, who may be all that is left.
            faults.relent(&clients);
            finished.insert(line.call.0);
            if clients.iter().all(|(number, _)| finished.contains(number)) {
                break;
            }
            continue;
        }
        lines.push(line);
        if finished.is_empty()
            && lines.len() % every == 0
            && let Some(killed) = faults.strike(&mut clients)
        {
            clients[killed].1.wait().unwrap();
            clients[killed] = next();
        }
    }
    for (number, mut client) in clients {
        assert!(client.wait().unwrap().success(), "client {number}");
    }
    (lines, wait(game.facts(&*game.open())))
}

fn game(database: Database, name: &str, breaks: Option<Promise>) -> Game {
    let on = if database.is_file() { "file" } else { "postgres" };
    let folder = env::temp_dir().join(format!("runtime-durable-{on}-{name}-{}", process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    Game { database, folder, name: name.to_owned(), calls: 200, breaks }
}

/// Plays with these seeds. Each history is good, and the clients did what they are there for.
fn all_good(database: &Database, server: Option<&Server>, seeds: std::ops::Range<u64>) {
    for seed in seeds {
        let game = game(database.clone(), &format!("good-{seed}"), None);
        let (lines, facts) = played(&game, server, (seed, 150));
        assert_eq!(broken(&lines, &facts), [], "seed {seed}");
        let count = |of: fn(&Event) -> bool| lines.iter().filter(|line| of(&line.event)).count();
        let taken = count(|event| matches!(event, Event::Taken { .. }));
        let (done, refused) =
            (count(|event| *event == Event::Done), count(|event| *event == Event::Refused));
        let used = facts.used.len();
        assert!(
            taken > 5 && done > 30 && refused > 30 && used > 0,
            "seed {seed}: {taken}, {done}, {refused}, {used}"
        );
        fs::remove_dir_all(&game.folder).unwrap();
    }
}

/// In how many games a broken promise has to be found: whether clients meet at the right moment is up to the machine.
const GAMES: u64 = 8;

/// A store that does not keep one promise breaks that one.
fn all_caught(database: &Database) {
    for promise in [Promise::OneWriter, Promise::TotalOrder, Promise::UsedOnce] {
        let mut found = BTreeSet::new();
        for seed in 0..GAMES {
            let game = game(database.clone(), &format!("{promise:?}-{seed}"), Some(promise));
            let (lines, facts) = played(&game, None, (seed, usize::MAX));
            fs::remove_dir_all(&game.folder).unwrap();
            found.extend(broken(&lines, &facts).into_iter().map(|it| it.0));
            if found.contains(&promise) {
                break;
            }
        }
        assert!(found.contains(&promise), "{promise:?} was broken, and {found:?} were found");
    }
}

#[test]
fn the_histories_of_a_file_are_good() {
    all_good(&Database::File, None, 0..1);
}

#[test]
fn the_histories_of_a_server_that_is_killed_are_good() {
    let Some(server) = Server::start() else { return };
    all_good(&Database::made(server.url("postgres")), Some(&server), 0..1);
}

#[test]
fn a_store_that_breaks_a_promise_is_caught() {
    all_caught(&Database::File);
}

#[test]
#[ignore = "minutes: `cargo xtask deep`"]
fn many_histories_of_a_file_are_good() {
    all_good(&Database::File, None, 1..20);
}

#[test]
#[ignore = "minutes: `cargo xtask deep`"]
fn many_histories_of_a_server_that_is_killed_are_good() {
    let Some(server) = Server::start() else { return };
    all_good(&Database::made(server.url("postgres")), Some(&server), 1..20);
    all_caught(&Database::made(server.url("postgres")));
}
