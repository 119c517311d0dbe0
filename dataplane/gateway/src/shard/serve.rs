//! The life of a client connection: TLS, one request after the other in the order they came, and the end.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use aegis_wire::h1::{MAX_FIELDS, MAX_HEAD, MAX_LEADING_LINES, Parse, RequestParse, RequestParser};
use aegis_wire::tls::TlsStream;

use super::answer::{Recipient, http_failure, write_failure};
use super::exchange::{self, Disposition, Received};
use super::exchange_buffers::{ExchangeBuffers, LentBuffers};
use super::net::deadline::{TICK, WaitPhase};
use super::net::{Conn, Stream, TlsHalf, WriteTimeout};
use super::record::RecordBuilder;
use super::state::Shard;
use crate::config::settings::Limits;
use crate::error_body::{ErrorKind, Failure};
use crate::snapshot::Snapshot;

/// How long a client may send nothing while what it still sends after an early reply is discarded.
const LINGER_GAP: Duration = Duration::from_secs(2);

/// How long what a client still sends is discarded in all.
const LINGER_MAX: Duration = Duration::from_secs(30);

/// The limit for the last bytes of a connection: TLS's notification that this side sends no more.
const FINISH_TIMEOUT: WriteTimeout = WriteTimeout { phase: WaitPhase::ReplyWrite, gap: LINGER_GAP };

/// The answer when not even the buffers of an exchange are free.
const FULL: Failure = Failure::overloaded("the gateway has no room for another request");

const HEAD_TOO_SLOW: Failure =
    Failure::new(408, ErrorKind::InvalidRequest, "the request head came too slowly and was given up");
const LONG_HEAD: Failure = Failure::new(431, ErrorKind::InvalidRequest, "the request head is too long");
const MANY_FIELDS: Failure = Failure::new(431, ErrorKind::InvalidRequest, "the request has too many fields");
const NO_ROOM: Failure = Failure::overloaded("the gateway has no room for this request's head");

/// A client's connection.
struct Client {
    conn: Conn,
    peer: SocketAddr,
    /// Requests that were answered on it.
    requests_served: u64,
    /// The tick it was accepted at.
    accepted_at: u32,
}

impl Client {
    /// Whether the connection may take another request after the present one.
    fn may_keep_alive(&self, shard: &Shard, snapshot: &Snapshot) -> bool {
        let max = snapshot.limits.requests_per_connection;
        let max_age = snapshot.timeouts.connection_age;
        let age = TICK * shard.deadlines.now().saturating_sub(self.accepted_at);
        !shard.is_leaving()
            && (max == 0 || self.requests_served + 1 < max)
            && (max_age.is_zero() || age < max_age)
    }
}

/// Serves one connection to its end.
pub(super) async fn serve(shard: &Rc<Shard>, stream: Stream, peer: SocketAddr) {
    let conn = Conn::new(stream, None, &shard.deadlines);
    let mut client = Client { conn, peer, requests_served: 0, accepted_at: shard.deadlines.now() };
    if !tls_handshake(shard, &mut client).await {
        shard.metrics.tls_failures.inc();
        return;
    }
    loop {
        match next(shard, &mut client).await {
            Disposition::Keep => client.requests_served += 1,
            Disposition::Close => return client.conn.finish_sending(FINISH_TIMEOUT).await,
            Disposition::Linger => return linger(&mut client).await,
            Disposition::Cut => return client.conn.cut(),
        }
    }
}

/// The TLS handshake, where TLS is configured. False when it failed.
async fn tls_handshake(shard: &Rc<Shard>, client: &mut Client) -> bool {
    let (config, limit) = {
        let snapshot = shard.snapshot();
        (snapshot.server_tls.clone(), snapshot.timeouts.tls_handshake)
    };
    let Some(config) = config else { return true };
    let Ok(stream) = TlsStream::server(config) else { return false };
    let tls = TlsHalf::new(stream, Vec::new());
    client.conn.tls_handshake(tls, WaitPhase::ClientHandshake, limit).await.is_ok()
}

/// Waits for a request and runs its exchange.
async fn next(shard: &Rc<Shard>, client: &mut Client) -> Disposition {
    client.conn.shrink(&shard.buffers);
    while !has_begun(client.conn.rx.data()) {
        // The snapshot is not held while waiting: an idle connection must not keep an old one alive.
        let idle = shard.snapshot().timeouts.keep_alive;
        let _wait = client.conn.deadline.within(WaitPhase::KeepAliveIdle, idle);
        if !matches!(client.conn.rx.fill(usize::MAX).await, Ok(count) if count > 0) {
            return Disposition::Close;
        }
    }
    let began = Instant::now();
    let Some(mut buffers) = LentBuffers::take(&shard.exchange_buffers, &shard.buffers) else {
        // With buffers outside of the budget, which hold one short reply.
        return refuse(shard, client, &mut ExchangeBuffers::default(), &FULL, began).await;
    };
    let (parse, began) = match read_head(shard, client, buffers.buffers(), began).await {
        Ok(head) => head,
        Err(HeadError::Refused(failure)) => {
            return refuse(shard, client, buffers.buffers(), &failure, began).await;
        }
        Err(HeadError::ClientGone) => return Disposition::Close,
    };
    let snapshot = shard.snapshot();
    let may_keep_alive = client.may_keep_alive(shard, &snapshot);
    let request = Received { parse, began, peer: client.peer.ip(), may_keep_alive };
    exchange::run(shard, snapshot, &mut client.conn, &mut buffers, &request).await
}

