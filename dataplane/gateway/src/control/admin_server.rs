//! The connections of the admin listener: how many there may be, how long each may last, and when no more are taken.
//!
//! What waits for a probe's request or for its reader costs a descriptor, and descriptors are what traffic needs. So
//! there are few, each for a short time, and the oldest makes room for a new one.

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use super::shared::Shared;
use super::shutdown::POLL_INTERVAL;
use crate::descriptors;

/// Most connections at a time: as many as descriptors are kept free for.
pub(super) const MAX_CONNECTIONS: usize = descriptors::ADMIN_CONNECTIONS;
/// How long a connection may take.
#[derive(Clone, Copy)]
pub(super) struct ConnectionLimits {
    /// Waiting for the head of its next request.
    pub(super) head: Duration,
    /// In all.
    pub(super) connection: Duration,
    /// With the exchange that is running when that is over.
    pub(super) last_exchange: Duration,
}

/// Those of every gateway.
pub(super) const LIMITS: ConnectionLimits = ConnectionLimits {
    head: Duration::from_secs(10),
    connection: Duration::from_secs(60),
    last_exchange: Duration::from_secs(5),
};
/// Pause after a failed accept: usually descriptors have run out, and trying at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Serves `routes` until the process accepts no more, then gives the address up and lets what is open end.
/// Each connection has these `limits`.
pub(super) async fn serve(
    shared: Arc<Shared>,
    listener: TcpListener,
    routes: Router,
    limits: ConnectionLimits,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    // While another process is asked, it answers.
    while !shared.serves_admin() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    let mut open: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.leaves() => break,
        };
        match accepted {
            Ok((stream, _)) => {
                open.retain(|connection| !connection.is_finished());
                if open.len() >= MAX_CONNECTIONS
                    && let Some(oldest) = open.pop_front()
                {
                    oldest.abort();
                }
                open.push_back(tokio::spawn(connection(stream, routes.clone(), limits)).abort_handle());
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(listener);
    std::future::pending().await
}

/// Serves one connection within its limits.
async fn connection(stream: TcpStream, routes: Router, limits: ConnectionLimits) {
    let service = TowerToHyperService::new(routes);
    let mut serving = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head)
            .serve_connection(TokioIo::new(stream), service)
    );
    // A client that breaks off is its own affair.
    if tokio::time::timeout(limits.connection, serving.as_mut()).await.is_err() {
        serving.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(limits.last_exchange, serving).await;
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::thread;

    use axum::routing::get;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(50);

    /// What a client reads until the gateway closes its connection, after it has sent `request`.
    fn read_to_the_end(request: &'static str, limits: ConnectionLimits) -> String {
        let routes = Router::new()
            .route("/", get(|| async { "here" }))
            .route("/never", get(|| async { std::future::pending::<&str>().await }));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let client = thread::spawn(move || {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                stream.set_read_timeout(Some(LONG)).unwrap();
                stream.write_all(request.as_bytes()).unwrap();
                let mut text = String::new();
                stream.read_to_string(&mut text).expect("the gateway closes it");
                text
            });
            connection(listener.accept().await.unwrap().0, routes, limits).await;
            client.join().unwrap()
        })
    }

    #[test]
    fn whoever_asks_nothing_or_waits_for_ever_is_let_go() {
        const ASKED: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
        let head = ConnectionLimits { head: SHORT, connection: LONG, last_exchange: LONG };
        for (request, is_answered) in [("", false), ("GET / HTTP/1.1\r\nhost", false), (ASKED, true)] {
            let text = read_to_the_end(request, head);
            assert_eq!(text.starts_with("HTTP/1.1 200 OK"), is_answered, "{request:?}: {text}");
        }
        let all = ConnectionLimits { head: LONG, connection: SHORT, last_exchange: SHORT };
        assert!(read_to_the_end(ASKED, all).ends_with("here"), "kept alive as long as connections are");
        assert_eq!(read_to_the_end("GET /never HTTP/1.1\r\nhost: x\r\n\r\n", all), "");
    }
}
