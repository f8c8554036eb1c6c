//! A way to a server that swallows what is sent.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A way to the server on which connections can be made to fall silent, without an end.
pub(crate) struct Way {
    port: u16,
    silence: watch::Sender<()>,
    /// Whether new connections are silent, too.
    closed: Arc<AtomicBool>,
}

impl Way {
    pub(crate) async fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (silence, silent) = watch::channel(());
        let closed = Arc::new(AtomicBool::new(false));
        let stays = Arc::clone(&closed);
        tokio::spawn(async move {
            let mut kept = Vec::new();
            loop {
                let (mut client, _) = listener.accept().await.unwrap();
                if stays.load(Ordering::Relaxed) {
                    kept.push(client);
                    continue;
                }
                let mut silent = silent.clone();
                silent.mark_unchanged();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(("127.0.0.1", server)).await.unwrap();
                    tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => {}
                        // Both ends stay open, and nothing comes through.
                        _ = silent.changed() => std::future::pending().await,
                    }
                });
            }
        });
        Self { port, silence, closed }
    }

    pub(crate) const fn port(&self) -> u16 {
        self.port
    }

    /// Nothing comes through the connections that there are, and both ends stay open.
    pub(crate) fn silence(&self) {
        self.silence.send_replace(());
    }

    /// New connections are silent, too.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.silence();
    }

    /// New connections come through again.
    pub(crate) fn open(&self) {
        self.closed.store(false, Ordering::Relaxed);
    }
}
