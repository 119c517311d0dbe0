//! Parameters, rows, and what errors of the server mean.

use bytes::BytesMut;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::{IsNull, ToSql, Type, to_sql_checked};

use super::connect::reason;
use crate::storage::error::{Error, Result, shown};
use crate::storage::value::Value;

/// The type a value is sent as. The server finds out that of a null.
pub(super) fn type_of(value: &Value) -> Type {
    match value {
        Value::Null => Type::UNKNOWN,
        Value::Bool(_) => Type::BOOL,
        Value::Int(_) => Type::INT8,
        Value::Text(_) => Type::TEXT,
        Value::Bytes(_) => Type::BYTEA,
    }
}

impl ToSql for Value {
    fn to_sql(
        &self,
        ty: &Type,
        out: &mut BytesMut,
    ) -> std::result::Result<IsNull, Box<dyn std::error::Error + Sync + Send>> {
        match self {
            Value::Null => Ok(IsNull::Yes),
            Value::Bool(truth) => truth.to_sql(ty, out),
            Value::Int(number) => number.to_sql(ty, out),
            Value::Text(text) => text.to_sql(ty, out),
            Value::Bytes(bytes) => bytes.to_sql(ty, out),
        }
    }

    fn accepts(_ty: &Type) -> bool {
        true
    }

    to_sql_checked!();
}

pub(super) fn column(row: &tokio_postgres::Row, at: usize, sql: &str) -> Result<Value> {
    let kind = row.columns()[at].type_();
    let value = match *kind {
        Type::BOOL => row.try_get::<_, Option<bool>>(at).map(Value::from),
        Type::INT8 => row.try_get::<_, Option<i64>>(at).map(Value::from),
        Type::INT4 => row.try_get::<_, Option<i32>>(at).map(Value::from),
        Type::TEXT | Type::VARCHAR | Type::NAME => row.try_get::<_, Option<String>>(at).map(Value::from),
        Type::BYTEA => row.try_get::<_, Option<Vec<u8>>>(at).map(Value::from),
        _ => {
            let reason = format!("is of the type {kind}, which is not read here");
            return Err(Error::Column { query: shown(sql), column: row.columns()[at].name().into(), reason });
        }
    };
    value.map_err(|error| fault(sql, &error))
}

/// What an error of the server means.
pub(super) fn fault(sql: &str, error: &tokio_postgres::Error) -> Error {
    let query = shown(sql);
    let Some(server) = error.as_db_error() else {
        return if error.is_closed()
            || std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
        {
            Error::Unavailable(reason(error))
        } else {
            Error::Statement { query, reason: reason(error) }
        };
    };
    let code = server.code();
    match *code {
        SqlState::T_R_SERIALIZATION_FAILURE
        | SqlState::T_R_DEADLOCK_DETECTED
        | SqlState::LOCK_NOT_AVAILABLE => Error::Conflict { query },
        SqlState::UNIQUE_VIOLATION | SqlState::FOREIGN_KEY_VIOLATION | SqlState::CHECK_VIOLATION => {
            Error::Constraint { constraint: server.constraint().unwrap_or("partition").to_owned() }
        }
        _ if matches!(code.code().get(..2), Some("08" | "57" | "53"))
            && *code != SqlState::QUERY_CANCELED =>
        {
            Error::Unavailable(server.message().to_owned())
        }
        // Messages about statements and rights name tables; others may show values.
        _ if code.code().starts_with("42") || code.code() == "P0001" => {
            Error::Statement { query, reason: server.message().to_owned() }
        }
        _ => Error::Statement { query, reason: format!("SQLSTATE {}", code.code()) },
    }
}

/// Whether an insert failed because no partition takes the row: the one check that has no name.
pub(super) fn is_partition_missing(error: &tokio_postgres::Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|server| *server.code() == SqlState::CHECK_VIOLATION && server.constraint().is_none())
}
