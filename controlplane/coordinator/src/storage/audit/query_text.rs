//! The SQL of a search over events.

use super::filter::{Filter, Order};
use crate::storage::value::Value;

/// Numbers and days that a statement looks at, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub first: i64,
    pub last: i64,
    pub first_day: i64,
    pub last_day: i64,
}

/// A statement that grows, with its parameters in order.
struct Statement {
    sql: String,
    parameters: Vec<Value>,
}

impl Statement {
    fn bind(&mut self, before: &str, value: impl Into<Value>) {
        self.parameters.push(value.into());
        self.sql.push_str(before);
        self.sql.push('$');
        self.sql.push_str(&self.parameters.len().to_string());
    }

    fn range(&mut self, table: &str, range: Range) {
        self.bind(&format!(" AND {table}.number >= "), range.first);
        self.bind(&format!(" AND {table}.number <= "), range.last);
        self.days(table, range);
    }

    /// Names the partitions that can hold the range.
    fn days(&mut self, table: &str, range: Range) {
        self.bind(&format!(" AND {table}.received_day >= "), range.first_day);
        self.bind(&format!(" AND {table}.received_day <= "), range.last_day);
    }

    fn equal(&mut self, column: &str, wanted: Option<&String>) {
        if let Some(wanted) = wanted {
            self.bind(&format!(" AND {column} = "), wanted);
        }
    }
}

/// Makes the statement that finds at most `limit` events in `range`.
pub(super) fn search(
    columns: &str,
    organisation: &str,
    filter: &Filter,
    (range, order, limit): (Range, Order, i64),
) -> (String, Vec<Value>) {
    let mut statement =
        Statement { sql: format!("SELECT {columns} FROM audit_events e"), parameters: Vec::new() };
    let by = match order {
        Order::NewestFirst => "DESC",
        Order::OldestFirst => "ASC",
    };
    // What is wanted of findings alone is decided by them: the first of their numbers are those of the events.
    let findings_decide = filter.is_about_findings() && !filter.is_about_events();
    statement.bind(" WHERE e.organisation_id = ", organisation);
    if findings_decide {
        statement.days("e", range);
    } else {
        statement.range("e", range);
    }
    for (column, wanted) in [
        ("e.key_id", &filter.key),
        ("e.team_id", &filter.team),
        ("e.gateway_id", &filter.gateway),
        ("e.provider", &filter.provider),
        ("e.model", &filter.model),
        ("e.outcome", &filter.outcome),
        ("e.request_id", &filter.request),
    ] {
        statement.equal(column, wanted.as_ref());
    }
    if let Some(from) = filter.from {
        statement.bind(" AND e.received_us >= ", from);
    }
    if let Some(until) = filter.until {
        statement.bind(" AND e.received_us < ", until);
    }
    if filter.is_about_findings() {
        // One finding must have all that is wanted of findings.
        statement.bind(
            " AND e.number IN (SELECT DISTINCT f.number FROM audit_findings f WHERE f.organisation_id = ",
            organisation,
        );
        statement.range("f", range);
        for (column, wanted) in [
            ("f.token", &filter.token),
            ("f.rule", &filter.rule),
            ("f.category", &filter.category),
            ("f.action", &filter.action),
            ("f.place", &filter.place),
        ] {
            statement.equal(column, wanted.as_ref());
        }
        if findings_decide {
            statement.bind(&format!(" ORDER BY f.number {by} LIMIT "), limit);
        }
        statement.sql.push(')');
    }
    statement.bind(&format!(" ORDER BY e.number {by} LIMIT "), limit);
    (statement.sql, statement.parameters)
}
