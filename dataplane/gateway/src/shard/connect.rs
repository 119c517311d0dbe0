//! Connects to upstreams: addresses in turn, TLS, and one limit for all attempts.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use aegis_wire::tls::{TlsStream, server_name};

use super::net::deadline::WaitPhase;
use super::net::{self, Conn, TlsHalf};
use super::pool::UpstreamConn;
use super::state::Shard;
use super::upstream_tls;
use crate::error_body::Failure;
use crate::events::LogEventLevel;
use crate::snapshot::Upstream;

/// How long closed connections take until their descriptors are free.
const DESCRIPTOR_PAUSE: Duration = Duration::from_millis(5);

const STOPPING: Failure = Failure::overloaded("the gateway is stopping");

/// The error while a name has no address.
fn unresolved(host: &str) -> Failure {
    Failure { message: format!("cannot resolve {host}").into(), ..Failure::upstream("") }
}

/// Connects to `upstream`, trying its addresses in turn as long as there is time.
pub(super) async fn connect(shard: &Rc<Shard>, upstream: &Upstream) -> Result<Box<UpstreamConn>, Failure> {
    let metrics = &shard.metrics.upstreams[upstream.slot];
    let addresses = Arc::clone(&upstream.addresses.get());
    let budget = ConnectBudget { limit: upstream.timeouts.connect_total, began: Instant::now() };
    let mut failed = None;
    for address in addresses.iter() {
        let Some(limit) = budget.at_most(upstream.timeouts.connect) else { break };
        failed = Some(match open(shard, *address, limit).await {
            Ok(mut conn) => match tls_handshake(&mut conn, upstream, &budget).await {
                Ok(()) => {
                    let now = shard.deadlines.now();
                    return Ok(Box::new(UpstreamConn {
                        conn,
                        created_at: now,
                        is_reused: false,
                        taken_at: now,
                    }));
                }
                // It was cut here.
                Err(_) if shard.is_stopping() => return Err(STOPPING),
                Err(error) => {
                    let cause = upstream_tls::cause(&error);
                    let detail = format_args!("{address}: {error}");
                    Attempt::Insecure(upstream_tls::report(shard, upstream, cause, &detail))
                }
            },
            Err(error) => Attempt::Unreachable(*address, error),
        });
        metrics.connect_failures.inc();
    }
    // The name may lead elsewhere by now.
    upstream.addresses.request_lookup();
    Err(explain(shard, upstream, failed))
}

/// How an attempt to connect to one address has failed.
enum Attempt {
    /// There is nobody, or no answer.
    Unreachable(SocketAddr, io::Error),
    /// TLS has failed, which was said in the log; with the answer for the client.
    Insecure(Failure),
}

/// Says in the log why no attempt came about, and gives the answer for the client. The `last` one stands for all.
fn explain(shard: &Shard, upstream: &Upstream, last: Option<Attempt>) -> Failure {
    const UNREACHABLE: &str = "cannot reach upstream";
    match last {
        Some(Attempt::Insecure(failure)) => failure,
        Some(Attempt::Unreachable(address, error)) => {
            let detail = || format!("{}: {address}: {error}", upstream.name);
            shard.log_event(LogEventLevel::Warn, UNREACHABLE, detail);
            match error.kind() {
                io::ErrorKind::TimedOut => Failure::timeout("connecting to the upstream took too long"),
                _ => Failure::upstream("the upstream cannot be reached"),
            }
        }
        None => {
            let detail = || format!("{}: no address", upstream.name);
            shard.log_event(LogEventLevel::Warn, UNREACHABLE, detail);
            unresolved(&upstream.host)
        }
    }
}

/// Connects to one address. Where descriptors have run out, idle connections make room for one more attempt.
async fn open(shard: &Rc<Shard>, address: SocketAddr, limit: Duration) -> io::Result<Conn> {
    match net::connect(address, limit, &shard.deadlines).await {
        Err(error) if matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE)) => {
            shard.pools.clear(&shard.metrics);
            net::sleep(DESCRIPTOR_PAUSE).await;
            net::connect(address, limit, &shard.deadlines).await
        }
        connected => connected,
    }
}

/// The time that all attempts to connect have together; zero is no limit.
struct ConnectBudget {
    limit: Duration,
    began: Instant,
}

impl ConnectBudget {
    /// Returns how long a step with the limit `step` may take: zero is no limit, `None` means that no time is left.
    fn at_most(&self, step: Duration) -> Option<Duration> {
        if self.limit.is_zero() {
            return Some(step);
        }
        let left = self.limit.checked_sub(self.began.elapsed()).filter(|left| !left.is_zero())?;
        Some(if step.is_zero() { left } else { step.min(left) })
    }
}

/// Runs the TLS handshake, where the upstream uses TLS.
async fn tls_handshake(conn: &mut Conn, upstream: &Upstream, budget: &ConnectBudget) -> io::Result<()> {
    let Some(config) = &upstream.tls else { return Ok(()) };
    let name = server_name(&upstream.host).map_err(io::Error::other)?;
    let mut out = Vec::new();
    let stream = TlsStream::client(Arc::clone(config), name, &mut out)?;
    let limit = budget.at_most(upstream.timeouts.upstream_tls).ok_or(io::ErrorKind::TimedOut)?;
    let handshake = conn.tls_handshake(TlsHalf::new(stream, out), WaitPhase::UpstreamHandshake, limit).await;
    if handshake.is_err() && conn.deadline.is_missed() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    handshake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_takes_longer_than_what_is_left_in_all() {
        let total = |seconds| ConnectBudget { limit: Duration::from_secs(seconds), began: Instant::now() };
        let step = Duration::from_secs(5);
        assert_eq!(total(0).at_most(step), Some(step));
        assert_eq!(total(0).at_most(Duration::ZERO), Some(Duration::ZERO));
        assert_eq!(total(60).at_most(step), Some(step));
        assert!(total(3).at_most(step).unwrap() <= Duration::from_secs(3));
        assert!(total(3).at_most(Duration::ZERO).unwrap() > Duration::ZERO);
        let spent = ConnectBudget {
            limit: Duration::from_nanos(1),
            began: Instant::now().checked_sub(step).unwrap(),
        };
        assert_eq!(spent.at_most(step), None);
    }
}
