//! What is written down of an exchange: one record, delivered however the exchange ends.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use aegis_detect::Category;
use aegis_shield::report::MAX_OPAQUE;
use aegis_shield::{Action, OpaqueKind, Report};

use super::Shard;
use crate::config::settings::FailMode;
use crate::error_body::Failure;
use crate::events::{
    Ending, MAX_LISTED_FINDINGS, RecordedFinding, RecordedOpaque, RequestId, RequestRecord, RingSlot, Times,
};
use crate::metrics::CATEGORIES;
use crate::snapshot::{HashedKey, Snapshot, Upstream};

const NO_PLACE: Failure = Failure::overloaded("the audit log cannot take another request");

/// Bytes of a field's name that is told.
const MAX_FIELD_NAME: usize = 40;

/// What becomes of a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is counted only: nobody wants the record.
    Counted,
    /// It becomes a record.
    Recorded,
    /// It was refused because there is no room for its record, and counted as such.
    Refused,
    /// It has been delivered.
    Closed,
}

/// A record in the making. Dropped before [`Draft::close`], it says that the exchange was cut off.
pub(super) struct Draft {
    shard: Rc<Shard>,
    place: Option<RingSlot>,
    state: State,
    generation: u64,
    started: SystemTime,
    began: Instant,
    peer: IpAddr,
    key: Option<Arc<str>>,
    organisation: Option<Arc<str>>,
    upstream: Option<(Arc<str>, usize)>,
    path: Box<str>,
    method: aegis_wire::head::Method,
    /// The id the client sees.
    pub(super) id: RequestId,
    /// Status sent to the client.
    pub(super) status: u16,
    /// Status received from the upstream.
    pub(super) upstream_status: Option<u16>,
    /// The gateway's own error.
    pub(super) error: Option<&'static str>,
    /// How it ended.
    pub(super) ended: Ending,
    /// Body bytes received from the client.
    pub(super) request_bytes: u64,
    /// Body bytes sent to the upstream.
    pub(super) sent_bytes: u64,
    /// Body bytes received from the upstream.
    pub(super) response_bytes: u64,
    /// Body bytes sent to the client.
    pub(super) delivered_bytes: u64,
    /// Microseconds the gateway itself added.
    pub(super) added: u64,
    /// Microseconds to the upstream's first byte.
    pub(super) first_byte: Option<u64>,
    /// Microseconds the connect took.
    pub(super) connect: Option<u64>,
    /// Findings listed one by one.
    pub(super) findings: Vec<RecordedFinding>,
    /// Findings in all.
    pub(super) findings_total: u32,
    /// Findings by category.
    by_category: [u32; CATEGORIES.len()],
    /// Whether the client is told what was found: it asked, or policy warns.
    pub(super) reported: bool,
    /// Values that were not read: how many, and the first of them.
    opaque_total: u32,
    opaque: Vec<RecordedOpaque>,
    /// Tokens put back.
    pub(super) restored: u64,
    /// Tokens of nobody.
    pub(super) unresolved: u64,
    /// Tokens left on purpose.
    pub(super) kept: u64,
    /// Whether the body passed unscanned.
    pub(super) failed_open: bool,
}

impl Draft {
    /// Begins the record of a request.
    pub(super) fn new(
        shard: &Rc<Shard>,
        snapshot: &Snapshot,
        peer: IpAddr,
        method: aegis_wire::head::Method,
        began: Instant,
    ) -> Self {
        shard.metrics.requests_in_flight.add(1);
        Self {
            shard: Rc::clone(shard),
            place: None,
            state: if snapshot.audit { State::Recorded } else { State::Counted },
            generation: snapshot.generation,
            started: SystemTime::now(),
            began,
            peer,
            key: None,
            organisation: None,
            upstream: None,
            path: Box::default(),
            method,
            id: shard.next_id(),
            status: 0,
            upstream_status: None,
            error: None,
            ended: Ending::Complete,
            request_bytes: 0,
            sent_bytes: 0,
            response_bytes: 0,
            delivered_bytes: 0,
            added: 0,
            first_byte: None,
            connect: None,
            findings: Vec::new(),
            findings_total: 0,
            by_category: [0; CATEGORIES.len()],
            reported: false,
            opaque_total: 0,
            opaque: Vec::new(),
            restored: 0,
            unresolved: 0,
            kept: 0,
            failed_open: false,
        }
    }

