//! A scripted provider on a real socket.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::http::{Connection, Headers, lines};
use super::reply::Reply;

/// A server that sends its next reply to each request, and records the requests. After the script
/// it closes connections without a reply.
///
/// Dropping it ends it with all its connections.
#[derive(Debug)]
pub(crate) struct Server {
    addr: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

/// A recorded request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Headers,
    pub(crate) body: String,
}

#[derive(Debug)]
struct State {
    script: Mutex<VecDeque<Reply>>,
    requests: watch::Sender<Vec<Request>>,
}

impl Server {
    /// Starts on a free port.
    pub(crate) async fn start(script: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port is free");
        let addr = listener.local_addr().expect("it is bound");
        let script = Mutex::new(script.into_iter().collect());
        let state = Arc::new(State { script, requests: watch::Sender::new(Vec::new()) });
        let task = tokio::spawn(accept(listener, Arc::clone(&state)));
        Self { addr, state, task }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.addr
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.addr)
    }

    /// The requests so far, in order.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.state.requests.borrow().clone()
    }

    /// The requested paths so far, in order.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.state.requests.borrow().iter().map(|request| request.path.clone()).collect()
    }

    /// Waits for this number of requests.
    pub(crate) async fn received(&self, count: usize) {
        let mut requests = self.state.requests.subscribe();
        let asked = requests.wait_for(|requests| requests.len() >= count).await;
        asked.expect("the server holds the other end");
    }

    /// The number of replies that are left.
    pub(crate) fn left(&self) -> usize {
        self.state.script.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl State {
    fn next(&self) -> Reply {
        let next = self.script.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        next.unwrap_or(Reply::Closed)
    }
}

/// Owns the connections, so that they end with it.
async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = Arc::clone(&state);
        connections.spawn(async move {
            // A client that has gone away is not an error.
            let _ = serve(stream, &state).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Replies to one request. The request is read to its end first: closing a connection with unread
/// data would discard the reply.
async fn serve(stream: TcpStream, state: &State) -> io::Result<()> {
    let mut connection = Connection::new(stream);
    let message = connection.read().await?;
    let request = Request {
        method: message.word(0).to_owned(),
        path: message.word(1).to_owned(),
        headers: message.headers.clone(),
        body: String::from_utf8_lossy(&message.body).into_owned(),
    };
    // The reply is taken under the lock of the requests, so that both have the same order.
    let mut reply = Reply::Closed;
    state.requests.send_modify(|requests| {
        reply = state.next();
        requests.push(request);
    });
    match reply {
        Reply::Whole { status, headers, body } => {
            let head = head(status, &headers, body.len());
            connection.write(&[head.as_bytes(), body.as_bytes()].concat()).await
        }
        Reply::Cut { status, headers, body } => {
            let head = head(status, &headers, body.len());
            let half = &body.as_bytes()[..body.len() / 2];
            connection.write(&[head.as_bytes(), half].concat()).await
        }
        Reply::Stream { form, parts, whole } => {
            let kind = form.content_type();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n"
            );
            connection.write(head.as_bytes()).await?;
            for part in &parts {
                connection.write_chunk(&form.write(part)).await?;
            }
            if whole { connection.write_chunk("").await } else { Ok(()) }
        }
        Reply::Closed => Ok(()),
        Reply::Hang => std::future::pending().await,
    }
}

fn head(status: u16, headers: &Headers, length: usize) -> String {
    let headers = lines(headers);
    format!(
        "HTTP/1.1 {status} -\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
         connection: close\r\n{headers}\r\n"
    )
}
