//! What can go wrong between the coordinator and its database, told so that an operator knows what to do.

use std::time::Duration;

/// A failure of the storage. No variant carries a value of a parameter: those may be personal.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not be reached, or went away. Trying again later can help.
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    /// The engine refused or failed a statement.
    #[error("the database failed `{query}`: {reason}")]
    Statement {
        /// The beginning of the statement.
        query: String,
        /// What the engine says, without its details, which may hold values.
        reason: String,
    },
    /// Two transactions were in each other's way, or one waited too long for a lock. Trying again helps.
    #[error("another transaction was in the way of `{query}`: try again")]
    Conflict {
        /// The beginning of the statement.
        query: String,
    },
    /// A row that must be unique, or that something still refers to.
    #[error("refused by the constraint `{constraint}`")]
    Constraint {
        /// The constraint's name, or the columns it is about.
        constraint: String,
    },
    /// A column does not hold what the query expects: a fault of this program.
    #[error("column `{column}` of `{query}`: {reason}")]
    Column {
        /// The beginning of the statement.
        query: String,
        /// Name of the column.
        column: String,
        /// What was wrong.
        reason: String,
    },
    /// A transaction that only reads was held open for too long and was ended.
    #[error("a read took longer than {} ms: ask for less at once", .0.as_millis())]
    ReadTooLong(Duration),
    /// The settings of the database do not do.
    #[error("{0}")]
    Configuration(String),
    /// The schema is older than this binary.
    #[error(
        "the database's schema is number {found}, this binary needs {wanted}: run `aegis-coordinator migrate` with the \
         owner's URL"
    )]
    SchemaBehind {
        /// Number of the schema that is there; 0 is an empty database.
        found: i64,
        /// Number that this binary knows.
        wanted: i64,
    },
    /// The schema is newer than this binary can work with.
    #[error(
        "the database's schema is number {found} and needs a binary that knows number {oldest} at least; this one knows \
         {known}: install the newer version"
    )]
    SchemaAhead {
        /// Number of the schema that is there.
        found: i64,
        /// The oldest schema number that a binary must know.
        oldest: i64,
        /// Number that this binary knows.
        known: i64,
    },
    /// A migration that was applied reads differently now.
    #[error(
        "migration {number} was applied with other contents than this binary has: the installation is mixed up"
    )]
    MigrationAltered {
        /// Its number.
        number: i64,
    },
    /// What the caller asked for breaks a rule of the data.
    #[error("{0}")]
    Refused(String),
    /// What the caller changes is not as the caller has seen it.
    #[error("it was changed meanwhile: it is at revision {found} now")]
    Stale {
        /// Its revision.
        found: i64,
    },
    /// What the caller named is not there, or not in its organisation.
    #[error("there is no such {0}")]
    NotFound(&'static str),
}

/// Result of a storage call.
pub type Result<T> = std::result::Result<T, Error>;

/// Bytes of a statement that errors show.
const SHOWN_BYTES: usize = 80;

/// The beginning of a statement on one line, for errors.
pub(crate) fn shown(sql: &str) -> String {
    let mut text = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.len() > SHOWN_BYTES {
        let mut end = SHOWN_BYTES;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(" ...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_shown_on_one_line_and_cut_between_characters() {
        assert_eq!(shown("SELECT 1\n  FROM t"), "SELECT 1 FROM t");
        let long = shown(&"ä".repeat(100));
        assert_eq!(long, format!("{} ...", "ä".repeat(SHOWN_BYTES / 2)));
    }
}
