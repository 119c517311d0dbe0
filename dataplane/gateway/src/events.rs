//! The way from a shard to the control side: a bounded ring of finished records, and a short one of remarks for the log.
//!
//! A shard never waits for it. Before a request is taken on, the shard reserves its slot ([`Sender::reserve`]); a
//! request that holds a [`RingSlot`] can always deliver its record, so an audit event of an accepted request is never
//! lost to a full ring. Without a free slot `policy.fail_mode` decides: closed refuses the request with 503
//! `overloaded` and counts that in `audit_refused`, open takes it on and counts the loss in `audit_dropped`; the
//! journal says either in the log. Records hold no secret, only tokens.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::SystemTime;

use aegis_detect::Category;
use aegis_shield::{Action, MAX_FINDINGS, OpaqueKind};
use aegis_wire::head::Method;

use crate::hex::HEXLOWER;

/// Most findings listed one by one in a record; the rest is in the counts only.
pub const MAX_LISTED_FINDINGS: usize = MAX_FINDINGS;
/// Remarks for the log that may wait per shard. They have a ring of their own, so that neither waits for the other.
const REMARKS: usize = 64;
/// Fewest ticks of a shard's clock between two remarks on the same matter.
pub const REMARK_PAUSE: u32 = 20;

/// Identity of a request: 128 random bits, shown as 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RequestId(pub [u8; 16]);

impl RequestId {
    /// The id as lower-case hexadecimal digits.
    pub fn to_hex(self) -> [u8; 32] {
        let mut out = [0; 32];
        HEXLOWER.encode_mut(&self.0, &mut out);
        out
    }
}

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.to_hex().iter().try_for_each(|digit| write!(f, "{}", char::from(*digit)))
    }
}

impl std::fmt::Debug for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

/// A remark of a shard for the log, which no single request owns.
#[derive(Debug, Clone)]
pub struct LogEvent {
    /// How bad it is.
    pub level: LogEventLevel,
    /// What happened, e.g. `cannot reach upstream`.
    pub what: &'static str,
    /// Details without secrets, e.g. upstream name and system error.
    pub detail: String,
}

/// How bad a [`LogEvent`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogEventLevel {
    /// For the record.
    Info,
    /// Worth a look when it repeats.
    Warn,
    /// Worth a look at once.
    Error,
}

/// One finished exchange; becomes one audit event and one line of the access log.
#[derive(Debug)]
pub struct RequestRecord {
    /// The id the client saw in `x-aegis-request-id`.
    pub id: RequestId,
    /// When the request's first byte arrived.
    pub started: SystemTime,
    /// Generation of the snapshot that judged it; rule indices refer to that snapshot's rules.
    pub generation: u64,
    /// The client's address.
    pub peer: IpAddr,
    /// Id of the gateway key, when one was used.
    pub key: Option<Arc<str>>,
    /// Organisation of the gateway key.
    pub organisation: Option<Arc<str>>,
    /// Request method; none when the head could not be read.
    pub method: Option<Method>,
    /// Name of the upstream, when one was chosen.
    pub upstream: Option<Arc<str>>,
    /// Path with identifiers replaced, without the query: `/v1/responses/{id}`.
    pub path: Box<str>,
    /// Status sent to the client; 0 when none was.
    pub status: u16,
    /// Status received from the upstream.
    pub upstream_status: Option<u16>,
    /// Type of the gateway's own error (`policy_violation`, ...).
    pub error: Option<&'static str>,
    /// Whether the exchange ended whole.
    pub ended: Ending,
    /// Body bytes received from the client.
    pub request_bytes: u64,
    /// Body bytes sent to the upstream.
    pub sent_bytes: u64,
    /// Body bytes received from the upstream.
    pub response_bytes: u64,
    /// Body bytes sent to the client.
    pub delivered_bytes: u64,
    /// Times, in microseconds.
    pub times: Times,
    /// Findings, at most [`MAX_LISTED_FINDINGS`].
    pub findings: Vec<RecordedFinding>,
    /// Findings in all.
    pub findings_total: u32,
    /// Of them, values that are hidden only where a rule found them, since they are met by chance elsewhere.
    pub findings_in_place: u32,
    /// Values that were not read, such as images: how many.
    pub opaque_total: u32,
    /// The first of them, at most [`aegis_shield::report::MAX_OPAQUE`].
    pub opaque: Vec<RecordedOpaque>,
    /// Tokens put back.
    pub restored: u64,
    /// Well-formed tokens that belonged to no value of this exchange.
    pub unresolved: u64,
    /// Tokens of this exchange left on purpose: in text that the provider signed, and in `logprobs`.
    pub kept: u64,
    /// What the policy on restoring did.
    pub restore: RestoreRecord,
    /// The body passed unscanned because `policy.fail_mode` is open.
    pub failed_open: bool,
    /// The body was longer than what is held back, and its rest was scanned while it was sent: a value is hidden only
    /// from where it was found.
    pub streamed: bool,
}