    /// Reserves the record's place in the ring. A request whose record might be lost is refused, unless the
    /// configuration says that passing is more important than recording.
    pub(super) fn reserve(&mut self, fail_mode: FailMode) -> Result<(), Failure> {
        if self.state == State::Counted {
            return Ok(());
        }
        if !self.shard.lifecycle.audit_failed() {
            self.place = self.shard.events.borrow().reserve();
        }
        if self.place.is_none() && fail_mode == FailMode::Closed {
            self.state = State::Refused;
            self.shard.metrics.audit_refused.inc();
            return Err(NO_PLACE);
        }
        Ok(())
    }

    /// Notes where the request goes.
    pub(super) fn routed(&mut self, upstream: &Upstream, path: Box<str>) {
        self.upstream = Some((Arc::clone(&upstream.name), upstream.slot));
        self.path = path;
    }

    /// Notes the path of a request that goes nowhere, or what more of it can be shown than before.
    pub(super) fn asked(&mut self, path: Box<str>) {
        self.path = path;
    }

    /// Notes whose key was used.
    pub(super) fn authorised(&mut self, key: &HashedKey) {
        self.key = Some(Arc::clone(&key.id));
        self.organisation.clone_from(&key.organisation);
    }

    /// Organisation and name of the gateway key, empty without one.
    pub(super) fn owner(&self) -> (&str, &str) {
        (self.organisation.as_deref().unwrap_or_default(), self.key.as_deref().unwrap_or_default())
    }

    /// Notes what was found in a part of the request; the body's own places need no further name.
    pub(super) fn found(&mut self, report: &Report, part: &str) {
        if report.opaque_total() > 0 {
            self.unread(report);
        }
        if report.total() == 0 {
            return;
        }
        self.findings_total += report.total();
        self.reported |= report.action(Action::Warn) > 0;
        for (sum, category) in self.by_category.iter_mut().zip(Category::ALL) {
            *sum += report.category(category);
            for action in Action::ALL {
                let count = report.count(category, action);
                self.shard.metrics.findings[category as usize][action as usize].add(u64::from(count));
            }
        }
        let room = MAX_LISTED_FINDINGS.saturating_sub(self.findings.len());
        for place in report.places().iter().take(room) {
            self.findings.push(RecordedFinding {
                rule: place.rule.0,
                category: place.category as u8,
                action: place.action as u8,
                place: if part.is_empty() { place.place.as_str() } else { told(part) }.into(),
                token: place.token.as_ref().map(|token| token.as_str().into()),
            });
        }
    }

    /// Notes what could not be read.
    fn unread(&mut self, report: &Report) {
        self.opaque_total += report.opaque_total();
        for kind in OpaqueKind::ALL {
            let (count, bytes) = report.opaque_of(kind);
            self.shard.metrics.opaque[kind as usize].add(u64::from(count));
            self.shard.metrics.opaque_bytes[kind as usize].add(bytes);
        }
        let room = MAX_OPAQUE.saturating_sub(self.opaque.len());
        self.opaque.extend(report.opaque().iter().take(room).map(|opaque| RecordedOpaque {
            kind: opaque.kind as u8,
            bytes: opaque.bytes,
            place: opaque.place.as_str().into(),
        }));
    }

