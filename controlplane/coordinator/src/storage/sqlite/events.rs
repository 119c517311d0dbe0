//! Audit events in the embedded database: written one by one, deleted in steps when they have expired.

use rusqlite::{Connection, params};

use super::statement::{execute, fault};
use crate::storage::clock::{Day, now};
use crate::storage::engine::Maintained;
use crate::storage::error::Result;
use crate::storage::event::StoredEvent;
use crate::storage::retention;
use crate::storage::retention::RETENTION_DAYS;
use crate::storage::value::Value;

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

/// Deletes at most [`DELETE_STEP`] expired events, each run of them behind an anchor.
pub(super) fn delete_expired(connection: &Connection, today: Day) -> Result<Maintained> {
    const EXPIRED: &str = "(organisation_id, number) IN (SELECT organisation_id, number FROM expired)";
    let mut done = Maintained::default();
    for days in RETENTION_DAYS {
        let left = DELETE_STEP - i64::try_from(done.dropped).unwrap_or(DELETE_STEP);
        let table = "CREATE TEMP TABLE IF NOT EXISTS expired (organisation_id TEXT, number INTEGER)";
        execute(connection, table, &[])?;
        execute(connection, "DELETE FROM expired", &[])?;
        let chosen = "INSERT INTO expired SELECT organisation_id, number FROM audit_events \
             WHERE retention_days = $1 AND received_day <= $2 ORDER BY received_day, organisation_id, number LIMIT $3";
        execute(connection, chosen, &[days, retention::last_expired(days, today), left].map(Value::from))?;
        execute(connection, &retention::anchors("audit_events", EXPIRED), &[Value::from(now())])?;
        execute(connection, &format!("DELETE FROM audit_findings WHERE {EXPIRED}"), &[])?;
        let deleted = execute(connection, &format!("DELETE FROM audit_events WHERE {EXPIRED}"), &[])?;
        done.dropped += deleted;
        if deleted == left.unsigned_abs() {
            done.is_unfinished = true;
            break;
        }
    }
    Ok(done)
}