impl RequestRecord {
    /// The record of a request that has begun now, and of which nothing else is known.
    pub fn new(id: RequestId, generation: u64, peer: IpAddr, method: Option<Method>) -> Self {
        Self {
            id,
            started: SystemTime::now(),
            generation,
            peer,
            key: None,
            organisation: None,
            method,
            upstream: None,
            path: Box::default(),
            status: 0,
            upstream_status: None,
            error: None,
            ended: Ending::Complete,
            request_bytes: 0,
            sent_bytes: 0,
            response_bytes: 0,
            delivered_bytes: 0,
            times: Times::default(),
            findings: Vec::new(),
            findings_total: 0,
            findings_in_place: 0,
            opaque_total: 0,
            opaque: Vec::new(),
            restored: 0,
            unresolved: 0,
            kept: 0,
            restore: RestoreRecord::default(),
            failed_open: false,
            streamed: false,
        }
    }
}

/// What the policy on restoring did to the tokens of a reply.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RestoreRecord {
    /// Tokens left in texts, or for tools, that it excepts.
    pub withheld_by_policy: u64,
    /// Tokens left in addresses that lead to a host that it does not name.
    pub withheld_by_guard: u64,
    /// Tokens put back into a tool's arguments beside such an address.
    pub beside_unnamed_hosts: u64,
}

/// How an exchange ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Both sides finished.
    Complete,
    /// The client went away.
    ClientAborted,
    /// The upstream broke off inside the reply.
    UpstreamAborted,
    /// A time limit ended it.
    TimedOut,
    /// The gateway stopped before it was over.
    Shutdown,
}

impl Ending {
    /// Name in logs and audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Ending::Complete => "complete",
            Ending::ClientAborted => "client_aborted",
            Ending::UpstreamAborted => "upstream_aborted",
            Ending::TimedOut => "timed_out",
            Ending::Shutdown => "shutdown",
        }
    }
}

/// Times of an exchange in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Times {
    /// From the first request byte to the last reply byte.
    pub total: u64,
    /// What the gateway itself added: scanning, rewriting, restoring.
    pub added: u64,
    /// From the request sent to the first reply byte.
    pub first_byte: Option<u64>,
    /// TCP and TLS connect, when the pool had nothing.
    pub connect: Option<u64>,
}

/// One finding of a record. The token is the only trace of the value.
#[derive(Debug, Clone)]
pub struct RecordedFinding {
    /// Index of the rule in the rules of the record's generation.
    pub rule: u16,
    /// The kind of value.
    pub category: Category,
    /// What was done.
    pub action: Action,
    /// Where it stood, like `messages[3].content`.
    pub place: Box<str>,
    /// The token that replaced it; of a key the one of its first line.
    pub token: Option<Box<str>>,
    /// How many lines of a private key it is; 1 of anything else.
    pub lines: u32,
    /// Whether the rule found the value elsewhere, and it is hidden here because it is the same.
    pub by_value: bool,
}

/// One value of a record that was not read.
#[derive(Debug, Clone)]
pub struct RecordedOpaque {
    /// What it is.
    pub kind: OpaqueKind,
    /// Its size.
    pub bytes: u64,
    /// Where it stood, like `messages[3].content[1].source.data`.
    pub place: Box<str>,
}

/// Makes the rings of a shard. `capacity` is the number of records that may wait while the control side is behind; an
/// empty slot costs 8 bytes, a waiting record about half a kilobyte.
pub fn ring(capacity: usize) -> (Sender, Receiver) {
    let (records, recorded) = rtrb::RingBuffer::new(capacity.max(1));
    let (remarks, remarked) = rtrb::RingBuffer::new(REMARKS);
    (Sender { records, remarks, reserved: Arc::default() }, Receiver { records: recorded, remarks: remarked })
}

/// The shard's end. Never blocks, never allocates.
#[derive(Debug)]
pub struct Sender {
    records: rtrb::Producer<Box<RequestRecord>>,
    remarks: rtrb::Producer<LogEvent>,
    /// Slots promised and not yet used. Only the shard's thread touches it while requests run.
    reserved: Arc<AtomicUsize>,
}

/// A reserved slot in the ring. Dropped unused, it is free again.
#[derive(Debug)]
#[must_use = "a slot not held is given back at once"]
pub struct RingSlot {
    reserved: Arc<AtomicUsize>,
}

impl Drop for RingSlot {
    fn drop(&mut self) {
        self.reserved.fetch_sub(1, Relaxed);
    }
}

impl Sender {
    /// Promises a slot for one record, or none when every slot is taken or promised. To be asked before a request is
    /// taken on.
    pub fn reserve(&self) -> Option<RingSlot> {
        if self.records.slots() <= self.reserved.load(Relaxed) {
            return None;
        }
        self.reserved.fetch_add(1, Relaxed);
        Some(RingSlot { reserved: Arc::clone(&self.reserved) })
    }

