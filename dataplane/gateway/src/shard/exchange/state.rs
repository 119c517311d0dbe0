//! What all phases of an exchange work with, and what each of them does to it.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use aegis_wire::h1::{Peer, RequestParse};
use aegis_wire::head::Method;

use super::super::exchange_buffers::{ExchangeBuffers, MemoryShare};
use super::super::net::deadline::WaitPhase;
use super::super::net::{Conn, WriteTimeout};
use super::super::record::{RecordBuilder, micros};
use super::super::state::Shard;
use super::error::ClientGone;
use super::request_body::RequestBody;
use crate::config::settings::Provider;
use crate::snapshot::Snapshot;

/// What is known of a request whose head was read.
pub(in crate::shard) struct Received {
    /// What the head says of the connection and the body.
    pub(in crate::shard) parse: RequestParse,
    /// When its last bytes came.
    pub(in crate::shard) began: Instant,
    /// The client's address.
    pub(in crate::shard) peer: IpAddr,
    /// Whether the connection may take another request afterwards.
    pub(in crate::shard) may_keep_alive: bool,
}

/// What all phases of an exchange work with.
pub(super) struct Exchange<'a> {
    pub(super) shard: &'a Rc<Shard>,
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) client: &'a mut Conn,
    pub(super) buffers: &'a mut ExchangeBuffers,
    pub(super) memory: &'a mut MemoryShare,
    pub(super) parse: RequestParse,
    pub(super) method: Method,
    /// The client's HTTP version, and whether its connection can take another request.
    pub(super) peer: Peer,
    pub(super) provider: Provider,
    pub(super) body: RequestBody,
    pub(super) record: RecordBuilder,
    /// When the bytes being worked on were read.
    pub(super) in_hand: Instant,
    /// Whether values of earlier requests are at hand, of a session or sealed ones.
    pub(super) has_earlier_values: bool,
}

impl Exchange<'_> {
    /// Writes what has been put together to the client.
    pub(super) async fn flush(&mut self) -> Result<(), ClientGone> {
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
    pub(super) fn reply_timeout(&self) -> WriteTimeout {
        WriteTimeout { phase: WaitPhase::ReplyWrite, gap: self.snapshot.timeouts.response_write_gap }
    }

    /// Counts the memory that the exchange holds now; `restoring` bytes of it lie in the restorer.
    pub(super) fn count_memory(&mut self, restoring: usize) {
        self.memory.count(self.buffers.held_bytes() + restoring);
    }

    /// Adds the time since the bytes in hand were read to what the gateway itself took.
    pub(super) fn count_time(&mut self) {
        self.record.times.added += micros(self.in_hand);
    }

    /// Whether the client's whole body has been received.
    pub(super) fn has_all(&self) -> bool {
        self.body.is_last(self.client)
    }

    /// Overwrites what is left of a request in which something was found.
    pub(super) fn wipe_request(&mut self) {
        if self.record.findings_total > 0 {
            self.shard.scanner.wipe();
            self.body.wipe(self.client);
        }
    }
}
