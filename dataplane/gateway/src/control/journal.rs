//! Empties the shards' rings: audit events, access lines, remarks for the log.
//!
//! Runs on a thread of its own, never writes to a file itself, and sleeps between rounds, a few milliseconds under load,
//! longer when nothing comes. While audit events cannot be written, or their disk does not answer, no record is taken
//! from the rings: what is there stays, the rings fill, and `policy.fail_mode` decides at the shards whether further
//! requests are refused (closed) or pass and their events are counted as lost (open). So no event disappears without a
//! counter and a log line. Neither a slow access log nor a slow program log keeps an event.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::audit_health::AuditTrouble;
use super::log_writer::{LogWriter, WriterStatus};
use super::report_limiter::{CountedTrouble, ReportLimiter};
use super::shared::Shared;
use super::{access, audit::AuditEvent};
use crate::config::settings::LogFormat;
use crate::events::{LogEvent, LogEventLevel, Receiver, RequestRecord};
use crate::logs;
use crate::metrics::ShardMetrics;

/// Sleep after a round that found something.
pub const BUSY: Duration = Duration::from_millis(4);
/// Longest sleep when nothing comes; doubles up to it.
pub const IDLE: Duration = Duration::from_millis(64);
/// How long what is left may take to be written when all shards have ended.
pub const LAST_WRITES: Duration = Duration::from_secs(5);
/// The same after a second signal, and for the access log.
const IMMEDIATE_WRITES: Duration = Duration::from_millis(500);
/// Most events taken from one ring in one round, so that one shard cannot keep the others waiting.
const BATCH: usize = 1_024;

/// Requests passed without a record.
const LOST: &str = "requests passed without an audit event: policy.fail_mode is open, and the ring was full or the audit file \
could not be written";
/// Requests did not pass, because none could be made.
const REFUSED: &str = "requests were refused for want of room for their audit events: policy.fail_mode is closed, and the ring is \
full or the audit file cannot be written";
const CANNOT_WRITE: &str =
    "cannot write audit events: they are kept, and policy.fail_mode decides on further requests";
const NO_ANSWER: &str = "the disk or pipe of the audit log does not answer: events are kept, and policy.fail_mode decides on further requests";
const RING_FULL: &str =
    "the ring of audit events is full: the disk or pipe of the audit log is slower than requests come";

/// Hands what shards report to the threads that write it.
#[derive(Debug)]
pub struct Journal {
    rings: Vec<Receiver>,
    audit: Option<LogWriter>,
    access: Option<LogWriter>,
    format: LogFormat,
    /// How long an event may wait to be written before the audit log counts as failing.
    write_timeout: Duration,
    audit_lines: Vec<u8>,
    access_lines: Vec<u8>,
    /// Whether a batch of events is being written, and may be done soon.
    is_writing: bool,
    /// Requests without room for their events, when the audit log had last nothing to write.
    without_room: u64,
    audit_trouble: ReportLimiter,
    lost: CountedTrouble,
    refused: CountedTrouble,
    access_dropped: CountedTrouble,
    log_dropped: CountedTrouble,
}

impl Journal {
    /// A journal of `rings`; without `audit` or `access` those lines are not written.
    pub fn new(
        rings: Vec<Receiver>,
        audit: Option<LogWriter>,
        access: Option<LogWriter>,
        format: LogFormat,
        write_timeout: Duration,
    ) -> Self {
        Journal {
            rings,
            audit,
            access,
            format,
            write_timeout,
            audit_lines: Vec::new(),
            access_lines: Vec::new(),
            is_writing: false,
            without_room: 0,
            audit_trouble: ReportLimiter::default(),
            lost: CountedTrouble::default(),
            refused: CountedTrouble::default(),
            access_dropped: CountedTrouble::default(),
            log_dropped: CountedTrouble::default(),
        }
    }