    /// Delivers the record of a request that holds `slot`. Returns whether the control side will see it: false only
    /// once its thread has ended.
    pub fn send(&mut self, slot: RingSlot, record: Box<RequestRecord>) -> bool {
        drop(slot);
        !self.is_abandoned() && self.records.push(record).is_ok()
    }

    /// Delivers a record without a reserved slot (`fail_mode = "open"`), when there is room beyond the promised slots.
    /// Returns false when it was lost; the caller counts that in `audit_dropped`.
    pub fn send_unreserved(&mut self, record: Box<RequestRecord>) -> bool {
        self.records.slots() > self.reserved.load(Relaxed)
            && !self.is_abandoned()
            && self.records.push(record).is_ok()
    }

    /// Delivers a remark for the log, when there is room. Remarks may be lost.
    pub fn note(&mut self, remark: LogEvent) -> bool {
        !self.is_abandoned() && self.remarks.push(remark).is_ok()
    }

    /// Whether the control side's thread has ended.
    pub fn is_abandoned(&self) -> bool {
        self.records.is_abandoned()
    }
}

/// The control side's end.
#[derive(Debug)]
pub struct Receiver {
    records: rtrb::Consumer<Box<RequestRecord>>,
    remarks: rtrb::Consumer<LogEvent>,
}

impl Receiver {
    /// Takes the oldest record.
    pub fn take(&mut self) -> Option<Box<RequestRecord>> {
        self.records.pop().ok()
    }

    /// Takes the oldest remark.
    pub fn take_remark(&mut self) -> Option<LogEvent> {
        self.remarks.pop().ok()
    }

    /// Records waiting now.
    pub fn waiting(&self) -> usize {
        self.records.slots()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A record with made-up contents.
    pub(crate) fn record(path: &str) -> Box<RequestRecord> {
        Box::new(RequestRecord {
            started: SystemTime::UNIX_EPOCH + std::time::Duration::from_millis(1_700_000_000_123),
            upstream: Some("anthropic".into()),
            path: path.into(),
            status: 200,
            upstream_status: Some(200),
            request_bytes: 10,
            sent_bytes: 11,
            response_bytes: 12,
            delivered_bytes: 13,
            times: Times { total: 900, added: 40, first_byte: Some(700), connect: None },
            ..RequestRecord::new(RequestId([0xab; 16]), 1, IpAddr::from([192, 0, 2, 7]), Some(Method::Post))
        })
    }

    fn sample_event() -> LogEvent {
        LogEvent { level: LogEventLevel::Warn, what: "made up", detail: String::new() }
    }

    #[test]
    fn every_promised_slot_can_be_used_and_no_more_are_promised() {
        let (mut sender, mut receiver) = ring(3);
        let slots: Vec<RingSlot> = std::iter::from_fn(|| sender.reserve()).collect();
        assert_eq!(slots.len(), 3);
        assert!(!sender.send_unreserved(record("/x")));
        for slot in slots {
            assert!(sender.send(slot, record("/v1/messages")));
        }
        assert!(sender.reserve().is_none());
        assert_eq!(receiver.waiting(), 3);
        assert!(receiver.take().is_some());
        assert!(sender.reserve().is_some());
    }

    #[test]
    fn a_slot_dropped_unused_is_free_again() {
        let (sender, _receiver) = ring(1);
        let slot = sender.reserve().expect("one slot");
        assert!(sender.reserve().is_none());
        drop(slot);
        assert!(sender.reserve().is_some());
    }

    #[test]
    fn records_and_remarks_take_no_room_from_each_other() {
        let (mut sender, mut receiver) = ring(1);
        let slot = sender.reserve().expect("one slot");
        for _ in 0..REMARKS {
            assert!(sender.note(sample_event()));
        }
        assert!(!sender.note(sample_event()), "one more is lost");
        assert!(sender.send(slot, record("/x")));
        assert_eq!(std::iter::from_fn(|| receiver.take_remark()).count(), REMARKS);
        assert!(receiver.take().is_some());
    }

    #[test]
    fn the_shard_learns_that_the_control_thread_has_ended() {
        let (mut sender, receiver) = ring(2);
        let slot = sender.reserve().expect("a slot");
        drop(receiver);
        assert!(sender.is_abandoned());
        assert!(!sender.send(slot, record("/v1/messages")));
        assert!(!sender.note(sample_event()));
    }

    #[test]
    fn ids_are_lower_case_hexadecimal() {
        assert_eq!(RequestId([0xab; 16]).to_string(), "ab".repeat(16));
        assert_eq!(format!("{:?}", RequestId([0x0f; 16])), "0f".repeat(16));
    }
}
