//! Audit events in the embedded database: written one by one, deleted in steps when they have expired.

use rusqlite::{Connection, params};

use super::transaction::{SqliteTransaction, fault};
use crate::storage::engine::{Day, Maintained, RETENTION_DAYS, Transaction};
use crate::storage::error::Result;
use crate::storage::event::StoredEvent;
use crate::storage::ids::now;
use crate::storage::retention;
use crate::storage::value::values;

/// Events that one call deletes at most: the writer is not kept from others for longer.
const DELETE_STEP: i64 = 5000;

const EVENT: &str = "INSERT INTO audit_events (organisation_id, number, retention_days, received_day, gateway_id, boot_id, \
    sequence, hash, received_us, occurred_us, clock_skew_us, kind, request_id, key_id, team_id, provider, model, outcome, \
    status, findings, restored, request_bytes, response_bytes, input_tokens, output_tokens, line) \
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
const FINDING: &str = "INSERT INTO audit_findings (organisation_id, number, retention_days, received_day, position, rule, \
    category, action, place, token) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

pub(super) fn insert(connection: &Connection, events: &[StoredEvent]) -> Result<()> {
    let mut event_row = connection.prepare_cached(EVENT).map_err(|error| fault(EVENT, error))?;
    let mut finding_row = connection.prepare_cached(FINDING).map_err(|error| fault(FINDING, error))?;
    for event in events {
        let facts = &event.facts;
        event_row
            .execute(params![
                event.organisation,
                event.number,
                event.retention_days,
                event.received_day,
                event.gateway,
                event.boot,
                event.sequence,
                event.hash,
                event.received,
                facts.occurred.unwrap_or(event.received),
                event.clock_skew,
                facts.kind,
                facts.request,
                facts.key,
                facts.team,
                facts.provider,
                facts.model,
                facts.outcome,
                facts.status,
                facts.findings_total,
                facts.restored,
                facts.request_bytes,
                facts.response_bytes,
                facts.input_tokens,
                facts.output_tokens,
                event.line,
            ])
            .map_err(|error| fault(EVENT, error))?;
        for (position, finding) in (0_i64..).zip(&facts.findings) {
            finding_row
                .execute(params![
                    event.organisation,
                    event.number,
                    event.retention_days,
                    event.received_day,
                    position,
                    finding.rule,
                    finding.category,
                    finding.action,
                    finding.place,
                    finding.token,
                ])
                .map_err(|error| fault(FINDING, error))?;
        }
    }
    Ok(())
}

impl SqliteTransaction {
    /// Deletes at most [`DELETE_STEP`] expired events, each run of them behind an anchor.
    pub(super) async fn delete_expired(&mut self, today: Day) -> Result<Maintained> {
        let mut done = Maintained::default();
        for days in RETENTION_DAYS {
            let left = DELETE_STEP - i64::try_from(done.dropped).unwrap_or(DELETE_STEP);
            let last_expired = retention::last_expired(days, today);
            self.execute(
                "CREATE TEMP TABLE IF NOT EXISTS expired (organisation_id TEXT, number INTEGER)",
                vec![],
            )
            .await?;
            self.execute("DELETE FROM expired", vec![]).await?;
            self.execute(
                "INSERT INTO expired SELECT organisation_id, number FROM audit_events \
                 WHERE retention_days = $1 AND received_day <= $2 \
                 ORDER BY received_day, organisation_id, number LIMIT $3",
                values![days, last_expired, left],
            )
            .await?;
            let expired = "(organisation_id, number) IN (SELECT organisation_id, number FROM expired)";
            self.execute(&retention::anchors("audit_events", expired), values![now()]).await?;
            for table in ["audit_findings", "audit_events"] {
                let deleted = self.execute(&format!("DELETE FROM {table} WHERE {expired}"), vec![]).await?;
                if table == "audit_events" {
                    done.dropped += deleted;
                    done.is_unfinished = deleted == left.unsigned_abs();
                }
            }
            if done.is_unfinished {
                return Ok(done);
            }
        }
        Ok(done)
    }
}
