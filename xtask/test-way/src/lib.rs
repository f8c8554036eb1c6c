//! What tests with servers of their own have in common: a [port](spare_port), and a [`Way`] that can fall silent.

use std::io::{self, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU32, Ordering};
use std::thread;

/// A port of 127.0.0.1 for a server that is started later. No other test of this process is given it, and a system
/// gives it to nobody who asks for any port.
///
/// # Panics
///
/// If all are in use.
pub fn spare_port() -> u16 {
    /// Below those that Linux, macOS and Windows give out themselves.
    const PORTS: Range<u32> = 10_240..32_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Another process begins elsewhere.
    let begin = process::id().wrapping_mul(617);
    for _ in PORTS {
        // Relaxed: each number is drawn once, and guards nothing.
        let place = begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + place % (PORTS.end - PORTS.start);
        let port = u16::try_from(port).expect("it is below 32,000");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port of {PORTS:?} is free");
}

/// A way to a server on which connections can be made to fall silent, without an end.
#[derive(Debug)]
pub struct Way {
    port: u16,
    /// The server's.
    to: Arc<AtomicU16>,
    /// Connections of an earlier age say nothing any more. Of an odd age, none do.
    age: Arc<AtomicU32>,
    /// The same for what the server answers.
    answers: Arc<AtomicU32>,
}

impl Way {
    /// A way to a port of 127.0.0.1.
    ///
    /// # Panics
    ///
    /// If there is no port for it.
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("there is a port");
        let port = listener.local_addr().expect("it has an address").port();
        let age = Arc::new(AtomicU32::new(0));
        let answers = Arc::new(AtomicU32::new(0));
        let (now, answering) = (Arc::clone(&age), Arc::clone(&answers));
        let to = Arc::new(AtomicU16::new(server));
        let leads_to = Arc::clone(&to);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let server = ("127.0.0.1", leads_to.load(Ordering::Relaxed));
                let Ok(server) = TcpStream::connect(server) else { continue };
                let of_client = (client.try_clone(), server.try_clone());
                let (Ok(from), Ok(to)) = of_client else { continue };
                carry(from, server, [&now, &now]);
                carry(to, client, [&now, &answering]);
            }
        });
        Self { port, to, age, answers }
    }

    /// Its port, on 127.0.0.1.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// New connections lead to another port.
    pub fn lead_to(&self, server: u16) {
        // Relaxed: nothing but the number itself is told.
        self.to.store(server, Ordering::Relaxed);
    }

    /// Nothing comes through the connections that there are, and both ends stay open.
    pub fn silence(&self) {
        // Relaxed: nothing but the number itself is told.
        self.age.fetch_add(2, Ordering::Relaxed);
    }

    /// Nothing comes through new connections either, until it [opens](Self::open).
    pub fn close(&self) {
        self.age.fetch_add(1, Ordering::Relaxed);
    }

    /// New connections come through again.
    pub fn open(&self) {
        self.age.fetch_add(1, Ordering::Relaxed);
    }

    /// What is said reaches the server, and its answers are lost, on all connections until they
    /// [come again](Self::answer).
    pub fn lose_answers(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }

    /// The answers on new connections come through again.
    pub fn answer(&self) {
        self.answers.fetch_add(1, Ordering::Relaxed);
    }
}

impl Way {
    /// Loses calls until one of its own has no answer: the even ones on their way to the server, the odd ones on
    /// their way back.
    pub async fn lose(&self, number: u64, is_answered: impl AsyncFn() -> bool) {
        let backwards = !number.is_multiple_of(2);
        if backwards {
            self.lose_answers();
        } else {
            self.close();
        }
        while is_answered().await {}
        if backwards { self.answer() } else { self.open() }
    }
}

/// Carries what is read from one end to the other, while the way is of these ages.
fn carry(mut from: TcpStream, mut to: TcpStream, ages: [&Arc<AtomicU32>; 2]) {
    let ages = ages.map(|age| (Arc::clone(age), age.load(Ordering::Relaxed)));
    thread::spawn(move || -> io::Result<()> {
        let mut bytes = [0; 4096];
        loop {
            let count = from.read(&mut bytes)?;
            let silent = |(age, born): &(Arc<AtomicU32>, u32)| {
                born % 2 == 1 || age.load(Ordering::Relaxed) != *born
            };
            if ages.iter().any(silent) {
                // It keeps both ends until this process has ended.
                loop {
                    thread::park();
                }
            }
            if count == 0 {
                return to.shutdown(std::net::Shutdown::Both);
            }
            to.write_all(bytes.get(..count).unwrap_or_default())?;
        }
    });
}
