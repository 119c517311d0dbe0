//! Streams: what one process of a gateway ships of one organisation.

use crate::storage::audit::start_of_chain;
use crate::storage::clock::{Micros, now};
use crate::storage::database::Tx;
use crate::storage::error::{Error, Result};
use crate::storage::scope::Organisation;
use crate::storage::value::{Row, values};

/// How far a stream has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamHead {
    /// The gateway.
    pub gateway: String,
    /// Its process.
    pub boot: String,
    /// The last event that is committed; 0 before the first.
    pub last_sequence: i64,
    /// The chain's hash up to it.
    pub last_hash: [u8; 32],
    /// When the stream was opened.
    pub opened: Micros,
    /// When it was ended, if it was.
    pub ended: Option<Micros>,
}

const COLUMNS: &str = "gateway_id, boot_id, last_sequence, last_hash, opened_us, ended_us";

fn head(row: &Row) -> Result<StreamHead> {
    Ok(StreamHead {
        gateway: row.get("gateway_id")?,
        boot: row.get("boot_id")?,
        last_sequence: row.get("last_sequence")?,
        last_hash: row.get("last_hash")?,
        opened: row.get("opened_us")?,
        ended: row.get("ended_us")?,
    })
}

/// Opens the stream of a gateway's process, or finds it as it was left. `clock_skew` is by how much the gateway's clock
/// is ahead. Refused when the gateway does not serve the organisation.
pub async fn open_stream(
    tx: &mut Tx<Organisation>,
    gateway: &str,
    boot: &str,
    clock_skew: Micros,
) -> Result<StreamHead> {
    let organisation = tx.scope().id().to_owned();
    let assigned = tx
        .query_first(
            "SELECT gateway_id FROM gateway_assignments WHERE organisation_id = $1 AND gateway_id = $2",
            values![&organisation, gateway],
        )
        .await?;
    if assigned.is_none() {
        return Err(Error::NotFound("gateway in this organisation"));
    }
    let start = start_of_chain(&organisation, gateway, boot);
    let time = now();
    let sql = format!(
        "INSERT INTO audit_streams (organisation_id, gateway_id, boot_id, last_sequence, last_hash, clock_skew_us, \
            opened_us, updated_us) VALUES ($1, $2, $3, 0, $4, $5, $6, $6) \
         ON CONFLICT (organisation_id, gateway_id, boot_id) DO UPDATE SET clock_skew_us = excluded.clock_skew_us \
         RETURNING {COLUMNS}"
    );
    let row = tx.query_first(&sql, values![&organisation, gateway, boot, start, clock_skew, time]).await?;
    head(&row.ok_or(Error::NotFound("stream"))?)
}

/// Ends a stream: the process has shipped all it had. It takes no further events.
pub async fn end_stream(tx: &mut Tx<Organisation>, gateway: &str, boot: &str) -> Result<()> {
    let parameters = values![now(), tx.scope().id(), gateway, boot];
    let sql = "UPDATE audit_streams SET ended_us = $1 \
               WHERE organisation_id = $2 AND gateway_id = $3 AND boot_id = $4 AND ended_us IS NULL";
    tx.execute(sql, parameters).await.map(drop)
}

/// The organisation's streams, the newest first, at most `limit`.
pub async fn streams(tx: &mut Tx<Organisation>, limit: u32) -> Result<Vec<StreamHead>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM audit_streams WHERE organisation_id = $1 ORDER BY opened_us DESC, boot_id LIMIT $2"
    );
    let parameters = values![tx.scope().id(), limit];
    tx.query(&sql, parameters).await?.iter().map(head).collect()
}
