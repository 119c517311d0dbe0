//! How audit events reach the database. One task for each call takes its messages one after another: an answer means that
//! what it answers is committed, and a gateway that ships faster than the database writes waits.

use std::collections::HashMap;

use aegis_proto::v1::audit_service_server::AuditService;
use aegis_proto::v1::ship_request::Message as Received;
use aegis_proto::v1::ship_response::Message as Answer;
use aegis_proto::v1::{
    Checkpoint, CloseStream, EventBatch, OpenStream, RefusalCode, ShipRequest, ShipResponse, StreamAck,
    StreamName, StreamRefusal, StreamWait,
};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Request, Response, Status, Streaming};
use tracing::{info, warn};

use super::connections::{ConnectionLimit, HeldConnection};
use super::identity::{address, caller};
use super::refusal::of_storage;
use crate::checkpoints::is_received_signed;
use crate::service::{Caller, Service};
use crate::storage::audit::{self, Batch, Ingested};
use crate::storage::fleet::Gateway;
use crate::storage::{Error, Operator, Organisation, now};

/// Answers of a call that wait for the network.
const ANSWERS: usize = 16;
/// Time after which a batch is sent again that the database could not take.
const WAIT_MS: u32 = 1_000;

/// The service.
#[derive(Debug, Clone)]
pub(super) struct Audit {
    pub(super) service: Service,
    pub(super) limit: ConnectionLimit,
}

#[tonic::async_trait]
impl AuditService for Audit {
    type ShipStream = ReceiverStream<Result<ShipResponse, Status>>;

    async fn ship(
        &self,
        request: Request<Streaming<ShipRequest>>,
    ) -> Result<Response<Self::ShipStream>, Status> {
        let gateway = caller(&self.service.database, &request).await?;
        let held = self.limit.hold(&gateway.organisation).ok_or_else(|| {
            Status::resource_exhausted(
                "this organisation's gateways hold as many connections as they may: try again later",
            )
        })?;
        let (answers, stream) = mpsc::channel(ANSWERS);
        let shipping = Shipping {
            address: address(&request),
            service: self.service.clone(),
            gateway,
            open: HashMap::new(),
            _held: held,
        };
        tokio::spawn(shipping.run(request.into_inner(), answers));
        Ok(Response::new(ReceiverStream::new(stream)))
    }
}

/// A stream that was opened in this call.
#[derive(Debug)]
struct OpenedStream {
    organisation: Organisation,
    /// Number of the last event that is committed.
    sequence: u64,
}

/// One call.
struct Shipping {
    service: Service,
    gateway: Gateway,
    address: String,
    /// By boot and organisation.
    open: HashMap<(String, String), OpenedStream>,
    _held: HeldConnection,
}

impl Shipping {
    async fn run(
        mut self,
        mut messages: Streaming<ShipRequest>,
        answers: mpsc::Sender<Result<ShipResponse, Status>>,
    ) {
        loop {
            let message = match messages.message().await {
                Ok(Some(message)) => message.message,
                // The gateway has ended the call, or its connection is gone.
                Ok(None) | Err(_) => return,
            };
            let answer = match message {
                Some(Received::Open(open)) => self.open(open).await,
                Some(Received::Batch(batch)) => self.take(batch).await,
                Some(Received::Checkpoint(checkpoint)) => self.note(checkpoint).await,
                Some(Received::Close(close)) => self.close(close).await,
                None => Err(Status::invalid_argument("a message without content")),
            };
            let is_over = answer.is_err();
            let answer = answer.map(|answer| ShipResponse { message: Some(answer) });
            if answers.send(answer).await.is_err() || is_over {
                return;
            }
        }
    }

