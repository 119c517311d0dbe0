//! Makes connections to upstreams.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use aegis_wire::tls::{TlsStream, server_name};
use monoio::net::TcpStream;

use super::Shard;
use super::conn::{Conn, Patience};
use super::deadline::Phase;
use super::pool::Link;
use super::secure::Secure;
use crate::error_body::Failure;
use crate::events::NoticeLevel;
use crate::snapshot::Upstream;

const BAD_NAME: Failure = Failure::upstream("the upstream's name cannot be used for TLS");
const NO_TLS: Failure = Failure::upstream("no trusted TLS connection to the upstream came about");
const TLS_TOO_SLOW: Failure = Failure::timeout("the TLS handshake with the upstream took too long");

/// Connects to `upstream`, trying its addresses in turn.
pub(super) async fn connect(shard: &Rc<Shard>, upstream: &Upstream) -> Result<Box<Link>, Failure> {
    let metrics = &shard.metrics.upstreams[upstream.slot];
    let addresses = Arc::clone(&upstream.addresses.get());
    let mut failure = Failure::upstream("the upstream's name has no address yet");
    let mut why = String::from("no address");
    for address in addresses.iter() {
        match connect_to(*address, upstream).await {
            Ok(stream) => {
                let mut conn = Conn::new(stream, &shard.deadlines);
                match secure(&mut conn, upstream).await {
                    Ok(()) => return Ok(Box::new(Link { conn, born: shard.deadlines.now(), reused: false })),
                    Err(refusal) => {
                        metrics.connect_failures.inc();
                        why = format!("{address}: {}", refusal.message);
                        failure = refusal;
                    }
                }
            }
            Err(error) => {
                metrics.connect_failures.inc();
                why = format!("{address}: {error}");
                failure = match error.kind() {
                    io::ErrorKind::TimedOut => Failure::timeout("connecting to the upstream took too long"),
                    _ => Failure::upstream("the upstream cannot be reached"),
                };
            }
        }
    }
    let detail = || format!("{}: {why}", upstream.name);
    shard.notice(NoticeLevel::Warn, "cannot reach upstream", detail);
    Err(failure)
}

/// The TLS handshake, where the upstream wants one.
async fn secure(conn: &mut Conn, upstream: &Upstream) -> Result<(), Failure> {
    let Some(config) = &upstream.tls else { return Ok(()) };
    let name = server_name(&upstream.host).map_err(|_| BAD_NAME)?;
    let mut out = Vec::new();
    let stream = TlsStream::client(Arc::clone(config), name, &mut out).map_err(|_| NO_TLS)?;
    let patience = Patience { phase: Phase::UpstreamHandshake, gap: upstream.timeouts.upstream_tls };
    match conn.handshake(Secure::new(stream, out), patience).await {
        Ok(()) => Ok(()),
        Err(_) if conn.deadline.missed().is_some() => Err(TLS_TOO_SLOW),
        Err(_) => Err(NO_TLS),
    }
}

/// One attempt. Dropping a connect that takes too long loses nothing: no byte has been moved.
async fn connect_to(address: SocketAddr, upstream: &Upstream) -> io::Result<TcpStream> {
    let limit = upstream.timeouts.connect;
    if limit.is_zero() {
        return TcpStream::connect_addr(address).await;
    }
    match monoio::time::timeout(limit, TcpStream::connect_addr(address)).await {
        Ok(result) => result,
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}
