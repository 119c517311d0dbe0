//! Jobs that one coordinator at a time does: whoever has the lease, until it runs out.

use super::clock::Micros;
use super::database::Tx;
use super::error::Result;
use super::scope::Operator;
use super::value::values;

/// Takes or renews the lease of a job until `until`. False: somebody else has it at `time`.
pub async fn take(
    tx: &mut Tx<Operator>,
    job: &str,
    holder: &str,
    (time, until): (Micros, Micros),
) -> Result<bool> {
    let sql = "INSERT INTO leases (name, holder, until_us) VALUES ($1, $2, $3) \
               ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until_us = excluded.until_us \
               WHERE leases.holder = excluded.holder OR leases.until_us <= $4";
    Ok(tx.execute(sql, values![job, holder, until, time]).await? > 0)
}

/// Gives a lease back, if `holder` has it.
pub async fn give_back(tx: &mut Tx<Operator>, job: &str, holder: &str) -> Result<()> {
    let sql = "DELETE FROM leases WHERE name = $1 AND holder = $2";
    tx.execute(sql, values![job, holder]).await.map(drop)
}
