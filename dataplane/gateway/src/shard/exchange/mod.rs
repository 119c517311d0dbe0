//! One request and its reply, in phases.
//!
//! ```text
//!  head --admit--> Admitted --prepare_head--> RequestScan --> BodyScanner --hold--> Sending (held, or streaming)
//!                                                                                     |
//!  Disposition <--conclude-- end of the reply <--pass_on-- Replying <--begin_reply-- Answered
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
mod framing;
mod head;
mod hold;
mod keep_alive;
mod links;
mod local_reply;
mod local_request;
mod memory;
mod preview;
mod reply;
mod reply_head;
mod request_body;
mod response_body;
mod scan;
mod send;
mod state;
mod stream;
mod suspects;

use std::rc::Rc;
use std::sync::Arc;

use aegis_wire::h1::Peer;

use super::exchange_buffers::LentBuffers;
use super::net::Conn;
use super::record::RecordBuilder;
use super::state::Shard;
use crate::config::settings::Provider;
use crate::snapshot::Snapshot;
use admit::{Admission, Admitted};
pub(super) use conclude::Disposition;
use error::ExchangeError;
use hold::Sending;
use request_body::RequestBody;
use scan::BodyScanner;
use state::Exchange;
pub(super) use state::Received;

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
        Ok(Admission::Forward(admitted)) => exchange.carry_out(admitted).await,
        // Rare, and kept out of the future of all others.
        Ok(Admission::Preview(key)) => Box::pin(exchange.preview(key)).await,
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
    ) -> (Self, Result<Admission, ExchangeError>) {
        let Received { parse, began, peer, may_keep_alive } = *request;
        let (buffers, memory) = buffers.parts();
        let (method, version) = (buffers.request.method, buffers.request.version);
        // Opened even for a request that is refused: it knows whether the body that stands before the next request has
        // come.
        let fields = &buffers.request.fields;
        let (body, readable) = RequestBody::open(shard, &snapshot, fields, parse.framing, began);
        let mut record = RecordBuilder::new(shard, &snapshot, peer, Some(method), began);
        record.failed_open = body.is_undecoded();
        let mut exchange = Self {
            peer: Peer { version, keep_alive: parse.keep_alive && may_keep_alive },
            provider: Provider::Generic,
            in_hand: began,
            has_earlier_values: false,
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
            let (answered, secrets) = match self.receive(admitted).await? {
                Sending::Held(body, secrets) => (self.send_held(&upstream, body).await?, secrets),
                Sending::Streaming(first, scanner) => self.send_streaming(&upstream, first, scanner).await?,
            };
            self.begin_reply(&upstream, answered, secrets)?
        };
        self.pass_on(&mut replying).await?;
        self.release(&upstream, replying);
        Ok(())
    }

    /// Receives and scans the body, as far as it is held back.
    async fn receive(&mut self, admitted: Admitted) -> Result<Sending, ExchangeError> {
        let mut scanner = self.prepare_body(admitted)?;
        self.answer_expectation().await?;
        let held = self.hold(&mut scanner).await;
        self.begin_sending(scanner, held)
    }

    /// Scans the head, and takes the room for the body.
    fn prepare_body(&mut self, admitted: Admitted) -> Result<BodyScanner, ExchangeError> {
        let scan = self.prepare_head(admitted)?;
        let format = self.body_format()?;
        self.reserve_body()?;
        Ok(self.body_scanner(scan, format))
    }
}
