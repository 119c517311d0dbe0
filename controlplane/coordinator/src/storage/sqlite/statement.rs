//! Statements on one connection: parameters, rows, and what errors mean.

use std::sync::Arc;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode};

use crate::storage::error::{Error, Result, shown};
use crate::storage::value::{Columns, Row, Value};

impl ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Value::Null => ValueRef::Null,
            Value::Bool(truth) => ValueRef::Integer((*truth).into()),
            Value::Int(number) => ValueRef::Integer(*number),
            Value::Text(text) => ValueRef::Text(text.as_bytes()),
            Value::Bytes(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

/// Prepares a statement and binds its parameters by their place. A parameter that does not appear in the order of its
/// number would silently be bound to another place.
fn bound<'c>(
    connection: &'c Connection,
    sql: &str,
    parameters: &[Value],
) -> Result<rusqlite::CachedStatement<'c>> {
    let mut statement = connection.prepare_cached(sql).map_err(|error| fault(sql, error))?;
    for at in 1..=statement.parameter_count() {
        if statement.parameter_name(at) != Some(format!("${at}").as_str()) {
            return Err(Error::Statement {
                query: shown(sql),
                reason: format!("its parameter ${at} does not come in the order of its number"),
            });
        }
    }
    if statement.parameter_count() != parameters.len() {
        let reason = format!("{} parameters, not {}", statement.parameter_count(), parameters.len());
        return Err(Error::Statement { query: shown(sql), reason });
    }
    for (at, value) in parameters.iter().enumerate() {
        statement.raw_bind_parameter(at + 1, value).map_err(|error| fault(sql, error))?;
    }
    Ok(statement)
}

pub(super) fn query(connection: &Connection, sql: &str, parameters: &[Value]) -> Result<Vec<Row>> {
    let mut statement = bound(connection, sql, parameters)?;
    let columns = Columns::new(sql, statement.column_names().map(str::to_owned).collect());
    let count = statement.column_count();
    let mut rows = statement.raw_query();
    let mut found = Vec::new();
    while let Some(row) = rows.next().map_err(|error| fault(sql, error))? {
        let mut values = Vec::with_capacity(count);
        for at in 0..count {
            values.push(match row.get_ref(at).map_err(|error| fault(sql, error))? {
                ValueRef::Null => Value::Null,
                ValueRef::Integer(number) => Value::Int(number),
                ValueRef::Text(text) => Value::Text(String::from_utf8_lossy(text).into_owned()),
                ValueRef::Blob(bytes) => Value::Bytes(bytes.to_vec()),
                ValueRef::Real(_) => {
                    return Err(Error::Statement { query: shown(sql), reason: "gives a fraction".into() });
                }
            });
        }
        found.push(Row::new(Arc::clone(&columns), values));
    }
    Ok(found)
}

pub(super) fn execute(connection: &Connection, sql: &str, parameters: &[Value]) -> Result<u64> {
    let mut statement = bound(connection, sql, parameters)?;
    let touched = statement.raw_execute().map_err(|error| fault(sql, error))?;
    Ok(u64::try_from(touched).unwrap_or(u64::MAX))
}

/// What an error of SQLite means.
pub(super) fn fault(sql: &str, error: rusqlite::Error) -> Error {
    let query = shown(sql);
    match error {
        rusqlite::Error::SqliteFailure(code, message) => match code.code {
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::OperationInterrupted => {
                Error::Conflict { query }
            }
            ErrorCode::ConstraintViolation => Error::Constraint { constraint: message.unwrap_or_default() },
            ErrorCode::DiskFull | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen => {
                Error::Unavailable(code.to_string())
            }
            _ => Error::Statement { query, reason: message.unwrap_or_else(|| code.to_string()) },
        },
        other => Error::Statement { query, reason: other.to_string() },
    }
}

/// The error of a database whose thread has ended.
pub(super) fn closed() -> Error {
    Error::Unavailable("the embedded database was closed".into())
}
