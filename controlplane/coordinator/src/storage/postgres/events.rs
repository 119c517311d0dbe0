//! Audit events on PostgreSQL: a batch is two statements, each with an array for every column. (COPY does not go together
//! with row-level security.)

use tokio_postgres::types::{ToSql, Type};

use crate::storage::event::{Finding, StoredEvent};

/// A column of a batch: its values, and the type of their array.
type Column = (Box<dyn ToSql + Sync + Send>, Type);

/// The statements that write `events` with their findings.
pub(super) fn statements(events: &[StoredEvent]) -> Vec<(String, Vec<Column>)> {
    let found: Vec<(&StoredEvent, i64, &Finding)> = events
        .iter()
        .flat_map(|event| (0..).zip(&event.facts.findings).map(move |(at, finding)| (event, at, finding)))
        .collect();
    let mut statements = vec![event_rows(events)];
    if !found.is_empty() {
        statements.push(finding_rows(&found));
    }
    statements
}

macro_rules! columns {
    ($rows:expr => |$row:ident| $($column:literal $kind:ident $value:expr;)*) => {{
        let names: &[&str] = &[$($column),*];
        let columns: Vec<Column> = vec![
            $((Box::new($rows.iter().map(|$row| $value).collect::<Vec<_>>()), Type::$kind)),*
        ];
        (names, columns)
    }};
}

fn event_rows(events: &[StoredEvent]) -> (String, Vec<Column>) {
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
    (insert("audit_events", names), columns)
}

fn finding_rows(found: &[(&StoredEvent, i64, &Finding)]) -> (String, Vec<Column>) {
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
    (insert("audit_findings", names), columns)
}

fn insert(table: &str, names: &[&str]) -> String {
    let places = (1..=names.len()).map(|at| format!("${at}")).collect::<Vec<_>>().join(", ");
    format!("INSERT INTO {table} ({}) SELECT * FROM unnest({places})", names.join(", "))
}
