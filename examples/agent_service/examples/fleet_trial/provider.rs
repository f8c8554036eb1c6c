//! A provider that is real: it keeps its own books.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use techrevati_runtime::prelude::*;

/// A provider that keeps books of its own: a line is the price of a call.
pub(crate) struct Provider {
    pub(crate) address: String,
    pub(crate) port: u16,
    books: Arc<Mutex<Books>>,
}

#[derive(Default)]
pub(crate) struct Books {
    pub(crate) calls: u64,
    pub(crate) billed: Usd,
    pub(crate) down: bool,
}

impl Provider {
    pub(crate) fn start(thought: Duration) -> Result<Self, BoxError> {
        let listener = TcpListener::bind("0.0.0.0:0")?;
        let port = listener.local_addr()?.port();
        let address = format!("127.0.0.1:{port}");
        let books = Arc::new(Mutex::new(Books::default()));
        let own = Arc::clone(&books);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let books = Arc::clone(&own);
                thread::spawn(move || answer(client, &books, thought));
            }
        });
        Ok(Self { address, port, books })
    }

    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn wait(&self, until: impl Fn(&Books) -> bool) {
        while !until(&self.books()) {
            thread::sleep(Duration::from_millis(20));
        }
    }
}

pub(crate) fn answer(
    mut client: TcpStream,
    books: &Mutex<Books>,
    thought: Duration,
) -> Result<(), BoxError> {
    let mut line = String::new();
    BufReader::new(client.try_clone()?).read_line(&mut line)?;
    let price = Usd::from_nanos(line.trim().parse()?);
    let down = {
        let mut books = books.lock().unwrap_or_else(PoisonError::into_inner);
        books.calls += 1;
        books.billed = books.billed.saturating_add(price);
        books.down
    };
    thread::sleep(thought);
    client.write_all(if down { b"down\n" } else { b"done\n" })?;
    Ok(())
}

/// Makes a call. Returns whether it was answered.
pub(crate) fn ask(provider: &str, price: Usd) -> Result<bool, BoxError> {
    let mut server = TcpStream::connect(provider).map_err(BoxError::from)?;
    writeln!(server, "{}", price.nanos())?;
    let mut said = String::new();
    BufReader::new(server).read_line(&mut said)?;
    Ok(said == "done\n")
}
