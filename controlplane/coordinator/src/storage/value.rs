//! Values at the border to a database: the few kinds that both engines share, and typed reading with errors that name
//! query and column.

use std::sync::Arc;

use super::error::{Error, Result, shown};

/// A parameter of a statement, or a column of a row. Times are `Int`: microseconds since 1970, UTC.
#[derive(Clone, PartialEq)]
pub(crate) enum Value {
    /// No value.
    Null,
    /// A truth value; SQLite keeps 0 or 1.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text without NUL characters.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// Shows the kind only: a value may be a person's name or a sealed secret.
impl std::fmt::Debug for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind())
    }
}

impl Value {
    /// Name of the kind, for errors.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
        }
    }
}

macro_rules! into_value {
    ($($from:ty => |$value:ident| $into:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Value {
                $into
            }
        })*
    };
}

into_value! {
    bool => |value| Value::Bool(value);
    i64 => |value| Value::Int(value);
    i32 => |value| Value::Int(value.into());
    u32 => |value| Value::Int(value.into());
    &str => |value| Value::Text(value.to_owned());
    &String => |value| Value::Text(value.clone());
    String => |value| Value::Text(value);
    &[u8] => |value| Value::Bytes(value.to_vec());
    &Vec<u8> => |value| Value::Bytes(value.clone());
    Vec<u8> => |value| Value::Bytes(value);
    [u8; 32] => |value| Value::Bytes(value.to_vec());
    &[u8; 32] => |value| Value::Bytes(value.to_vec());
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

/// Names of the columns of a result, with the statement they belong to.
#[derive(Debug)]
pub(crate) struct Columns {
    query: String,
    names: Vec<String>,
}

impl Columns {
    /// The columns `names` of the statement `sql`.
    pub(crate) fn new(sql: &str, names: Vec<String>) -> Arc<Columns> {
        Arc::new(Columns { query: shown(sql), names })
    }
}

/// One row of a result.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    columns: Arc<Columns>,
    values: Vec<Value>,
}

impl Row {
    /// A row with a value for each of `columns`.
    pub(crate) fn new(columns: Arc<Columns>, values: Vec<Value>) -> Row {
        Row { columns, values }
    }

    /// Returns the value of column `name` as a `T`, or an error that names query and column.
    pub(crate) fn get<T: FromValue>(&self, name: &str) -> Result<T> {
        let place = self.columns.names.iter().position(|column| column == name);
        let Some(value) = place.and_then(|at| self.values.get(at)) else {
            return Err(self.fault(name, "is not in the result".into()));
        };
        T::from_value(value)
            .ok_or_else(|| self.fault(name, format!("holds {}, wanted {}", value.kind(), T::WANTED)))
    }

    /// Returns column `name` parsed by `parse`, which says what is wrong with it.
    pub(crate) fn parse<T>(&self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        let text: String = self.get(name)?;
        parse(&text).ok_or_else(|| self.fault(name, "holds a word that this binary does not know".into()))
    }

    fn fault(&self, column: &str, reason: String) -> Error {
        Error::Column { query: self.columns.query.clone(), column: column.to_owned(), reason }
    }
}

/// What a column can be read as.
pub(crate) trait FromValue: Sized {
    /// The kind it is read from, for errors.
    const WANTED: &'static str;
    /// Returns the value, or none when it is of another kind or out of range.
    fn from_value(value: &Value) -> Option<Self>;
}

macro_rules! from_value {
    ($($into:ty, $wanted:literal => $pattern:pat => $result:expr;)*) => {
        $(impl FromValue for $into {
            const WANTED: &'static str = $wanted;
            fn from_value(value: &Value) -> Option<Self> {
                match value {
                    $pattern => $result,
                    _ => None,
                }
            }
        })*
    };
}

from_value! {
    i64, "int" => Value::Int(number) => Some(*number);
    u64, "int from 0" => Value::Int(number) => u64::try_from(*number).ok();
    u32, "int from 0 to 2^32" => Value::Int(number) => u32::try_from(*number).ok();
    String, "text" => Value::Text(text) => Some(text.clone());
    Vec<u8>, "bytes" => Value::Bytes(bytes) => Some(bytes.clone());
    [u8; 32], "32 bytes" => Value::Bytes(bytes) => bytes.as_slice().try_into().ok();
}

impl FromValue for bool {
    const WANTED: &'static str = "bool";
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Bool(truth) => Some(*truth),
            Value::Int(0) => Some(false),
            Value::Int(1) => Some(true),
            _ => None,
        }
    }
}

impl<T: FromValue> FromValue for Option<T> {
    const WANTED: &'static str = T::WANTED;
    fn from_value(value: &Value) -> Option<Self> {
        match value {
            Value::Null => Some(None),
            other => T::from_value(other).map(Some),
        }
    }
}

/// Makes the parameters of a statement: `values![id, name, now]`.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::storage::value::Value::from($value)),*] };
}
pub(crate) use values;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_name_query_and_column_and_show_no_value() {
        let columns = Columns::new("SELECT name,\n age FROM people", vec!["name".into(), "age".into()]);
        let row = Row::new(columns, vec![Value::Text("Ada".into()), Value::Int(-1)]);
        assert_eq!(row.get::<String>("name").ok().as_deref(), Some("Ada"));
        for (fault, column) in
            [(row.get::<u64>("age").map(drop), "age"), (row.get::<i64>("name").map(drop), "name")]
        {
            let fault = fault.expect_err("another kind").to_string();
            assert!(fault.contains(column) && fault.contains("SELECT name, age FROM people"), "{fault}");
            assert!(!fault.contains("Ada"), "{fault}");
        }
        assert!(row.get::<i64>("height").is_err());
        assert!(!format!("{row:?}").contains("Ada"));
    }

    #[test]
    fn null_is_read_as_none_and_as_nothing_else() {
        let row = Row::new(Columns::new("SELECT x", vec!["x".into()]), vec![Value::Null]);
        assert_eq!(row.get::<Option<i64>>("x").expect("a null"), None);
        assert!(row.get::<i64>("x").is_err());
    }
}