    /// Counts of findings by category, as in `KEY=2,CONN=1`, for the client that asks.
    pub(super) fn summary(&self) -> String {
        let counts = CATEGORIES.iter().zip(self.by_category).filter(|(_, count)| *count > 0);
        let counts: Vec<String> = counts.map(|(name, count)| format!("{name}={count}")).collect();
        if counts.is_empty() { "none".to_owned() } else { counts.join(",") }
    }

    /// Ends the record and sends it on its way.
    pub(super) fn close(&mut self) {
        self.deliver();
    }

    fn deliver(&mut self) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        let metrics = Arc::clone(&self.shard.metrics);
        let slot = self.upstream.as_ref().map(|(_, slot)| *slot);
        metrics.requests_in_flight.sub(1);
        metrics.finished(slot, self.status);
        metrics.added.observe(self.added);
        metrics.request_bytes.add(self.request_bytes);
        metrics.response_bytes.add(self.response_bytes);
        metrics.restored.add(self.restored);
        metrics.unresolved.add(self.unresolved);
        metrics.kept.add(self.kept);
        if self.failed_open {
            metrics.failed_open.inc();
        }
        if self.ended == Ending::ClientAborted {
            metrics.client_aborts.inc();
        }
        if let (Some(slot), Some(micros)) = (slot, self.first_byte) {
            metrics.upstreams[slot].first_byte.observe(micros);
        }
        if state == State::Counted {
            return;
        }
        let record = self.record();
        let place = self.place.take();
        let mut events = self.shard.events.borrow_mut();
        let delivered = match place {
            Some(place) => events.send(place, record),
            None => events.send_unreserved(record),
        };
        if !delivered && state != State::Refused {
            metrics.audit_dropped.inc();
        }
    }

    fn record(&mut self) -> Box<RequestRecord> {
        Box::new(RequestRecord {
            id: self.id,
            started: self.started,
            generation: self.generation,
            peer: self.peer,
            key: self.key.take(),
            organisation: self.organisation.take(),
            method: self.method.as_str().into(),
            upstream: self.upstream.take().map(|(name, _)| name),
            path: std::mem::take(&mut self.path),
            status: self.status,
            upstream_status: self.upstream_status,
            error: self.error,
            ended: self.ended,
            request_bytes: self.request_bytes,
            sent_bytes: self.sent_bytes,
            response_bytes: self.response_bytes,
            delivered_bytes: self.delivered_bytes,
            times: Times {
                total: micros(self.began),
                added: self.added,
                first_byte: self.first_byte,
                connect: self.connect,
            },
            findings: std::mem::take(&mut self.findings),
            findings_total: self.findings_total,
            opaque_total: self.opaque_total,
            opaque: std::mem::take(&mut self.opaque),
            restored: self.restored,
            unresolved: self.unresolved,
            kept: self.kept,
            failed_open: self.failed_open,
        })
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if self.state != State::Closed {
            self.ended = Ending::Shutdown;
            self.deliver();
        }
    }
}

/// How a part of the request is named in its record. A field's name is the client's own, and may hold what its value does; one
/// that looks like a name is told.
fn told(part: &str) -> &str {
    const FIELD: &str = "header ";
    let Some(name) = part.strip_prefix(FIELD) else { return part };
    let is_name =
        name.len() <= MAX_FIELD_NAME && name.bytes().all(|byte| byte.is_ascii_alphabetic() || byte == b'-');
    if is_name { part } else { "header *" }
}

/// Whole microseconds since `then`.
pub(super) fn micros(then: Instant) -> u64 {
    u64::try_from(then.elapsed().as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_are_told_when_they_are_names() {
        let longest = format!("header {}", "x".repeat(MAX_FIELD_NAME));
        for part in ["query[0]", "path", "header x-title", "header http-referer", longest.as_str()] {
            assert_eq!(told(part), part);
        }
        for part in ["header x-customer-4711", "header a.b", &format!("{longest}x")] {
            assert_eq!(told(part), "header *");
        }
    }
}
