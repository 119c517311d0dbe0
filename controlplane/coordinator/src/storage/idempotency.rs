//! Answers to requests that a client may send twice: the second one gets the answer of the first.

use super::clock::Micros;
use super::database::Tx;
use super::error::{Error, Result};
use super::scope::{Operator, Organisation};
use super::value::values;

/// A request with an idempotency key.
#[derive(Debug, Clone)]
pub struct Request<'r> {
    /// Who sends it.
    pub actor: &'r str,
    /// The key that the client chose.
    pub key: &'r str,
    /// Hash of method, path and body: the same key with something else is refused.
    pub sha256: [u8; 32],
    /// When it came.
    pub time: Micros,
    /// When its answer may be forgotten.
    pub expires: Micros,
}

/// Whether a request is to be carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// It is the first: carry it out, and keep the answer in the same transaction.
    First,
    /// It was carried out: this was the answer.
    Answered {
        /// Status.
        status: u32,
        /// Body.
        response: Vec<u8>,
    },
}

/// Claims a request in the transaction that carries it out. A second one at the same time waits for the first. Refused
/// when the key stands for another request.
pub async fn claim(tx: &mut Tx<Organisation>, request: &Request<'_>) -> Result<Claim> {
    let organisation = tx.scope().id().to_owned();
    let sql = "DELETE FROM idempotency_keys \
               WHERE organisation_id = $1 AND actor_id = $2 AND idempotency_key = $3 AND expires_us <= $4";
    tx.execute(sql, values![&organisation, request.actor, request.key, request.time]).await?;
    let sql = "INSERT INTO idempotency_keys (organisation_id, actor_id, idempotency_key, request_sha256, created_us, \
                  expires_us) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (organisation_id, actor_id, idempotency_key) DO NOTHING";
    let parameters =
        values![&organisation, request.actor, request.key, request.sha256, request.time, request.expires];
    if tx.execute(sql, parameters).await? > 0 {
        return Ok(Claim::First);
    }
    let sql = "SELECT request_sha256, status, response FROM idempotency_keys \
               WHERE organisation_id = $1 AND actor_id = $2 AND idempotency_key = $3";
    let row = tx.query_first(sql, values![&organisation, request.actor, request.key]).await?;
    let row = row.ok_or(Error::NotFound("request of this idempotency key"))?;
    if row.get::<[u8; 32]>("request_sha256")? != request.sha256 {
        return Err(Error::Refused("this idempotency key was used for another request".into()));
    }
    Ok(Claim::Answered { status: row.get("status")?, response: row.get("response")? })
}

/// Keeps the answer of a request that was claimed in this transaction.
pub async fn answer(
    tx: &mut Tx<Organisation>,
    request: &Request<'_>,
    status: u32,
    response: &[u8],
) -> Result<()> {
    let sql = "UPDATE idempotency_keys SET status = $1, response = $2 \
               WHERE organisation_id = $3 AND actor_id = $4 AND idempotency_key = $5";
    let parameters = values![status, response, tx.scope().id(), request.actor, request.key];
    tx.execute_one("request of this idempotency key", sql, parameters).await
}

/// Forgets answers whose time is over. Returns how many.
pub async fn clean(tx: &mut Tx<Operator>, time: Micros) -> Result<u64> {
    tx.execute("DELETE FROM idempotency_keys WHERE expires_us <= $1", values![time]).await
}