    /// Begins a stream, or goes on with it.
    async fn open(&mut self, open: OpenStream) -> Result<Answer, Status> {
        let (name, organisation) = named(open.stream)?;
        if let Some(live) = self.hello(&name.boot_id, &open.predecessor_boot_id).await? {
            let detail = format!("another process has this gateway's identity and ships events: {live}");
            return Ok(refusal(name, RefusalCode::SecondStream, detail, 0));
        }
        let failed = |error: &Error| of_storage("opening a stream", error);
        let skew = open.sent_at_us - now();
        let mut tx =
            self.service.database.write(organisation.clone()).await.map_err(|error| failed(&error))?;
        let head = match audit::open_stream(&mut tx, &self.gateway.id, &name.boot_id, skew).await {
            Ok(head) => head,
            Err(Error::NotFound(_)) => {
                let detail = "this gateway does not serve the organisation".to_owned();
                return Ok(refusal(name, RefusalCode::Organisation, detail, 0));
            }
            Err(error) => return Err(failed(&error)),
        };
        tx.commit().await.map_err(|error| failed(&error))?;
        let sequence = head.last_sequence.unsigned_abs();
        let key = (name.boot_id.clone(), name.organisation_id.clone());
        self.open.insert(key, OpenedStream { organisation, sequence });
        Ok(ack(name, sequence, head.last_hash.to_vec()))
    }

    /// Says who calls; gives the process that lives under the same identity, if this one is refused for it.
    async fn hello(&self, boot: &str, predecessor: &str) -> Result<Option<String>, Status> {
        let failed = |error: &Error| of_storage("greeting a gateway", error);
        let mut tx = self.service.database.write(Operator).await.map_err(|error| failed(&error))?;
        let caller = Caller { gateway: &self.gateway.id, boot, predecessor, address: &self.address };
        let live = self.service.hello(&mut tx, caller, now()).await.map_err(|error| failed(&error))?;
        tx.commit().await.map_err(|error| failed(&error))?;
        Ok(live)
    }

    /// Takes events.
    async fn take(&mut self, batch: EventBatch) -> Result<Answer, Status> {
        let (name, _) = named(batch.stream)?;
        let Some(stream) = self.open.get_mut(&(name.boot_id.clone(), name.organisation_id.clone())) else {
            return Ok(not_open(name));
        };
        let invalid = |what: &str| Status::invalid_argument(what.to_owned());
        let first_sequence =
            i64::try_from(batch.first_sequence).map_err(|_| invalid("first_sequence is too large"))?;
        let hash =
            batch.last_hash.as_slice().try_into().map_err(|_| invalid("last_hash is not 32 bytes long"))?;
        let batch = Batch {
            gateway: self.gateway.id.clone(),
            boot: name.boot_id.clone(),
            first_sequence,
            lines: batch.events,
            hash: Some(hash),
        };
        let outcome = match audit::ingest(&self.service.database, stream.organisation.clone(), batch).await {
            Ok(outcome) => outcome,
            Err(error @ (Error::Conflict { .. } | Error::Unavailable(_))) => {
                warn!(%error, gateway = self.gateway.id, "a batch of events waits");
                return Ok(wait(name, "the database is busy or cannot be reached"));
            }
            Err(error) => return Err(of_storage("taking events", &error)),
        };
        Ok(match outcome {
            Ingested::Stored { last_sequence, .. } => {
                stream.sequence = last_sequence.unsigned_abs();
                ack(name, stream.sequence, Vec::new())
            }
            Ingested::Wait => wait(name, "the partition of today is not there yet"),
            Ingested::Hole { expected } => {
                let detail = format!("events from {expected} on are missing before this batch");
                refusal(name, RefusalCode::Gap, detail, stream.sequence)
            }
            Ingested::Forked { last_sequence } => {
                let detail =
                    format!("the chain differs from the one that stands here up to event {last_sequence}");
                refusal(name, RefusalCode::Chain, detail, last_sequence.unsigned_abs())
            }
            Ingested::Ended => {
                let detail = "the stream was closed".to_owned();
                refusal(name, RefusalCode::Invalid, detail, stream.sequence)
            }
        })
    }

