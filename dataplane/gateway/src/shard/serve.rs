//! The life of a client connection: one request after the other, in the order they came.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use aegis_wire::h1::{MAX_FIELDS, MAX_HEAD, MAX_LEADING_LINES, Parse, Peer, RequestParser};
use aegis_wire::head::Version;
use aegis_wire::tls::TlsStream;

use super::bench::{Bench, Workbench};
use super::client::{After, Client};
use super::exchange;
use super::net::deadline::WaitPhase;
use super::net::{Conn, Stream, TlsHalf, WriteTimeout};
use super::state::Shard;
use crate::config::settings::{Limits, Provider};
use crate::error_body::{ErrorKind, Failure};

/// How long an early answer is protected from the reset that unread bytes would cause: without a byte, and in all.
const LINGER_GAP: Duration = Duration::from_secs(2);
const LINGER_MOST: Duration = Duration::from_secs(30);

/// For the end of a connection: nobody waits long for a peer to take it.
const LAST_WORD: WriteTimeout = WriteTimeout { phase: WaitPhase::ReplyWrite, gap: LINGER_GAP };

/// What is answered when not even a workbench is free.
const FULL: Failure = Failure::overloaded("the gateway has no room for another request");

const HEAD_TOO_SLOW: Failure =
    Failure::new(408, ErrorKind::InvalidRequest, "the request head came too slowly and was given up");
const LONG_HEAD: Failure = Failure::new(431, ErrorKind::InvalidRequest, "the request head is too long");
const MANY_FIELDS: Failure = Failure::new(431, ErrorKind::InvalidRequest, "the request has too many fields");
const NO_ROOM: Failure = Failure::overloaded("the gateway has no room for this request's head");

/// Serves one connection to its end.
pub(super) async fn serve(shard: &Rc<Shard>, stream: Stream, peer: SocketAddr) {
    let conn = Conn::new(stream, None, &shard.deadlines);
    let mut client = Client { conn, peer, served: 0, born: shard.deadlines.now() };
    if !tls_handshake(shard, &mut client).await {
        shard.metrics.tls_failures.inc();
        return;
    }
    loop {
        match next(shard, &mut client).await {
            After::Keep => client.served += 1,
            After::Close => return client.conn.finish_sending(LAST_WORD).await,
            After::Linger => return linger(&mut client).await,
            After::Cut => return client.conn.cut(),
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
async fn next(shard: &Rc<Shard>, client: &mut Client) -> After {
    client.conn.shrink(&shard.buffers);
    while !has_begun(client.conn.rx.data()) {
        // The snapshot is not held while waiting: an idle connection must not keep an old one alive.
        let idle = shard.snapshot().timeouts.keep_alive;
        client.conn.deadline.arm(WaitPhase::KeepAliveIdle, idle);
        if !matches!(client.conn.rx.fill(usize::MAX).await, Ok(count) if count > 0) {
            return After::Close;
        }
    }
    let mut began = Instant::now();
    let Some(mut bench) = Workbench::take(&shard.benches, &shard.buffers) else {
        shard.metrics.overloaded.inc();
        return full(shard, client).await;
    };
    let mut parser = RequestParser::new();
    let mut waiting = false;
    loop {
        match parser.parse(client.conn.rx.data(), &mut bench.request) {
            Ok(Parse::Complete(parse)) => {
                let head = &client.conn.rx.data()[..parse.consumed];
                if let Some(failure) = over_limit(head, &shard.snapshot().limits) {
                    return refuse(shard, client, &mut bench, &failure).await;
                }
                client.conn.deadline.disarm();
                client.conn.rx.consume(parse.consumed);
                return exchange::run(shard, client, &mut bench, parse, began).await;
            }
            Ok(Parse::Incomplete)
                if client.conn.rx.data().len() as u64 > shard.snapshot().limits.max_head =>
            {
                return refuse(shard, client, &mut bench, &LONG_HEAD).await;
            }
            Ok(Parse::Incomplete) => {}
            Err(error) => return refuse(shard, client, &mut bench, &exchange::refused(&error)).await,
        }
        if client.conn.rx.is_full() && !client.conn.grow(&shard.buffers, 2 * MAX_HEAD) {
            return refuse(shard, client, &mut bench, &NO_ROOM).await;
        }
        if !waiting {
            waiting = true;
            client.conn.deadline.arm(WaitPhase::RequestHead, shard.snapshot().timeouts.request_head);
        }
        if !matches!(client.conn.rx.fill(usize::MAX).await, Ok(count) if count > 0) {
            return match client.conn.deadline.missed() {
                Some(WaitPhase::RequestHead) => refuse(shard, client, &mut bench, &HEAD_TOO_SLOW).await,
                _ => After::Close,
            };
        }
        began = Instant::now();
    }
}

/// Whether something of a request has come. Empty lines, which some clients send behind a body, do not begin its time.
fn has_begun(data: &[u8]) -> bool {
    data.len() > 2 * MAX_LEADING_LINES || !data.chunks(2).all(|line| line == b"\r\n")
}

/// What is wrong with a complete head, if the configuration is stricter than the codec.
fn over_limit(head: &[u8], limits: &Limits) -> Option<Failure> {
    if head.len() as u64 > limits.max_head {
        return Some(LONG_HEAD);
    }
    // Every field is a line; besides them there are the request line and the empty one.
    let strict = limits.max_fields < MAX_FIELDS;
    (strict && memchr::memchr_iter(b'\n', head).count() > limits.max_fields + 2).then_some(MANY_FIELDS)
}

/// Answers a request that has no readable head. What follows it cannot be read either, so the connection ends.
async fn refuse(shard: &Rc<Shard>, client: &mut Client, bench: &mut Workbench, failure: &Failure) -> After {
    let peer = Peer { version: Version::Http11, keep_alive: false };
    let id = shard.next_id().to_hex();
    shard.metrics.finished(None, failure.status);
    exchange::write_failure(bench, failure, Provider::Generic, peer, &id, false, None);
    let patience =
        WriteTimeout { phase: WaitPhase::ReplyWrite, gap: shard.snapshot().timeouts.response_write_gap };
    let (bytes, range) = bench.out.take();
    let (result, bytes) = client.conn.write(bytes, range, patience).await;
    bench.out.restore(bytes);
    if result.is_ok() { After::Linger } else { After::Cut }
}

/// Answers before anything of the request was read, with a bench that is not of the budget and holds one short answer.
async fn full(shard: &Shard, client: &mut Client) -> After {
    let patience = WriteTimeout { phase: WaitPhase::ReplyWrite, gap: LINGER_GAP };
    let peer = Peer { version: Version::Http11, keep_alive: false };
    let mut bench = Bench::default();
    let id = shard.next_id().to_hex();
    exchange::write_failure(&mut bench, &FULL, Provider::Generic, peer, &id, false, None);
    let (bytes, range) = bench.out.take();
    let (result, _) = client.conn.write(bytes, range, patience).await;
    if result.is_ok() { After::Linger } else { After::Cut }
}

/// Ends the sending side and throws away what still comes, until the client has closed: closing over unread bytes would
/// reset the connection, and the client would lose the answer.
async fn linger(client: &mut Client) {
    client.conn.finish_sending(LAST_WORD).await;
    let until = Instant::now() + LINGER_MOST;
    while Instant::now() < until {
        let there = client.conn.rx.data().len();
        client.conn.rx.consume(there);
        client.conn.deadline.arm(WaitPhase::Linger, LINGER_GAP);
        if !matches!(client.conn.rx.fill(usize::MAX).await, Ok(count) if count > 0) {
            return;
        }
    }
}
