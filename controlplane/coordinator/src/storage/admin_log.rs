//! The admin log: what people and programs changed. Rows are only added; each carries the hash of the one before it.

use sha2::{Digest, Sha256};

use super::clock::{Micros, now};
use super::database::Tx;
use super::error::{Error, Result};
use super::scope::Organisation;
use super::value::{Row, values};

/// Who changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActorKind {
    /// A person.
    User,
    /// A program with a key.
    Key,
    /// Somebody at the command line of the coordinator.
    CommandLine,
    /// The coordinator itself.
    System,
}

impl ActorKind {
    const ALL: [ActorKind; 4] = [ActorKind::User, ActorKind::Key, ActorKind::CommandLine, ActorKind::System];

    fn name(self) -> &'static str {
        match self {
            ActorKind::User => "user",
            ActorKind::Key => "key",
            ActorKind::CommandLine => "command_line",
            ActorKind::System => "system",
        }
    }
}

/// A change. None of its texts may hold a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Who.
    pub actor: (ActorKind, String),
    /// What was done, like `key.revoke`.
    pub action: String,
    /// To what: its kind and its id.
    pub target: (String, String),
    /// What it was, as JSON.
    pub before: Option<String>,
    /// What it is, as JSON.
    pub after: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
    /// The request's id.
    pub request: Option<String>,
}

/// A change in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number, from 1 without a gap.
    pub number: i64,
    /// When.
    pub created: Micros,
    /// What.
    pub change: Change,
    /// The hash of all up to it.
    pub hash: [u8; 32],
}

/// The hash of an entry, given the one before it.
fn link(before: &[u8], number: i64, created: Micros, change: &Change) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(before);
    hash.update(number.to_be_bytes());
    hash.update(created.to_be_bytes());
    let texts = [
        Some(change.actor.0.name()),
        Some(change.actor.1.as_str()),
        Some(change.action.as_str()),
        Some(change.target.0.as_str()),
        Some(change.target.1.as_str()),
        change.before.as_deref(),
        change.after.as_deref(),
        change.address.as_deref(),
        change.request.as_deref(),
    ];
    for text in texts {
        // A length that no text has stands for none.
        let length = text.map_or(u64::MAX, |text| u64::try_from(text.len()).unwrap_or(u64::MAX - 1));
        hash.update(length.to_be_bytes());
        hash.update(text.unwrap_or_default());
    }
    hash.finalize().into()
}

/// Adds a change, in the transaction that makes it: one is not kept without the other. Returns its number.
pub async fn add(tx: &mut Tx<Organisation>, change: &Change) -> Result<i64> {
    let organisation = tx.scope().id().to_owned();
    let sql = "INSERT INTO admin_log_heads (organisation_id, number, hash) VALUES ($1, 0, $2) \
               ON CONFLICT (organisation_id) DO NOTHING";
    tx.execute(sql, values![&organisation, [0; 32]]).await?;
    let sql = "SELECT number, hash FROM admin_log_heads WHERE organisation_id = $1";
    let head = tx.query_locked(sql, values![&organisation]).await?;
    let head = head.first().ok_or(Error::NotFound("organisation"))?;
    let number = head.get::<i64>("number")? + 1;
    let created = now();
    let hash = link(&head.get::<[u8; 32]>("hash")?, number, created, change);
    let sql = "INSERT INTO admin_log (organisation_id, number, created_us, actor_kind, actor_id, action, target_kind, \
                  target_id, before, after, address, request_id, hash) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
    let parameters = values![
        &organisation,
        number,
        created,
        change.actor.0.name(),
        &change.actor.1,
        &change.action,
        &change.target.0,
        &change.target.1,
        change.before.as_ref(),
        change.after.as_ref(),
        change.address.as_ref(),
        change.request.as_ref(),
        hash,
    ];
    tx.execute(sql, parameters).await?;
    let sql = "UPDATE admin_log_heads SET number = $1, hash = $2 WHERE organisation_id = $3";
    tx.execute_one("organisation", sql, values![number, hash, &organisation]).await?;
    Ok(number)
}

const COLUMNS: &str = "number, created_us, actor_kind, actor_id, action, target_kind, target_id, before, after, address, \
    request_id, hash";

fn entry(row: &Row) -> Result<Entry> {
    let kind = row.parse("actor_kind", |word| ActorKind::ALL.into_iter().find(|kind| kind.name() == word))?;
    Ok(Entry {
        number: row.get("number")?,
        created: row.get("created_us")?,
        change: Change {
            actor: (kind, row.get("actor_id")?),
            action: row.get("action")?,
            target: (row.get("target_kind")?, row.get("target_id")?),
            before: row.get("before")?,
            after: row.get("after")?,
            address: row.get("address")?,
            request: row.get("request_id")?,
        },
        hash: row.get("hash")?,
    })
}

/// Entries before number `before`, the newest first; of one target only, when it is named by kind and id.
pub async fn page(
    tx: &mut Tx<Organisation>,
    target: Option<(&str, &str)>,
    before: Option<i64>,
    limit: u32,
) -> Result<Vec<Entry>> {
    let (sql, mut parameters) = match target {
        None => (
            format!(
                "SELECT {COLUMNS} FROM admin_log WHERE organisation_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3"
            ),
            values![tx.scope().id()],
        ),
        Some((kind, id)) => (
            format!(
                "SELECT {COLUMNS} FROM admin_log WHERE organisation_id = $1 AND target_kind = $2 AND target_id = $3 \
                 AND number < $4 ORDER BY number DESC LIMIT $5"
            ),
            values![tx.scope().id(), kind, id],
        ),
    };
    parameters.extend(values![before.unwrap_or(i64::MAX), limit]);
    tx.query(&sql, parameters).await?.iter().map(entry).collect()
}

/// Follows the log from its first entry. Returns how many there are, or the number of the first that is missing or
/// altered.
pub async fn verify(tx: &mut Tx<Organisation>) -> Result<std::result::Result<i64, i64>> {
    const STEP: i64 = 500;
    let organisation = tx.scope().id().to_owned();
    let sql = "SELECT number, hash FROM admin_log_heads WHERE organisation_id = $1";
    let Some(head) = tx.query_first(sql, values![&organisation]).await? else { return Ok(Ok(0)) };
    let (last, last_hash): (i64, [u8; 32]) = (head.get("number")?, head.get("hash")?);
    let (mut at, mut hash) = (0, [0_u8; 32]);
    while at < last {
        let sql = format!(
            "SELECT {COLUMNS} FROM admin_log WHERE organisation_id = $1 AND number > $2 ORDER BY number LIMIT $3"
        );
        let rows = tx.query(&sql, values![&organisation, at, STEP]).await?;
        if rows.is_empty() {
            return Ok(Err(at + 1));
        }
        for row in &rows {
            let entry = entry(row)?;
            hash = link(&hash, at + 1, entry.created, &entry.change);
            if entry.number != at + 1 || entry.hash != hash {
                return Ok(Err(at + 1));
            }
            at += 1;
        }
    }
    Ok(if hash == last_hash { Ok(at) } else { Err(at) })
}
