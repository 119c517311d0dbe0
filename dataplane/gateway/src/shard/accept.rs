//! Takes connections, and runs the shard's clock.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

use monoio::net::{TcpListener, TcpStream};

use super::caught::Caught;
use super::deadline::{Phase, TICK};
use super::session::Sessions;
use super::{Shard, serve};
use crate::events::{LogEvent, LogEventLevel};
use crate::lifecycle::{Phase as Life, ShardContext, ShardState};

/// Pause after the system refused to accept: usually descriptors have run out, and trying at once would only spin.
const PAUSE: Duration = Duration::from_millis(20);

/// Listens on every address and serves until the process stops.
pub(super) async fn run(context: ShardContext) -> io::Result<()> {
    let (index, backlog, addresses) = (context.index, context.backlog, context.listen.clone());
    let shard = Shard::new(context);
    let mut descriptors = Vec::new();
    for address in addresses {
        let listener = listen(address, backlog)?;
        descriptors.push(listener.as_raw_fd());
        spawn(&shard, accept_all(Rc::clone(&shard), listener));
    }
    shard.lifecycle.set_shard(index, ShardState::Listening);
    keep_time(&shard, index, &descriptors).await;
    Ok(())
}

/// A listener of this shard's own: the kernel spreads connections over all that share the address.
fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    TcpListener::from_std(socket.into())
}

async fn accept_all(shard: Rc<Shard>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => admit(&shard, stream, peer),
            Err(_) if shard.is_draining() => return,
            Err(_) => monoio::time::sleep(PAUSE).await,
        }
    }
}

/// Serves the connection in a task of its own, unless the shard is full: then it is closed.
fn admit(shard: &Rc<Shard>, stream: TcpStream, peer: SocketAddr) {
    if shard.connections.get() >= shard.max_connections {
        shard.metrics.connections_refused.inc();
        return;
    }
    let guest = Guest::new(shard);
    spawn(shard, async move { serve::serve(&guest.0, stream, peer).await });
}

/// Runs a task whose panic ends only itself, and is told to the control thread.
fn spawn(shard: &Rc<Shard>, task: impl Future<Output = ()> + 'static) {
    let shard = Rc::clone(shard);
    let caught = Caught::new(task);
    monoio::spawn(async move {
        if !caught.await {
            let detail = "a fault of the gateway; the connection was closed".to_owned();
            let notice = LogEvent { level: LogEventLevel::Error, what: "a task of a shard panicked", detail };
            shard.events.borrow_mut().note(notice);
        }
    });
}

/// Counts a connection as long as its task lives, however that ends.
struct Guest(Rc<Shard>);

impl Guest {
    fn new(shard: &Rc<Shard>) -> Self {
        shard.connections.set(shard.connections.get() + 1);
        shard.metrics.connections_open.add(1);
        shard.metrics.connections_total.inc();
        Self(Rc::clone(shard))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        self.0.metrics.connections_open.sub(1);
    }
}

/// Ticks: deadlines, the pools' liveness, the snapshot, and the phases of the process's end.
async fn keep_time(shard: &Rc<Shard>, index: usize, listeners: &[i32]) {
    let started = Instant::now();
    let mut draining_for = 0u32;
    loop {
        monoio::time::sleep(TICK).await;
        let now = started.elapsed().as_millis() / TICK.as_millis();
        let now = u32::try_from(now).unwrap_or(u32::MAX - 1);
        shard.deadlines.advance(now);
        shard.metrics.buffer_bytes.set(shard.buffers.claimed() as u64);
        let snapshot = shard.snapshot();
        shard.pools.sweep(now, &snapshot.upstreams, &shard.metrics);
        // The sessions are the process's: one shard looks after them, a part at a time.
        if index == 0 && snapshot.session.enabled {
            let settings = &snapshot.session;
            shard.metrics.sessions.set(Sessions::shared(settings).sweep(settings) as u64);
        }
        drop(snapshot);
        let life = shard.lifecycle.phase();
        shard.life.set(life);
        if life == Life::Running {
            continue;
        }
        draining_for += 1;
        // One more tick of accepting takes what the kernel had queued before the listener ends.
        if draining_for == 2 {
            for listener in listeners {
                let _ = nix::sys::socket::shutdown(*listener, nix::sys::socket::Shutdown::Both);
            }
        }
        if draining_for >= 2 {
            shard.deadlines.expire_phase(Phase::KeepAliveIdle);
            shard.pools.clear(&shard.metrics);
        }
        if life == Life::Stopping {
            shard.deadlines.cut_all();
        }
        if draining_for > 2 && shard.connections.get() == 0 {
            return;
        }
    }
}
