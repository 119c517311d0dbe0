//! Audit events on PostgreSQL: a batch is two statements, each with an array for every column. (COPY does not go together
//! with row-level security.)

use tokio_postgres::error::SqlState;
use tokio_postgres::types::{ToSql, Type};

use super::transaction::{PostgresTransaction, fault};
use crate::storage::error::Result;
use crate::storage::event::{Finding, StoredEvent};

type Parameter<'p> = (&'p (dyn ToSql + Sync), Type);

/// Writes `events` with their findings. False: the partition of a day is missing.
pub(super) async fn insert(tx: &mut PostgresTransaction, events: &[StoredEvent]) -> Result<bool> {
    let found: Vec<(&StoredEvent, i64, &Finding)> = events
        .iter()
        .flat_map(|event| (0..).zip(&event.facts.findings).map(move |(at, finding)| (event, at, finding)))
        .collect();
    Ok(insert_events(tx, events).await? && (found.is_empty() || insert_findings(tx, &found).await?))
}

macro_rules! columns {
    ($rows:expr => |$row:ident| $($column:literal $kind:ident $value:expr;)*) => {{
        let names: &[&str] = &[$($column),*];
        let columns: Vec<(Box<dyn ToSql + Sync + Send>, Type)> = vec![
            $((Box::new($rows.iter().map(|$row| $value).collect::<Vec<_>>()), Type::$kind)),*
        ];
        (names, columns)
    }};
}

async fn insert_events(tx: &mut PostgresTransaction, events: &[StoredEvent]) -> Result<bool> {
    let (names, columns) = columns! { events => |event|
        "organisation_id" TEXT_ARRAY event.organisation.clone();
        "number" INT8_ARRAY event.number;
        "retention_days" INT8_ARRAY event.retention_days;
        "received_day" INT8_ARRAY event.received_day;
        "gateway_id" TEXT_ARRAY event.gateway.clone();
        "boot_id" TEXT_ARRAY event.boot.clone();
        "sequence" INT8_ARRAY event.sequence;
        "hash" BYTEA_ARRAY event.hash.to_vec();
        "received_us" INT8_ARRAY event.received;
        "occurred_us" INT8_ARRAY event.facts.occurred.unwrap_or(event.received);
        "clock_skew_us" INT8_ARRAY event.clock_skew;
        "kind" TEXT_ARRAY event.facts.kind.clone();
        "request_id" TEXT_ARRAY event.facts.request.clone();
        "key_id" TEXT_ARRAY event.facts.key.clone();
        "team_id" TEXT_ARRAY event.facts.team.clone();
        "provider" TEXT_ARRAY event.facts.provider.clone();
        "model" TEXT_ARRAY event.facts.model.clone();
        "outcome" TEXT_ARRAY event.facts.outcome.clone();
        "status" INT8_ARRAY event.facts.status;
        "findings" INT8_ARRAY event.facts.findings_total;
        "restored" INT8_ARRAY event.facts.restored;
        "request_bytes" INT8_ARRAY event.facts.request_bytes;
        "response_bytes" INT8_ARRAY event.facts.response_bytes;
        "input_tokens" INT8_ARRAY event.facts.input_tokens;
        "output_tokens" INT8_ARRAY event.facts.output_tokens;
        "line" BYTEA_ARRAY event.line.clone();
    };
    write(tx, "audit_events", names, &columns).await
}

async fn insert_findings(
    tx: &mut PostgresTransaction,
    found: &[(&StoredEvent, i64, &Finding)],
) -> Result<bool> {
    let (names, columns) = columns! { found => |row|
        "organisation_id" TEXT_ARRAY row.0.organisation.clone();
        "number" INT8_ARRAY row.0.number;
        "retention_days" INT8_ARRAY row.0.retention_days;
        "received_day" INT8_ARRAY row.0.received_day;
        "position" INT8_ARRAY row.1;
        "rule" TEXT_ARRAY row.2.rule.clone();
        "category" TEXT_ARRAY row.2.category.clone();
        "action" TEXT_ARRAY row.2.action.clone();
        "place" TEXT_ARRAY row.2.place.clone();
        "token" TEXT_ARRAY row.2.token.clone();
    };
    write(tx, "audit_findings", names, &columns).await
}

async fn write(
    tx: &mut PostgresTransaction,
    table: &str,
    names: &[&str],
    columns: &[(Box<dyn ToSql + Sync + Send>, Type)],
) -> Result<bool> {
    let places = (1..=names.len()).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ");
    let names = names.join(", ");
    let sql = format!("INSERT INTO {table} ({names}) SELECT * FROM unnest({places})");
    let parameters: Vec<Parameter<'_>> =
        columns.iter().map(|(column, kind)| (&**column as &(dyn ToSql + Sync), kind.clone())).collect();
    match tx.execute_arrays(&sql, &parameters).await {
        Ok(_) => Ok(true),
        // The one check without a name: no partition takes the row.
        Err(error)
            if error.as_db_error().is_some_and(|server| {
                *server.code() == SqlState::CHECK_VIOLATION && server.constraint().is_none()
            }) =>
        {
            Ok(false)
        }
        Err(error) => Err(fault(&sql, &error)),
    }
}
