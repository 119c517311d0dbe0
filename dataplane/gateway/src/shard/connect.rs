//! Makes connections to upstreams.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_wire::tls::{TlsStream, server_name};
use monoio::net::TcpStream;
use socket2::{Domain, Protocol, Socket, Type};

use super::Shard;
use super::conn::{Conn, Patience};
use super::deadline::Phase;
use super::pool::Link;
use super::secure::Secure;
use super::witness::Witness;
use crate::error_body::Failure;
use crate::events::LogEventLevel;
use crate::snapshot::Upstream;

const BAD_NAME: Failure = Failure::upstream("the upstream's name cannot be used for TLS");
const NO_TLS: Failure = Failure::upstream("no trusted TLS connection to the upstream came about");
const TLS_TOO_SLOW: Failure = Failure::timeout("the TLS handshake with the upstream took too long");

/// Connects to `upstream`, trying its addresses in turn as long as there is time.
pub(super) async fn connect(shard: &Rc<Shard>, upstream: &Upstream) -> Result<Box<Link>, Failure> {
    let metrics = &shard.metrics.upstreams[upstream.slot];
    let addresses = Arc::clone(&upstream.addresses.get());
    let total = Total { limit: upstream.timeouts.connect_total, began: Instant::now() };
    let mut failure = Failure::upstream("the upstream's name has no address yet");
    let mut why = String::from("no address");
    for address in addresses.iter() {
        let Some(limit) = total.at_most(upstream.timeouts.connect) else { break };
        let refusal = match connect_to(*address, limit).await {
            Ok((stream, witness)) => {
                let mut conn = Conn::new(stream, Some(witness), &shard.deadlines);
                match secure(&mut conn, upstream, &total).await {
                    Ok(()) => {
                        let born = shard.deadlines.now();
                        return Ok(Box::new(Link { conn, born, reused: false, taken: born }));
                    }
                    Err(refusal) => {
                        why = format!("{address}: {}", refusal.message);
                        refusal
                    }
                }
            }
            Err(error) => {
                why = format!("{address}: {error}");
                match error.kind() {
                    io::ErrorKind::TimedOut => Failure::timeout("connecting to the upstream took too long"),
                    _ => Failure::upstream("the upstream cannot be reached"),
                }
            }
        };
        metrics.connect_failures.inc();
        failure = refusal;
    }
    let detail = || format!("{}: {why}", upstream.name);
    shard.notice(LogEventLevel::Warn, "cannot reach upstream", detail);
    Err(failure)
}

/// The time that all attempts have together; zero is no limit.
struct Total {
    limit: Duration,
    began: Instant,
}

impl Total {
    /// How long the next step may take whose own limit is `step`: zero is no limit, none is no time left.
    fn at_most(&self, step: Duration) -> Option<Duration> {
        if self.limit.is_zero() {
            return Some(step);
        }
        let left = self.limit.checked_sub(self.began.elapsed()).filter(|left| !left.is_zero())?;
        Some(if step.is_zero() { left } else { step.min(left) })
    }
}

/// The TLS handshake, where the upstream wants one.
async fn secure(conn: &mut Conn, upstream: &Upstream, total: &Total) -> Result<(), Failure> {
    let Some(config) = &upstream.tls else { return Ok(()) };
    let name = server_name(&upstream.host).map_err(|_| BAD_NAME)?;
    let mut out = Vec::new();
    let stream = TlsStream::client(Arc::clone(config), name, &mut out).map_err(|_| NO_TLS)?;
    let gap = total.at_most(upstream.timeouts.upstream_tls).ok_or(TLS_TOO_SLOW)?;
    let patience = Patience { phase: Phase::UpstreamHandshake, gap };
    match conn.handshake(Secure::new(stream, out), patience).await {
        Ok(()) => Ok(()),
        Err(_) if conn.deadline.missed().is_some() => Err(TLS_TOO_SLOW),
        Err(_) => Err(NO_TLS),
    }
}

/// One attempt. Dropping a connect that takes too long loses nothing: no byte has been moved.
async fn connect_to(address: SocketAddr, limit: Duration) -> io::Result<(TcpStream, Witness)> {
    if limit.is_zero() {
        return open(address).await;
    }
    match monoio::time::timeout(limit, open(address)).await {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

/// Opens a connection on a socket of our own, because the runtime does not lend out the descriptors of its own ones.
async fn open(address: SocketAddr) -> io::Result<(TcpStream, Witness)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM.nonblocking(), Some(Protocol::TCP))?;
    let probe = socket.try_clone()?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
        _ => {}
    }
    let stream = TcpStream::from_std(socket.into())?;
    stream.writable(false).await?;
    if let Some(error) = probe.take_error()? {
        return Err(error);
    }
    // With io_uring an operation on a socket that does not block fails where it should wait.
    probe.set_nonblocking(monoio::utils::is_legacy())?;
    Ok((stream, Witness::new(probe)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_takes_longer_than_what_is_left_in_all() {
        let total = |seconds| Total { limit: Duration::from_secs(seconds), began: Instant::now() };
        let step = Duration::from_secs(5);
        assert_eq!(total(0).at_most(step), Some(step));
        assert_eq!(total(0).at_most(Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(total(60).at_most(step), Some(step));
        assert!(total(3).at_most(step).unwrap() <= Duration::from_secs(3));
        assert!(total(3).at_most(Duration::ZERO).unwrap() > Duration::ZERO);
        let spent =
            Total { limit: Duration::from_nanos(1), began: Instant::now().checked_sub(step).unwrap() };
        assert_eq!(spent.at_most(step), None);
    }
}
