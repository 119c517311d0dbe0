//! Empties the shards' rings: audit events, access lines, remarks for the log.
//!
//! Runs on a thread of its own and sleeps between rounds, a few milliseconds under load, longer when nothing comes.
//! While the audit file cannot be written nothing is taken from the rings: what is there stays, the rings fill, and
//! `policy.fail_mode` decides at the shards whether further requests are refused (closed) or pass and their events are
//! counted as lost (open). So no event disappears without a counter and a log line.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::output::Output;
use super::shared::Shared;
use super::tenure::AsideStep;
use super::{access, audit::AuditEvent};
use crate::config::settings::{AuditSync, LogFormat};
use crate::events::{LogEvent, LogEventLevel, Receiver, RequestRecord, ShardEvent};
use crate::lifecycle::ShardState;
use crate::metrics::ShardMetrics;

/// Sleep after a round that found something.
pub const BUSY: Duration = Duration::from_millis(4);
/// Longest sleep when nothing comes; doubles up to it.
pub const IDLE: Duration = Duration::from_millis(64);
/// Most events taken from one ring in one round, so that one shard cannot keep the others waiting.
const BATCH: usize = 1_024;
/// Time between two complaints about the same trouble.
const COMPLAIN: Duration = Duration::from_secs(10);
/// Time between two `fsync` calls of [`AuditSync::Second`].
const SECOND: Duration = Duration::from_secs(1);

/// Requests passed without a record.
const LOST: &str = "requests passed without an audit event: policy.fail_mode is open, and the ring was full or the audit file \
could not be written";
/// Requests did not pass, because none could be made.
const REFUSED: &str = "requests were refused for want of room for their audit events: policy.fail_mode is closed, and the ring is \
full or the audit file cannot be written";

/// Writes what shards report.
#[derive(Debug)]
pub struct Journal {
    rings: Vec<Receiver>,
    audit: Option<Output>,
    sync: AuditSync,
    access: Option<Output>,
    format: LogFormat,
    unsynced: bool,
    synced_at: Instant,
    access_failed: Complaint,
    audit_failed: Complaint,
    lost: Count,
    refused: Count,
}

impl Journal {
    /// A journal of `rings`; without `audit` or `access` those lines are not written.
    pub fn new(
        rings: Vec<Receiver>,
        audit: Option<Output>,
        sync: AuditSync,
        access: Option<Output>,
        format: LogFormat,
    ) -> Self {
        Journal {
            rings,
            audit,
            sync,
            access,
            format,
            unsynced: false,
            synced_at: Instant::now(),
            access_failed: Complaint::default(),
            audit_failed: Complaint::default(),
            lost: Count::default(),
            refused: Count::default(),
        }
    }

    /// Works until all shards have ended, or it is asked to close, and everything they sent is written, or cannot be.
    pub fn run(mut self, shared: &Arc<Shared>) {
        let mut pause = BUSY;
        loop {
            let over = shared.closing.load(Relaxed)
                || shared.lifecycle.shards_in(ShardState::Ended) == shared.metrics.shards().len();
            let taken = self.round(shared);
            if over && (taken == 0 || shared.lifecycle.has_audit_failed()) {
                break;
            }
            pause = if taken > 0 { BUSY } else { (pause * 2).min(IDLE) };
            if !over {
                std::thread::sleep(pause);
            }
        }
        let waiting: usize = self.rings.iter().map(Receiver::waiting).sum();
        if waiting > 0 || self.audit.as_ref().is_some_and(|audit| !audit.is_empty()) {
            tracing::error!(
                waiting,
                "audit events are lost: the audit file could not be written until the end"
            );
        }
        if let Err(error) = self.force() {
            tracing::error!(%error, "the last audit events may not be on the disk");
        }
    }

    /// Takes one batch from each ring and writes it; gives the number of events.
    pub fn round(&mut self, shared: &Shared) -> usize {
        if shared.reopen.swap(false, Relaxed) {
            self.reopen();
        }
        if let Some(step) = shared.audit_place.due() {
            self.move_audit(step);
            shared.audit_place.done(step);
        }
        self.say_what_was_lost(shared);
        // First what waits: until it is written nothing more is taken.
        if !self.write(shared) {
            return 0;
        }
        let mut taken = 0;
        for ring in 0..self.rings.len() {
            for _ in 0..BATCH {
                let Some(event) = self.rings[ring].take() else { break };
                taken += 1;
                match event {
                    ShardEvent::Request(record) => self.note(&record, shared),
                    ShardEvent::Log(remark) => say(&remark),
                }
            }
        }
        if taken > 0 {
            self.write(shared);
        }
        taken
    }