    /// Works until all shards have ended, or it is asked to close, and everything they sent is written, or cannot be
    /// within [`LAST_WRITES`].
    pub fn run(mut self, shared: &Arc<Shared>) {
        let mut pause = BUSY;
        let mut over_since = None;
        loop {
            let over = shared.closing.load(Relaxed) || shared.lifecycle.has_ended();
            let taken = self.round(shared);
            if over {
                let begun = *over_since.get_or_insert_with(Instant::now);
                if (taken == 0 && self.is_settled()) || begun.elapsed() >= time_to_end(shared) {
                    return self.end(begun, shared);
                }
                pause = BUSY;
            } else {
                pause = if taken > 0 || self.is_writing { BUSY } else { (pause * 2).min(IDLE) };
            }
            std::thread::sleep(pause);
        }
    }

    /// Takes one batch from each ring and hands it on; gives the number of events.
    pub fn round(&mut self, shared: &Shared) -> usize {
        if shared.reopen.swap(false, Relaxed) {
            [&self.audit, &self.access].into_iter().flatten().for_each(LogWriter::reopen);
        }
        if let Some(step) = shared.audit_file.due() {
            match &self.audit {
                Some(audit) => audit.apply_step(step),
                None => shared.audit_file.done(step),
            }
        }
        self.report_losses(shared);
        let mut taken = 0;
        for ring in &mut self.rings {
            while let Some(remark) = ring.take_remark() {
                taken += 1;
                log_event(&remark);
            }
        }
        // Until what was handed over is written nothing more is taken.
        if self.check_audit(shared) {
            taken += self.take_records(shared);
        }
        taken
    }

    fn take_records(&mut self, shared: &Shared) -> usize {
        let mut taken = 0;
        for ring in 0..self.rings.len() {
            for _ in 0..BATCH {
                let Some(record) = self.rings[ring].take() else { break };
                taken += 1;
                self.note(&record, shared);
            }
        }
        if let Some(audit) = &self.audit {
            audit.hand_over(&mut self.audit_lines);
        }
        if let Some(access) = &self.access {
            let dropped = access.hand_over(&mut self.access_lines);
            shared.counts.access_dropped.add(dropped as u64);
        }
        taken
    }

    fn note(&mut self, record: &RequestRecord, shared: &Shared) {
        if self.audit.is_some() {
            let rules = shared.rule_book.of(record.generation);
            AuditEvent::new(record, rules.as_deref()).write(&mut self.audit_lines);
            shared.counts.audit_events.inc();
        }
        if self.access.is_some() {
            access::write(record, self.format, &mut self.access_lines);
        }
    }

    /// Looks how the audit log fares, and says so. Returns whether it has nothing to write, so that more can be taken.
    fn check_audit(&mut self, shared: &Shared) -> bool {
        let Some(audit) = &self.audit else { return true };
        let status = audit.status();
        let without_room = sum(shared, |shard| shard.audit_dropped.get() + shard.audit_refused.get());
        let (trouble, oldest) = match &status {
            WriterStatus::Idle => {
                self.without_room = without_room;
                (None, Duration::ZERO)
            }
            WriterStatus::Failing(since, _) => (Some(AuditTrouble::Refused), since.elapsed()),
            WriterStatus::Busy(since) if since.elapsed() >= self.write_timeout => {
                (Some(AuditTrouble::Stalled), since.elapsed())
            }
            WriterStatus::Busy(since) => {
                let is_full = without_room > self.without_room;
                (is_full.then_some(AuditTrouble::Full), since.elapsed())
            }
        };
        self.is_writing = matches!(status, WriterStatus::Busy(_)) && oldest < IDLE;
        let before = shared.audit.trouble();
        shared.audit.set(trouble, oldest);
        shared.lifecycle.set_audit_failed(trouble.is_some_and(AuditTrouble::closes_ring));
        if trouble != before {
            self.audit_trouble = ReportLimiter::default();
        }
        match trouble {
            Some(trouble) if self.audit_trouble.is_due() => self.log_trouble(trouble, &status, oldest),
            None if before.is_some() => {
                tracing::info!("audit events can be written again; nothing was lost in the file");
            }
            _ => {}
        }
        status == WriterStatus::Idle
    }

