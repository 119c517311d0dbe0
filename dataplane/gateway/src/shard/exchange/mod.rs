//! One request and its reply, in phases.
//!
//! ```text
//!  head --admit--> Admitted --prepare_head--> RequestScan --> BodyScanner --scan_first_window--> Sending
//!                                                                                                   |
//!  Disposition <--conclude-- end of the reply <--pass_on-- Replying <--begin_reply-- Answered <--send
//! ```
//!
//! Each phase is a type that owns what exists in that phase only; a function consumes one and returns the next, or the
//! [`ExchangeError`] that ends the exchange. (Asynchronous functions borrow their phase: an argument by value would lie
//! in the future twice.) What all phases need is in [`Exchange`]. [`Exchange::conclude`] alone decides what the client
//! is answered after an error, and whether its connection lives on. Nothing goes upstream that was not scanned first.

mod admit;
mod conclude;
mod content_decoder;
mod envelope;
mod error;
mod first_window;
mod framing;
mod head;
mod keep_alive;
mod links;
mod local_reply;
mod reply;
mod reply_head;
mod request_body;
mod response_body;
mod scan;
mod send;
mod suspects;

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use aegis_wire::h1::{Peer, RequestParse};
use aegis_wire::head::Method;

use super::exchange_buffers::{ExchangeBuffers, LentBuffers, MemoryShare};
use super::net::deadline::WaitPhase;
use super::net::{Conn, WriteTimeout};
use super::record::{RecordBuilder, micros};
use super::state::Shard;
use crate::config::settings::Provider;
use crate::snapshot::Snapshot;
use admit::Admitted;
pub(super) use conclude::Disposition;
use error::ExchangeError;
use first_window::Sending;
use request_body::RequestBody;

/// What is known of a request whose head was read.
pub(super) struct Received {
    /// What the head says of the connection and the body.
    pub(super) parse: RequestParse,
    /// When its last bytes came.
    pub(super) began: Instant,
    /// The client's address.
    pub(super) peer: IpAddr,
    /// Whether the connection may take another request afterwards.
    pub(super) may_keep_alive: bool,
}

/// What all phases of an exchange work with.
struct Exchange<'a> {
    shard: &'a Rc<Shard>,
    snapshot: Arc<Snapshot>,
    client: &'a mut Conn,
    buffers: &'a mut ExchangeBuffers,
    memory: &'a mut MemoryShare,
    parse: RequestParse,
    method: Method,
    /// The client's HTTP version, and whether its connection can take another request.
    peer: Peer,
    provider: Provider,
    body: RequestBody,
    record: RecordBuilder,
    /// When the bytes being worked on were read.
    in_hand: Instant,
    /// Whether values of earlier requests of a session are at hand.
    is_session_recalled: bool,
}

/// Runs the exchange whose request head lies in the buffers.
pub(super) async fn run(
    shard: &Rc<Shard>,
    snapshot: Arc<Snapshot>,
    client: &mut Conn,
    buffers: &mut LentBuffers,
    request: &Received,
) -> Disposition {
    let (mut exchange, admitted) = Exchange::begin(shard, snapshot, client, buffers, request);
    let outcome = match admitted {
        Ok(admitted) => exchange.carry_out(admitted).await,
        Err(error) => Err(error),
    };
    exchange.conclude(outcome).await
}

impl<'a> Exchange<'a> {
    /// Begins the exchange, and decides whether its request may pass. Not a part of [`run`], so that nothing of it
    /// stays in the future.
    fn begin(
        shard: &'a Rc<Shard>,
        snapshot: Arc<Snapshot>,
        client: &'a mut Conn,
        buffers: &'a mut LentBuffers,
        request: &Received,
    ) -> (Self, Result<Admitted, ExchangeError>) {
        let Received { parse, began, peer, may_keep_alive } = *request;
        let (buffers, memory) = buffers.parts();
        let (method, version) = (buffers.request.method, buffers.request.version);
        // Opened even for a request that is refused: it knows whether the body that stands before the next request has
        // come.
        let fields = &buffers.request.fields;
        let (body, readable) = RequestBody::open(shard, &snapshot, fields, parse.framing, began);
        let mut record = RecordBuilder::new(shard, &snapshot, peer, method, began);
        record.failed_open = body.is_undecoded();
        let mut exchange = Self {
            peer: Peer { version, keep_alive: parse.keep_alive && may_keep_alive },
            provider: Provider::Generic,
            in_hand: began,
            is_session_recalled: false,
            shard,
            snapshot,
            client,
            buffers,
            memory,
            parse,
            method,
            body,
            record,
        };
        let admitted = exchange.admit().and_then(|admitted| Ok(readable.map(|()| admitted)?));
        (exchange, admitted)
    }
}

impl Exchange<'_> {
    /// Takes an admitted request through all further phases. What one phase owns is out of scope in the next, so that
    /// they share the room of the future.
    async fn carry_out(&mut self, admitted: Admitted) -> Result<(), ExchangeError> {
        let upstream = Arc::clone(&admitted.route.upstream);
        let mut replying = {
            let mut sending = self.receive(admitted).await?;
            let answered = self.send(&upstream, &mut sending).await?;
            self.begin_reply(&upstream, answered, sending)?
        };
        self.pass_on(&mut replying).await?;
        self.release(&upstream, replying);
        Ok(())
    }

    /// Receives and scans what fits the first window.
    async fn receive(&mut self, admitted: Admitted) -> Result<Sending, ExchangeError> {
        let scan = self.prepare_head(admitted)?;
        self.answer_expectation().await?;
        let format = self.body_format()?;
        self.receive_first_window().await?;
        let scanner = self.body_scanner(scan, format);
        self.scan_first_window(scanner)
    }

    /// Writes what has been put together to the client.
    async fn flush(&mut self) -> Result<(), ClientGone> {
        if self.buffers.out.is_empty() {
            self.buffers.out.clear();
            return Ok(());
        }
        let timeout = self.reply_timeout();
        let (bytes, range) = self.buffers.out.take();
        let (result, bytes) = self.client.write(bytes, range, timeout).await;
        self.buffers.out.restore(bytes);
        result.map_err(|_| ClientGone)
    }

    /// How long the client may take nothing of its reply.
    fn reply_timeout(&self) -> WriteTimeout {
        WriteTimeout { phase: WaitPhase::ReplyWrite, gap: self.snapshot.timeouts.response_write_gap }
    }

    /// Counts the memory that the exchange holds now; `restoring` bytes of it lie in the restorer.
    fn count_memory(&mut self, restoring: usize) {
        self.memory.count(self.buffers.held_bytes() + restoring);
    }

    /// Adds the time since the bytes in hand were read to what the gateway itself took.
    fn count_time(&mut self) {
        self.record.times.added += micros(self.in_hand);
    }

    /// Whether the client's whole body has been received.
    fn has_all(&self) -> bool {
        self.body.is_last(self.client)
    }

    /// Overwrites what is left of a request in which something was found.
    fn wipe_request(&mut self) {
        if self.record.findings_total > 0 {
            self.shard.scanner.wipe();
            self.body.wipe(self.client);
        }
    }
}

/// The client took no more of what was written to it.
struct ClientGone;

impl From<ClientGone> for ExchangeError {
    fn from(_: ClientGone) -> Self {
        Self::ClientGone
    }
}

impl From<ClientGone> for error::ReplyError {
    fn from(_: ClientGone) -> Self {
        Self::ClientGone
    }
}
