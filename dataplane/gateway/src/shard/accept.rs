//! Accepts connections and serves each in a task of its own.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use super::net::{self, Listener, Stream};
use super::serve;
use super::state::Shard;
use super::ticker::run_ticker;
use crate::events::{LogEvent, LogEventLevel};
use crate::lifecycle::{ShardContext, ShardState};

/// Pause after a failed accept. Usually descriptors have run out, and trying at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Listens on every address and serves until the process stops.
///
/// # Errors
///
/// When an address cannot be listened on.
pub(super) async fn run(context: ShardContext) -> io::Result<()> {
    let (index, backlog, addresses) = (context.index, context.backlog, context.listen.clone());
    let shard = Shard::new(context);
    let mut listeners = Vec::new();
    for address in addresses {
        let listener = Rc::new(Listener::bind(address, backlog)?);
        listeners.push(Rc::downgrade(&listener));
        spawn(&shard, accept_all(Rc::clone(&shard), listener));
    }
    shard.lifecycle.set_shard(index, ShardState::Listening);
    run_ticker(&shard, index, &listeners).await;
    Ok(())
}

/// Accepts until the listener ends, which it does when the process drains.
async fn accept_all(shard: Rc<Shard>, listener: Rc<Listener>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => admit(&shard, stream, peer),
            Err(_) if shard.is_draining() => return,
            Err(_) => net::sleep(ACCEPT_PAUSE).await,
        }
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
        let remark = LogEvent { level: LogEventLevel::Error, what: "a task of a shard panicked", detail };
        shard.events.borrow_mut().note(remark);
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