    fn log_trouble(&self, trouble: AuditTrouble, status: &WriterStatus, oldest: Duration) {
        let (waiting, oldest_s) = (self.unwritten(), oldest.as_secs());
        match (trouble, status) {
            (_, WriterStatus::Failing(_, error)) => tracing::error!(error, waiting, "{CANNOT_WRITE}"),
            (AuditTrouble::Full, _) => tracing::error!(waiting, oldest_s, "{RING_FULL}"),
            _ => tracing::error!(waiting, oldest_s, "{NO_ANSWER}"),
        }
    }

    /// Events that are not written: those in the rings, and those that were handed over.
    fn unwritten(&self) -> usize {
        let waiting: usize = self.rings.iter().map(Receiver::waiting).sum();
        waiting + self.audit.as_ref().map_or(0, LogWriter::unwritten)
    }

    /// Whether everything is written.
    fn is_settled(&self) -> bool {
        // The writer may have become idle since the last round, which then took nothing.
        self.audit.as_ref().is_none_or(|audit| audit.status() == WriterStatus::Idle)
            && self.rings.iter().all(|ring| ring.waiting() == 0)
    }

    /// Gives the writers the rest of their time, and says what is lost.
    fn end(self, begun: Instant, shared: &Shared) {
        let left = time_to_end(shared).saturating_sub(begun.elapsed()).max(IMMEDIATE_WRITES);
        let closed = self.audit.as_ref().is_none_or(|audit| audit.close(left));
        let lost = self.unwritten();
        if lost > 0 {
            tracing::error!(lost, "audit events are lost: they could not be written until the end");
        } else if !closed {
            tracing::error!("the last audit events may not be on the disk, which does not answer");
        }
        let Some(access) = self.access else { return };
        if !access.close(IMMEDIATE_WRITES) {
            let lost = access.unwritten();
            tracing::warn!(lost, "the last lines of the access log are lost: it takes none");
        }
    }

    /// What did not fit was counted by the shards, each case apart: here it is said which of the two it was, whatever
    /// `policy.fail_mode` has become since.
    fn report_losses(&mut self, shared: &Shared) {
        if let Some(events) = self.lost.due_total(sum(shared, |shard| shard.audit_dropped.get())) {
            tracing::error!(events, "{LOST}");
        }
        if let Some(requests) = self.refused.due_total(sum(shared, |shard| shard.audit_refused.get())) {
            tracing::error!(requests, "{REFUSED}");
        }
        if let Some(lines) = self.access_dropped.due_total(shared.counts.access_dropped.get()) {
            tracing::error!(
                lines,
                "lines of the access log were dropped: it took none, or could not be written"
            );
        }
        if let Some(lines) = self.log_dropped.due_total(logs::dropped_lines()) {
            tracing::warn!(lines, "lines of this log were dropped: standard error took none");
        }
    }
}

/// Adds a counter of all shards up.
fn sum(shared: &Shared, of: fn(&ShardMetrics) -> u64) -> u64 {
    shared.metrics.shards().iter().map(|shard| of(shard)).sum()
}

/// How long what is left may take to be written.
fn time_to_end(shared: &Shared) -> Duration {
    if shared.is_ending_at_once() { IMMEDIATE_WRITES } else { LAST_WRITES }
}

fn log_event(remark: &LogEvent) {
    match remark.level {
        LogEventLevel::Info => tracing::info!(detail = %remark.detail, "{}", remark.what),
        LogEventLevel::Warn => tracing::warn!(detail = %remark.detail, "{}", remark.what),
        LogEventLevel::Error => tracing::error!(detail = %remark.detail, "{}", remark.what),
    }
}
