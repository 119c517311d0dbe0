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
const MAX_CONNECTIONS: usize = descriptors::ADMIN_CONNECTIONS;
/// How long a connection may wait for the head of its next request.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// How long a connection may be used.
const CONNECTION_LIMIT: Duration = Duration::from_secs(60);
/// How long the last exchange of such a connection may take.
const LAST_EXCHANGE: Duration = Duration::from_secs(5);
/// Pause after a failed accept: usually descriptors have run out, and trying at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Serves `routes` until the process accepts no more, then gives the address up and lets what is open end.
pub(super) async fn serve(shared: Arc<Shared>, listener: TcpListener, routes: Router) -> io::Result<()> {
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
                open.push_back(tokio::spawn(connection(stream, routes.clone())).abort_handle());
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
    drop(listener);
    std::future::pending().await
}

/// Serves one connection within its limits.
async fn connection(stream: TcpStream, routes: Router) {
    let service = TowerToHyperService::new(routes);
    let mut serving = std::pin::pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_LIMIT)
            .serve_connection(TokioIo::new(stream), service)
    );
    // A client that breaks off is its own affair.
    if tokio::time::timeout(CONNECTION_LIMIT, serving.as_mut()).await.is_err() {
        serving.as_mut().graceful_shutdown();
        let _ = tokio::time::timeout(LAST_EXCHANGE, serving).await;
    }
}