    fn note(&mut self, record: &RequestRecord, shared: &Shared) {
        if let Some(audit) = &mut self.audit {
            let rules = shared.rule_book.of(record.generation);
            AuditEvent::new(record, rules.as_deref()).write(audit.lines());
            shared.counts.audit_events.inc();
        }
        if let Some(access) = &mut self.access {
            access::write(record, self.format, access.lines());
        }
    }

    /// Writes what waits; false while the audit file cannot be written.
    fn write(&mut self, shared: &Shared) -> bool {
        if let Some(access) = &mut self.access
            && let Err(error) = access.flush()
        {
            // An access line is a convenience: it is given up rather than held against memory.
            access.give_up();
            if self.access_failed.is_due() {
                tracing::error!(%error, "cannot write the access log; its lines are given up");
            }
        }
        let written = self.write_audit();
        let was_failing = shared.lifecycle.has_audit_failed();
        match &written {
            Ok(()) if was_failing => {
                tracing::info!("the audit file can be written again; nothing was lost in it");
                self.audit_failed = Complaint::default();
            }
            Ok(()) => {}
            Err(error) => {
                shared.counts.audit_failures.inc();
                if self.audit_failed.is_due() {
                    tracing::error!(%error, "cannot write audit events: they are kept, and policy.fail_mode decides on further requests");
                }
            }
        }
        if was_failing != written.is_err() {
            shared.lifecycle.set_audit_failed(written.is_err());
        }
        written.is_ok()
    }

    fn write_audit(&mut self) -> io::Result<()> {
        let Some(audit) = &mut self.audit else { return Ok(()) };
        if !audit.is_empty() {
            audit.flush()?;
            self.unsynced = true;
            if audit.rotate_if_full()? {
                self.unsynced = false;
            }
        }
        let due = match self.sync {
            AuditSync::None => false,
            AuditSync::Second => self.synced_at.elapsed() >= SECOND,
            AuditSync::Batch => true,
        };
        if self.unsynced && due { self.force() } else { Ok(()) }
    }

    fn force(&mut self) -> io::Result<()> {
        if let Some(audit) = &mut self.audit
            && self.unsynced
        {
            audit.sync()?;
            self.unsynced = false;
            self.synced_at = Instant::now();
        }
        Ok(())
    }

    fn reopen(&mut self) {
        for output in [&mut self.audit, &mut self.access].into_iter().flatten() {
            if let Err(error) = output.reopen() {
                tracing::error!(%error, "cannot open a log anew; the old file stays in use");
            }
        }
    }

    /// Makes room for the audit file of another gateway, or takes its place again.
    fn move_audit(&mut self, step: AsideStep) {
        let Some(audit) = &mut self.audit else { return };
        let moved = match step {
            AsideStep::SetAside => audit.step_aside(),
            AsideStep::Return => audit.step_back(),
        };
        if let Err(error) = moved {
            tracing::error!(%error, "cannot move the audit file; the one in use stays in use");
        }
    }

    /// What did not fit was counted by the shards, each case apart: here it is said which of the two it was, whatever
    /// `policy.fail_mode` has become since.
    fn say_what_was_lost(&mut self, shared: &Shared) {
        let sum = |of: fn(&ShardMetrics) -> u64| shared.metrics.shards().iter().map(|shard| of(shard)).sum();
        if let Some(events) = self.lost.news(sum(|shard| shard.audit_dropped.get())) {
            tracing::error!(events, "{LOST}");
        }
        if let Some(requests) = self.refused.news(sum(|shard| shard.audit_refused.get())) {
            tracing::error!(requests, "{REFUSED}");
        }
    }
}

/// When the same trouble was last complained of.
#[derive(Debug, Default)]
struct Complaint(Option<Instant>);

impl Complaint {
    /// Whether it is time to complain; if so, the next time is a while away.
    fn is_due(&mut self) -> bool {
        let due = self.0.is_none_or(|at| at.elapsed() >= COMPLAIN);
        if due {
            self.0 = Some(Instant::now());
        }
        due
    }
}

/// A counter of trouble that is said in the log now and then.
#[derive(Debug, Default)]
struct Count {
    said: u64,
    complaint: Complaint,
}

impl Count {
    /// How much it has grown to, if it has grown and it is time to say so.
    fn news(&mut self, total: u64) -> Option<u64> {
        if total <= self.said || !self.complaint.is_due() {
            return None;
        }
        self.said = total;
        Some(total)
    }
}

fn say(remark: &LogEvent) {
    match remark.level {
        LogEventLevel::Info => tracing::info!(detail = %remark.detail, "{}", remark.what),
        LogEventLevel::Warn => tracing::warn!(detail = %remark.detail, "{}", remark.what),
        LogEventLevel::Error => tracing::error!(detail = %remark.detail, "{}", remark.what),
    }
}
