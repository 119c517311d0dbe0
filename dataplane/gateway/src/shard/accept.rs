//! Accepts connections and serves each in a task of its own.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use std::{io, mem};

use super::net::{self, Listener, Stream};
use super::serve;
use super::state::Shard;
use super::ticker::run_ticker;
use crate::events::LogEventLevel;
use crate::lifecycle::{ShardContext, ShardState};

/// Pause after a failed accept. Usually descriptors have run out, and trying at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// How long the runtime may take to close what it has of a listener.
const UNWATCH_PAUSE: Duration = Duration::from_millis(5);

/// Most connections accepted in one go, so that other tasks of the shard run.
const ACCEPT_BATCH: usize = 64;

/// Pause behind a full batch. With epoll a listener that has more connections is ready at once, and no other task would run.
const BATCH_PAUSE: Duration = Duration::from_millis(1);

/// Most connections accepted when a listener ends: what a queue of the usual length holds.
const ACCEPT_LAST: usize = 4_096;

/// Accepts on every listener and serves until the process stops.
///
/// # Errors
///
/// When a listener cannot be given to the runtime.
pub(super) async fn run(mut context: ShardContext) -> io::Result<()> {
    let (index, sockets) = (context.index, mem::take(&mut context.listeners));
    let shard = Shard::new(context);
    let mut listeners = Vec::new();
    for socket in sockets {
        let listener = Rc::new(Listener::new(socket)?);
        listeners.push(Rc::downgrade(&listener));
        spawn(&shard, accept_all(Rc::clone(&shard), listener));
    }
    shard.lifecycle.set_shard(index, ShardState::Listening);
    run_ticker(&shard, index, &listeners).await;
    Ok(())
}

/// Accepts until the listener ends, which it does when the process drains or another one accepts in its place.
async fn accept_all(shard: Rc<Shard>, listener: Rc<Listener>) {
    let _guard = AcceptGuard::new(&shard);
    while !listener.has_ended() {
        let ready = listener.ready().await;
        match ready.and_then(|()| accept_waiting(&shard, ACCEPT_BATCH, || listener.accept())) {
            Ok(ACCEPT_BATCH) => net::sleep(BATCH_PAUSE).await,
            Ok(_) => {}
            Err(_) => net::sleep(ACCEPT_PAUSE).await,
        }
    }
    // What the kernel has queued would be reset when the last socket of its address is closed.
    let Some(queue) = Rc::into_inner(listener).map(Listener::unwatch) else { return };
    net::sleep(UNWATCH_PAUSE).await;
    let _ = accept_waiting(&shard, ACCEPT_LAST, || queue.accept());
}

/// Accepts the connections that wait, at most `limit`. Returns how many there were.
fn accept_waiting(
    shard: &Rc<Shard>,
    limit: usize,
    accept: impl Fn() -> io::Result<Option<(Stream, SocketAddr)>>,
) -> io::Result<usize> {
    for count in 0..limit {
        let Some((stream, peer)) = accept()? else { return Ok(count) };
        admit(shard, stream, peer);
    }
    Ok(limit)
}

/// Counts a listener for as long as connections are taken from it.
struct AcceptGuard(Rc<Shard>);

impl AcceptGuard {
    fn new(shard: &Rc<Shard>) -> Self {
        shard.listeners.set(shard.listeners.get() + 1);
        Self(Rc::clone(shard))
    }
}

impl Drop for AcceptGuard {
    fn drop(&mut self) {
        self.0.listeners.set(self.0.listeners.get() - 1);
    }
}

/// Serves a connection in a task of its own. A shard that has its most connections already closes it.
fn admit(shard: &Rc<Shard>, stream: Stream, peer: SocketAddr) {
    if shard.connections.get() >= shard.max_connections {
        shard.metrics.connections_refused.inc();
        return;
    }
    let guard = ConnectionGuard::new(shard);
    spawn(shard, async move { serve::serve(&guard.0, stream, peer).await });
}

/// Starts a task. If it panics, only the task ends, and the log says so.
fn spawn(shard: &Rc<Shard>, task: impl Future<Output = ()> + 'static) {
    let shard = Rc::clone(shard);
    net::spawn(task, move || {
        let detail = "a fault of the gateway; the connection was closed".to_owned();
        shard.log_now(LogEventLevel::Error, "a task of a shard panicked", detail);
    });
}

/// Counts a connection for as long as its task lives, however it ends.
struct ConnectionGuard(Rc<Shard>);

impl ConnectionGuard {
    fn new(shard: &Rc<Shard>) -> Self {
        shard.connections.set(shard.connections.get() + 1);
        shard.metrics.connections_open.add(1);
        shard.metrics.connections_total.inc();
        Self(Rc::clone(shard))
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        self.0.metrics.connections_open.sub(1);
    }
}
