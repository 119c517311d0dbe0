//! Sessions of people in a browser, and links that work once. Of their tokens only the hashes are kept.

use super::clock::{Micros, now};
use super::database::Tx;
use super::error::Result;
use super::ids::new_id;
use super::scope::{Operator, User};
use super::value::{Row, values};

/// How exact the time of the last use is: it is not written more often.
const SEEN_EVERY: Micros = 60_000_000;

/// A session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Its id, which is no secret.
    pub id: String,
    /// Whose it is.
    pub user: String,
    /// What the browser called itself.
    pub agent: String,
    /// Where it came from.
    pub address: String,
    /// When it began.
    pub created: Micros,
    /// When it was last used, to about a minute.
    pub seen: Micros,
    /// When it ends, used or not.
    pub expires: Micros,
}

const COLUMNS: &str = "session_id, user_id, agent, address, created_us, seen_us, expires_us";

fn session(row: &Row) -> Result<Session> {
    Ok(Session {
        id: row.get("session_id")?,
        user: row.get("user_id")?,
        agent: row.get("agent")?,
        address: row.get("address")?,
        created: row.get("created_us")?,
        seen: row.get("seen_us")?,
        expires: row.get("expires_us")?,
    })
}

/// A session that begins.
#[derive(Debug, Clone)]
pub struct NewSession<'n> {
    /// Hash of the cookie's token.
    pub token_sha256: [u8; 32],
    /// What the browser calls itself.
    pub agent: &'n str,
    /// Where it comes from.
    pub address: &'n str,
    /// When it is.
    pub time: Micros,
    /// Microseconds without use after which it ends.
    pub idle: Micros,
    /// Microseconds after which it ends in any case.
    pub lifetime: Micros,
}

/// Begins a session and returns its id.
pub async fn begin(tx: &mut Tx<User>, new: &NewSession<'_>) -> Result<String> {
    let id = new_id("ses");
    let sql = "INSERT INTO sessions (user_id, session_id, token_sha256, agent, address, created_us, seen_us, idle_until_us, \
                  expires_us) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, $8)";
    let (idle, ends) = (new.time.saturating_add(new.idle), new.time.saturating_add(new.lifetime));
    let parameters =
        values![tx.scope().id(), &id, new.token_sha256, new.agent, new.address, new.time, idle, ends];
    tx.execute(sql, parameters).await?;
    Ok(id)
}

/// The session of a cookie's token, if it has not ended. It is used by that: `idle` begins anew.
pub async fn resume(
    tx: &mut Tx<Operator>,
    token_sha256: &[u8; 32],
    time: Micros,
    idle: Micros,
) -> Result<Option<Session>> {
    let sql = format!(
        "SELECT s.{} FROM sessions s JOIN users u ON u.user_id = s.user_id AND u.state = 'active' \
         WHERE s.token_sha256 = $1 AND s.ended_us IS NULL AND s.idle_until_us > $2 AND s.expires_us > $2",
        COLUMNS.replace(", ", ", s.")
    );
    let Some(row) = tx.query_first(&sql, values![token_sha256, time]).await? else { return Ok(None) };
    let found = session(&row)?;
    if found.seen <= time.saturating_sub(SEEN_EVERY) {
        let sql =
            "UPDATE sessions SET seen_us = $1, idle_until_us = $2 WHERE user_id = $3 AND session_id = $4";
        tx.execute(sql, values![time, time.saturating_add(idle), &found.user, &found.id]).await?;
    }
    Ok(Some(found))
}

/// A person's sessions that have not ended, the newest first.
pub async fn own(tx: &mut Tx<User>, time: Micros) -> Result<Vec<Session>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM sessions WHERE user_id = $1 AND ended_us IS NULL AND idle_until_us > $2 \
            AND expires_us > $2 ORDER BY created_us DESC, session_id"
    );
    let parameters = values![tx.scope().id(), time];
    tx.query(&sql, parameters).await?.iter().map(session).collect()
}

/// Ends a session.
pub async fn end(tx: &mut Tx<User>, id: &str) -> Result<()> {
    let sql = "UPDATE sessions SET ended_us = $1 WHERE user_id = $2 AND session_id = $3 AND ended_us IS NULL";
    let parameters = values![now(), tx.scope().id(), id];
    tx.execute_one("session", sql, parameters).await
}

/// Ends all sessions of a person but `kept`. Returns how many.
pub async fn end_others(tx: &mut Tx<User>, kept: &str) -> Result<u64> {
    let sql =
        "UPDATE sessions SET ended_us = $1 WHERE user_id = $2 AND session_id <> $3 AND ended_us IS NULL";
    let parameters = values![now(), tx.scope().id(), kept];
    tx.execute(sql, parameters).await
}

/// Deletes sessions and links that have ended before `time`.
pub async fn clean(tx: &mut Tx<Operator>, time: Micros) -> Result<u64> {
    let sql = "DELETE FROM sessions WHERE expires_us < $1 OR idle_until_us < $1 OR ended_us < $1";
    let sessions = tx.execute(sql, values![time]).await?;
    Ok(sessions + tx.execute("DELETE FROM one_time_links WHERE expires_us < $1", values![time]).await?)
}

/// What a link that works once is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkPurpose {
    /// The first administrator.
    FirstAdministrator,
    /// A new password.
    Password,
}

impl LinkPurpose {
    fn name(self) -> &'static str {
        match self {
            LinkPurpose::FirstAdministrator => "first_administrator",
            LinkPurpose::Password => "password",
        }
    }
}

/// Makes a link that works once. An older one for the same purpose and person no longer works.
pub async fn make_link(
    tx: &mut Tx<Operator>,
    (purpose, user): (LinkPurpose, Option<&str>),
    token_sha256: &[u8; 32],
    expires: Micros,
) -> Result<()> {
    let time = now();
    let sql = "UPDATE one_time_links SET used_us = $1 \
               WHERE purpose = $2 AND COALESCE(user_id, '') = $3 AND used_us IS NULL";
    tx.execute(sql, values![time, purpose.name(), user.unwrap_or_default()]).await?;
    let sql = "INSERT INTO one_time_links (link_id, purpose, token_sha256, user_id, created_us, expires_us) \
               VALUES ($1, $2, $3, $4, $5, $6)";
    let parameters = values![new_id("link"), purpose.name(), token_sha256, user, time, expires];
    tx.execute(sql, parameters).await.map(drop)
}

/// Uses a link. None when it does not work; otherwise whom it is for, if for somebody.
pub async fn use_link(
    tx: &mut Tx<Operator>,
    purpose: LinkPurpose,
    token_sha256: &[u8; 32],
    time: Micros,
) -> Result<Option<Option<String>>> {
    let sql = "UPDATE one_time_links SET used_us = $1 \
               WHERE purpose = $2 AND token_sha256 = $3 AND used_us IS NULL AND expires_us > $1 RETURNING user_id";
    let row = tx.query_first(sql, values![time, purpose.name(), token_sha256]).await?;
    row.map(|row| row.get("user_id")).transpose()
}
