//! Empties the shards' rings: audit events, access lines, remarks for the log.
//!
//! Runs on a thread of its own and sleeps between rounds, a few milliseconds under load, longer when nothing comes. While the
//! audit file cannot be written nothing is taken from the rings: what is there stays, the rings fill, and
//! `policy.fail_mode` decides at the shards whether further requests are refused (closed) or pass and are counted as lost
//! (open). So no event disappears without a counter, a log line, or both.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

use super::output::Output;
use super::{Shared, access, audit::AuditEvent};
use crate::config::settings::{AuditSync, LogFormat};
use crate::events::{Event, Notice, NoticeLevel, Receiver, RequestRecord};
use crate::lifecycle::ShardState;

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
    complained_at: Option<Instant>,
    lost_said: u64,
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
            complained_at: None,
            lost_said: 0,
        }
    }

    /// Works until all shards have ended, or it is told to close, and everything they sent is written, or cannot be.
    pub fn run(mut self, shared: &Arc<Shared>) {
        let mut pause = BUSY;
        loop {
            let over = shared.closing.load(Relaxed)
                || shared.lifecycle.shards_in(ShardState::Ended) == shared.metrics.shards().len();
            let taken = self.round(shared);
            if over && (taken == 0 || shared.lifecycle.audit_failed()) {
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
                    Event::Request(record) => self.note(&record, shared),
                    Event::Notice(notice) => say(&notice),
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
            access.lines().clear();
            complain(&mut self.complained_at, || tracing::error!(%error, "cannot write the access log"));
        }
        let written = self.write_audit();
        let was_failing = shared.lifecycle.audit_failed();
        match &written {
            Ok(()) if was_failing => {
                tracing::info!("the audit file can be written again; nothing was lost in it");
                self.complained_at = None;
            }
            Ok(()) => {}
            Err(error) => {
                shared.counts.audit_failures.inc();
                complain(&mut self.complained_at, || {
                    tracing::error!(%error, "cannot write audit events: they are kept, and policy.fail_mode decides on further requests");
                });
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

    /// Events that found no place in a ring were counted by the shard; here it is said.
    fn say_what_was_lost(&mut self, shared: &Shared) {
        let lost: u64 = shared.metrics.shards().iter().map(|shard| shard.audit_dropped.get()).sum();
        if lost > self.lost_said {
            let complained = complain(&mut self.complained_at, || {
                tracing::error!(
                    lost,
                    "audit events were lost: the ring was full and policy.fail_mode is open"
                );
            });
            if complained {
                self.lost_said = lost;
            }
        }
    }
}

/// Complains unless that was done a moment ago; tells whether it did.
fn complain(last: &mut Option<Instant>, say: impl FnOnce()) -> bool {
    let due = last.is_none_or(|at| at.elapsed() >= COMPLAIN);
    if due {
        *last = Some(Instant::now());
        say();
    }
    due
}

fn say(notice: &Notice) {
    match notice.level {
        NoticeLevel::Info => tracing::info!(detail = %notice.detail, "{}", notice.what),
        NoticeLevel::Warn => tracing::warn!(detail = %notice.detail, "{}", notice.what),
        NoticeLevel::Error => tracing::error!(detail = %notice.detail, "{}", notice.what),
    }
}
