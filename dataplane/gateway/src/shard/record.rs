//! The record of an exchange: written once, as the exchange goes, and delivered however that ends.

use std::net::IpAddr;
use std::ops::{Deref, DerefMut};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use aegis_detect::{Category, Evidence};
use aegis_shield::report::MAX_OPAQUE;
use aegis_shield::{Action, OpaqueKind, Report};
use aegis_wire::head::Method;

use super::state::Shard;
use crate::config::settings::FailMode;
use crate::error_body::Failure;
use crate::events::{Ending, MAX_LISTED_FINDINGS, RecordedFinding, RecordedOpaque, RequestRecord, RingSlot};
use crate::snapshot::{HashedKey, Snapshot, Upstream};

const NO_PLACE: Failure = Failure::overloaded("the audit log cannot take another request");

/// Longest name of a header field that a record shows, in bytes.
const MAX_FIELD_NAME: usize = 40;

/// What becomes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RecordState {
    /// It is counted only: nobody wants the record.
    Counted,
    /// It is delivered.
    Recorded,
    /// Its request was refused because there is no room for the record, and is counted as such.
    Refused,
    /// It has been delivered.
    Closed,
}

/// A record in the making; dereferences to what it holds so far. Dropped before [`RecordBuilder::close`], it says that
/// the exchange was cut off.
pub(super) struct RecordBuilder {
    record: RequestRecord,
    shard: Rc<Shard>,
    place: Option<RingSlot>,
    state: RecordState,
    began: Instant,
    /// The upstream's slot in the metrics.
    slot: Option<usize>,
    by_category: [u32; Category::ALL.len()],
    is_reported: bool,
    may_recall: bool,
}

impl Deref for RecordBuilder {
    type Target = RequestRecord;

    fn deref(&self) -> &RequestRecord {
        &self.record
    }
}

impl DerefMut for RecordBuilder {
    fn deref_mut(&mut self) -> &mut RequestRecord {
        &mut self.record
    }
}

impl RecordBuilder {
    /// Begins the record of a request.
    pub(super) fn new(
        shard: &Rc<Shard>,
        snapshot: &Snapshot,
        peer: IpAddr,
        method: Option<Method>,
        began: Instant,
    ) -> Self {
        shard.metrics.requests_in_flight.add(1);
        Self {
            record: RequestRecord::new(shard.next_id(), snapshot.generation, peer, method),
            shard: Rc::clone(shard),
            place: None,
            state: if snapshot.audit { RecordState::Recorded } else { RecordState::Counted },
            began,
            slot: None,
            by_category: [0; Category::ALL.len()],
            is_reported: false,
            may_recall: true,
        }
    }

    /// Reserves the record's place in the ring. A request whose record might be lost is refused, unless the
    /// configuration says that passing is more important than recording.
    pub(super) fn reserve(&mut self, fail_mode: FailMode) -> Result<(), Failure> {
        if self.state == RecordState::Counted {
            return Ok(());
        }
        if !self.shard.lifecycle.has_audit_failed() {
            self.place = self.shard.events.borrow().reserve();
        }
        if self.place.is_none() && fail_mode == FailMode::Closed {
            self.state = RecordState::Refused;
            self.shard.metrics.audit_refused.inc();
            return Err(NO_PLACE);
        }
        Ok(())
    }

    /// Notes where the request goes.
    pub(super) fn set_upstream(&mut self, upstream: &Upstream) {
        self.upstream = Some(Arc::clone(&upstream.name));
        self.slot = Some(upstream.slot);
    }

    /// Notes whose key was used.
    pub(super) fn set_key(&mut self, key: &HashedKey) {
        self.key = Some(Arc::clone(&key.id));
        self.organisation.clone_from(&key.organisation);
        self.may_recall = key.recall;
    }

    /// Whether the holder of the gateway key lets values be remembered.
    pub(super) fn may_recall(&self) -> bool {
        self.may_recall
    }

    /// Organisation and name of the gateway key, empty without one.
    pub(super) fn owner(&self) -> (&str, &str) {
        (self.organisation.as_deref().unwrap_or_default(), self.key.as_deref().unwrap_or_default())
    }

    /// Decides whether the client gets a summary of what was found, if policy does not warn about it anyway.
    pub(super) fn report_findings(&mut self, is_reported: bool) {
        self.is_reported = is_reported;
    }

    /// Whether the client gets a summary of what was found.
    pub(super) fn is_reported(&self) -> bool {
        self.is_reported
    }

    /// Adds what was found in a part of the request; the body's own places need no further name.
    pub(super) fn add_findings(&mut self, report: &Report, part: &str) {
        if report.opaque_total() > 0 {
            self.add_opaque(report);
        }
        if report.total() == 0 {
            return;
        }
        self.findings_total += report.total();
        self.findings_in_place += report.in_place();
        self.is_reported |= report.action(Action::Warn) > 0;
        for (sum, category) in self.by_category.iter_mut().zip(Category::ALL) {
            *sum += report.category(category);
            for action in Action::ALL {
                let count = report.count(category, action);
                self.shard.metrics.findings[category as usize][action as usize].add(u64::from(count));
            }
        }
        let room = MAX_LISTED_FINDINGS.saturating_sub(self.findings.len());
        let findings = report.findings().iter().take(room).map(|place| RecordedFinding {
            rule: place.rule.0,
            category: place.category,
            action: place.action,
            place: if part.is_empty() { place.place.as_str() } else { shown_part(part) }.into(),
            token: place.token.as_ref().map(|token| token.as_str().into()),
            lines: place.lines,
            by_value: place.evidence == Evidence::Value,
        });
        self.record.findings.extend(findings);
    }