    /// Keeps a checkpoint whose signature is right.
    async fn note(&mut self, checkpoint: Checkpoint) -> Result<Answer, Status> {
        let is_signed = is_received_signed(&self.gateway, &checkpoint);
        let (name, organisation) = named(checkpoint.stream)?;
        let Some(stream) = self.open.get(&(name.boot_id.clone(), name.organisation_id.clone())) else {
            return Ok(not_open(name));
        };
        if !is_signed {
            let detail = "the checkpoint's signature is wrong".to_owned();
            return Ok(refusal(name, RefusalCode::Invalid, detail, stream.sequence));
        }
        let invalid = |what: &str| Status::invalid_argument(what.to_owned());
        let kept = audit::Checkpoint {
            sequence: i64::try_from(checkpoint.sequence).map_err(|_| invalid("sequence is too large"))?,
            hash: checkpoint.hash.as_slice().try_into().map_err(|_| invalid("hash is not 32 bytes long"))?,
            signed: checkpoint.signed_at_us,
            signature: checkpoint.signature,
            received: now(),
        };
        let failed = |error: &Error| of_storage("keeping a checkpoint", error);
        let mut tx = self.service.database.write(organisation).await.map_err(|error| failed(&error))?;
        match audit::add_checkpoint(&mut tx, &self.gateway.id, &name.boot_id, &kept).await {
            Ok(()) => tx.commit().await.map_err(|error| failed(&error))?,
            Err(Error::Refused(detail)) => {
                return Ok(refusal(name, RefusalCode::Chain, detail, stream.sequence));
            }
            Err(Error::NotFound(_)) => {
                let detail = "the checkpoint is ahead of the events".to_owned();
                return Ok(refusal(name, RefusalCode::Gap, detail, stream.sequence));
            }
            Err(error) => return Err(failed(&error)),
        }
        Ok(ack(name, stream.sequence, Vec::new()))
    }

    /// Ends a stream.
    async fn close(&mut self, close: CloseStream) -> Result<Answer, Status> {
        let (name, organisation) = named(close.stream)?;
        let Some(stream) = self.open.remove(&(name.boot_id.clone(), name.organisation_id.clone())) else {
            return Ok(not_open(name));
        };
        let failed = |error: &Error| of_storage("closing a stream", error);
        let mut tx = self.service.database.write(organisation).await.map_err(|error| failed(&error))?;
        audit::end_stream(&mut tx, &self.gateway.id, &name.boot_id).await.map_err(|error| failed(&error))?;
        tx.commit().await.map_err(|error| failed(&error))?;
        info!(
            gateway = self.gateway.id,
            boot = name.boot_id,
            events = stream.sequence,
            "a stream of events has ended"
        );
        Ok(ack(name, stream.sequence, Vec::new()))
    }
}

/// The stream that a message names.
fn named(name: Option<StreamName>) -> Result<(StreamName, Organisation), Status> {
    let name = name.ok_or_else(|| Status::invalid_argument("the message names no stream"))?;
    let organisation = Organisation::new(&name.organisation_id)
        .map_err(|_| Status::invalid_argument("organisation_id is no identifier"))?;
    if !crate::storage::is_id(&name.boot_id) {
        return Err(Status::invalid_argument("boot_id is no identifier"));
    }
    Ok((name, organisation))
}

fn ack(stream: StreamName, sequence: u64, hash: Vec<u8>) -> Answer {
    Answer::Ack(StreamAck { stream: Some(stream), sequence, hash, answered_at_us: now() })
}

fn refusal(stream: StreamName, code: RefusalCode, detail: String, sequence: u64) -> Answer {
    Answer::Refusal(StreamRefusal { stream: Some(stream), code: code.into(), detail, sequence })
}

fn not_open(stream: StreamName) -> Answer {
    refusal(stream, RefusalCode::Invalid, "the stream was not opened in this call".to_owned(), 0)
}

fn wait(stream: StreamName, why: &str) -> Answer {
    Answer::Wait(StreamWait { stream: Some(stream), retry_after_ms: WAIT_MS, detail: why.to_owned() })
}
