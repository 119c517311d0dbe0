//! What the three roles may do, and that the two which serve have no more than that.

use deadpool_postgres::Pool;

use super::connect::{Target, pool_fault, reason};
use super::statement::fault;
use super::transaction::PostgresTransaction;
use crate::storage::error::{Error, Result};
use crate::storage::ids::is_id;

/// Rights of the application's role on tables that are not its own to do with as it pleases. All others it may read
/// and write.
const APPLICATION: &[(&str, &str)] = &[
    ("schema_migrations", "SELECT"),
    ("admin_log", "SELECT, INSERT"),
    ("audit_events", "SELECT"),
    ("audit_findings", "SELECT"),
    ("audit_anchors", "SELECT"),
    ("audit_days", "SELECT"),
    ("audit_checkpoints", "SELECT, INSERT"),
    ("audit_streams", "SELECT, INSERT, UPDATE"),
    ("audit_counters", "SELECT, INSERT, UPDATE (retention_days)"),
];

/// All that the ingest role may do.
const INGEST: &[(&str, &str)] = &[
    ("audit_events", "INSERT"),
    ("audit_findings", "INSERT"),
    ("audit_days", "INSERT"),
    ("audit_streams", "SELECT, UPDATE (last_sequence, last_hash, updated_us)"),
    ("audit_counters", "SELECT, UPDATE (next_number, last_received_us)"),
];

/// Makes a role that is not there, when the owner may; says how otherwise.
pub(super) async fn make(owner: &Target, role: &Target) -> Result<()> {
    let client = owner.connect().await?;
    let name = role.role();
    if !is_id(name) {
        return Err(Error::Configuration(format!(
            "{name:?} is no name for a role: letters, digits, _ and -"
        )));
    }
    let there = client
        .query_typed(
            "SELECT 1 FROM pg_roles WHERE rolname = $1",
            &[(&name, tokio_postgres::types::Type::TEXT)],
        )
        .await
        .map_err(|error| fault("pg_roles", &error))?;
    if !there.is_empty() {
        return Ok(());
    }
    let password = role.password().map(|password| String::from_utf8_lossy(password).into_owned());
    let clause = password.map(|password| format!(" PASSWORD {}", literal(&password))).unwrap_or_default();
    match client.batch_execute(&format!("CREATE ROLE {} LOGIN{clause}", identifier(name))).await {
        Ok(()) => Ok(()),
        // Made by another process in this moment.
        Err(error)
            if error
                .as_db_error()
                .is_some_and(|server| matches!(server.code().code(), "42710" | "23505")) =>
        {
            Ok(())
        }
        Err(error) => Err(Error::Configuration(format!(
            "the role {name} is not there, and the owner may not make it ({}): as an administrator of the server run \
             CREATE ROLE {name} LOGIN PASSWORD '...', then migrate again",
            reason(&error)
        ))),
    }
}

/// Gives both roles their rights and takes all others, each time anew: later steps of the schema bring tables.
pub(super) async fn grant(tx: &mut PostgresTransaction, application: &Target, ingest: &Target) -> Result<()> {
    let (app, ing) = (identifier(application.role()), identifier(ingest.role()));
    let usage = format!("EXECUTE format('GRANT USAGE ON SCHEMA %I TO {app}, {ing}', current_schema());");
    let anew = format!(
        "EXECUTE format('REVOKE ALL ON %I FROM {app}, {ing}', name); \
         EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO {app}', name);"
    );
    tx.batch(&format!(
        "DO $$ DECLARE name TEXT; BEGIN {usage} FOR name IN SELECT c.relname FROM pg_class c \
         WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition \
         LOOP {anew} END LOOP; END $$"
    ))
    .await?;
    for (table, rights) in APPLICATION {
        tx.batch(&format!("REVOKE ALL ON {table} FROM {app}; GRANT {rights} ON {table} TO {app}")).await?;
    }
    for (table, rights) in INGEST {
        tx.batch(&format!("GRANT {rights} ON {table} TO {ing}")).await?;
    }
    Ok(())
}

/// Refuses a role that could get around what keeps organisations apart.
pub(super) async fn check(pool: &Pool, what: &str) -> Result<()> {
    let client = pool.get().await.map_err(|error| Error::Unavailable(pool_fault(&error)))?;
    let sql = "SELECT r.rolname AS name, r.rolsuper OR r.rolbypassrls AS is_above, \
        EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = current_schema()::regnamespace \
            AND pg_has_role(r.oid, c.relowner, 'MEMBER')) AS is_owner \
        FROM pg_roles r WHERE r.rolname = current_user";
    let row = client.query_typed(sql, &[]).await.map_err(|error| fault(sql, &error))?;
    let Some(row) = row.first() else { return Err(Error::NotFound("role")) };
    let name: String = row.try_get("name").map_err(|error| fault(sql, &error))?;
    let fault_of = |column: &str| row.try_get::<_, bool>(column).map_err(|error| fault(sql, &error));
    if fault_of("is_above")? {
        return Err(Error::Configuration(format!(
            "the {what} role {name} is a superuser or passes by row-level security, which keeps organisations apart: \
             use a role without either"
        )));
    }
    if fault_of("is_owner")? {
        return Err(Error::Configuration(format!(
            "the {what} role {name} owns tables, or is a member of a role that does: use a role of its own, and the owner \
             in the owner's URL only"
        )));
    }
    Ok(())
}

/// A name as SQL reads it, whatever it holds.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    // A backslash means something in an E'' string only when it is doubled here, on any setting of the server.
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_texts_cannot_leave_their_quotes() {
        assert_eq!(identifier(r#"a"b"#), r#""a""b""#);
        assert_eq!(literal(r"a'b\'c"), r"E'a''b\\''c'");
    }
}