    /// Adds the values that could not be read.
    fn add_opaque(&mut self, report: &Report) {
        self.opaque_total += report.opaque_total();
        for kind in OpaqueKind::ALL {
            let (count, bytes) = report.opaque_of(kind);
            self.shard.metrics.opaque[kind as usize].add(u64::from(count));
            self.shard.metrics.opaque_bytes[kind as usize].add(bytes);
        }
        let room = MAX_OPAQUE.saturating_sub(self.opaque.len());
        self.record.opaque.extend(report.opaque().iter().take(room).map(|opaque| RecordedOpaque {
            kind: opaque.kind,
            bytes: opaque.bytes,
            place: opaque.place.as_str().into(),
        }));
    }

    /// Counts of findings by category, as in `KEY=2,CONN=1`, for the client that asks.
    pub(super) fn summary(&self) -> String {
        let counts = Category::ALL.iter().zip(self.by_category).filter(|(_, count)| *count > 0);
        let counts: Vec<String> =
            counts.map(|(category, count)| format!("{}={count}", category.as_str())).collect();
        if counts.is_empty() { "none".to_owned() } else { counts.join(",") }
    }

    /// Notes that the exchange did not end by itself if the process stops now, and cuts every connection. An answer that
    /// was brought about by that and could not be `delivered` is not recorded.
    pub(super) fn note_stop(&mut self, delivered: bool) {
        if !self.shard.is_stopping() || (delivered && self.ended == Ending::Complete) {
            return;
        }
        self.ended = Ending::Shutdown;
        if !delivered && self.error.take().is_some() {
            self.status = 0;
        }
    }

    /// Notes that the gateway answers with an error of its own.
    pub(super) fn note_failure(&mut self, failure: &Failure) {
        self.error = Some(failure.kind.as_str());
        self.status = failure.status;
        if matches!(failure.status, 408 | 504) {
            self.ended = Ending::TimedOut;
        }
    }

    /// Ends the record and sends it on its way.
    pub(super) fn close(&mut self) {
        self.deliver();
    }

    fn deliver(&mut self) {
        let state = std::mem::replace(&mut self.state, RecordState::Closed);
        self.count();
        if state == RecordState::Counted {
            return;
        }
        self.record.times.total = micros(self.began);
        let RequestRecord { id, generation, peer, method, .. } = self.record;
        let closed = RequestRecord::new(id, generation, peer, method);
        let record = Box::new(std::mem::replace(&mut self.record, closed));
        let mut events = self.shard.events.borrow_mut();
        let delivered = match self.place.take() {
            Some(place) => events.send(place, record),
            None => events.send_unreserved(record),
        };
        if !delivered && state != RecordState::Refused {
            self.shard.metrics.audit_dropped.inc();
        }
    }

    /// Adds the exchange to the metrics.
    fn count(&self) {
        let metrics = &self.shard.metrics;
        metrics.requests_in_flight.sub(1);
        metrics.finished(self.slot, self.status);
        metrics.added.observe(self.times.added);
        metrics.request_bytes.add(self.request_bytes);
        metrics.response_bytes.add(self.response_bytes);
        metrics.restored.add(self.restored);
        metrics.unresolved.add(self.unresolved);
        metrics.kept.add(self.kept);
        metrics.withheld_by_policy.add(self.restore.withheld_by_policy);
        metrics.withheld_by_guard.add(self.restore.withheld_by_guard);
        metrics.beside_unnamed_hosts.add(self.restore.beside_unnamed_hosts);
        if self.failed_open {
            metrics.failed_open.inc();
        }
        if self.streamed {
            metrics.streamed.inc();
        }
        if self.ended == Ending::ClientAborted {
            metrics.client_aborts.inc();
        }
        if let (Some(slot), Some(micros)) = (self.slot, self.times.first_byte) {
            metrics.upstreams[slot].first_byte.observe(micros);
        }
    }
}

impl Drop for RecordBuilder {
    fn drop(&mut self) {
        if self.state != RecordState::Closed {
            self.ended = Ending::Shutdown;
            self.deliver();
        }
    }
}

/// How a part of the request is named in its record. A field's name is the client's own, and may hold what its value
/// does: only one that looks like a name is shown.
fn shown_part(part: &str) -> &str {
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
    fn names_of_fields_are_shown_when_they_are_names() {
        let longest = format!("header {}", "x".repeat(MAX_FIELD_NAME));
        for part in ["query[0]", "path", "header x-title", "header http-referer", longest.as_str()] {
            assert_eq!(shown_part(part), part);
        }
        for part in ["header x-customer-4711", "header a.b", &format!("{longest}x")] {
            assert_eq!(shown_part(part), "header *");
        }
    }
}