/// Why no head of a request was read.
enum HeadError {
    /// The client is answered, and its connection ends.
    Refused(Failure),
    /// The client has gone inside the head.
    ClientGone,
}

impl From<Failure> for HeadError {
    fn from(failure: Failure) -> Self {
        Self::Refused(failure)
    }
}

/// Reads the head of a request whose first bytes have come. Returns the parsed head, and when its last bytes came.
async fn read_head(
    shard: &Rc<Shard>,
    client: &mut Client,
    buffers: &mut ExchangeBuffers,
    mut began: Instant,
) -> Result<(RequestParse, Instant), HeadError> {
    let mut parser = RequestParser::new();
    let mut wait = None;
    loop {
        match parser.parse(client.conn.rx.data(), &mut buffers.request) {
            Ok(Parse::Complete(parse)) => {
                let head = &client.conn.rx.data()[..parse.consumed];
                check_limits(head, &shard.snapshot().limits)?;
                client.conn.rx.consume(parse.consumed);
                return Ok((parse, began));
            }
            Ok(Parse::Incomplete)
                if client.conn.rx.data().len() as u64 > shard.snapshot().limits.max_head =>
            {
                return Err(LONG_HEAD.into());
            }
            Ok(Parse::Incomplete) => {}
            Err(error) => return Err(http_failure(&error).into()),
        }
        if client.conn.rx.is_full() && !client.conn.grow(&shard.buffers, 2 * MAX_HEAD) {
            return Err(NO_ROOM.into());
        }
        wait.get_or_insert_with(|| {
            client.conn.deadline.within(WaitPhase::RequestHead, shard.snapshot().timeouts.request_head)
        });
        if !matches!(client.conn.rx.fill(usize::MAX).await, Ok(count) if count > 0) {
            return Err(if client.conn.deadline.is_missed() {
                HEAD_TOO_SLOW.into()
            } else {
                HeadError::ClientGone
            });
        }
        began = Instant::now();
    }
}

/// Whether something of a request has come. Empty lines, which some clients send behind a body, do not begin its time.
fn has_begun(data: &[u8]) -> bool {
    data.len() > 2 * MAX_LEADING_LINES || !data.chunks(2).all(|line| line == b"\r\n")
}

/// Refuses a complete head where the configuration is stricter than the codec.
fn check_limits(head: &[u8], limits: &Limits) -> Result<(), Failure> {
    if head.len() as u64 > limits.max_head {
        return Err(LONG_HEAD);
    }
    // Every field is a line; besides them there are the request line and the empty one.
    let is_strict = limits.max_fields < MAX_FIELDS;
    if is_strict && memchr::memchr_iter(b'\n', head).count() > limits.max_fields + 2 {
        return Err(MANY_FIELDS);
    }
    Ok(())
}

/// Refuses a request that has no readable head, or for which there is no room, and records that. What follows it cannot
/// be read either, so the connection ends.
async fn refuse(
    shard: &Rc<Shard>,
    client: &mut Client,
    buffers: &mut ExchangeBuffers,
    failure: &Failure,
    began: Instant,
) -> Disposition {
    let snapshot = shard.snapshot();
    let mut record = RecordBuilder::new(shard, &snapshot, client.peer.ip(), None, began);
    let reserved = record.reserve(snapshot.fail_mode);
    let failure = reserved.as_ref().err().unwrap_or(failure);
    if failure.kind == ErrorKind::Overloaded {
        shard.metrics.overloaded.inc();
    }
    record.note_failure(failure);
    write_failure(buffers, failure, &Recipient::unknown(record.id.to_hex()));
    // Where memory is short, nobody may hold it for long.
    let timeout = WriteTimeout { phase: WaitPhase::ReplyWrite, gap: LINGER_GAP };
    let (bytes, range) = buffers.out.take();
    let (result, bytes) = client.conn.write(bytes, range, timeout).await;
    buffers.out.restore(bytes);
    record.note_stop(result.is_ok());
    record.close();
    if result.is_ok() { Disposition::Linger } else { Disposition::Cut }
}

/// Ends the sending side and discards what still comes until the client has closed. Closing a connection with unread
/// bytes would reset it, and the client would lose the reply.
async fn linger(client: &mut Client) {
    client.conn.finish_sending(FINISH_TIMEOUT).await;
    let until = Instant::now() + LINGER_MAX;
    while Instant::now() < until {
        let there = client.conn.rx.data().len();
        client.conn.rx.consume(there);
        let _wait = client.conn.deadline.within(WaitPhase::Linger, LINGER_GAP);
        if !matches!(client.conn.rx.fill(usize::MAX).await, Ok(count) if count > 0) {
            return;
        }
    }
}
