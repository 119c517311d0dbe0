//! The certificate authority for gateways. Its key is sealed before it comes here.

use super::clock::now;
use super::database::Tx;
use super::error::{Error, Result};
use super::scope::Operator;
use super::value::{Row, values};

/// What the installation remembers its first authority under, so that there is one.
const FIRST: &str = "first authority";

/// An authority as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredAuthority {
    /// Its id.
    pub id: String,
    /// Its certificate, in base64.
    pub certificate: String,
    /// Its key, sealed.
    pub sealed_key: Vec<u8>,
    /// What opens it.
    pub sealing_key_id: String,
}

fn authority(row: &Row) -> Result<StoredAuthority> {
    Ok(StoredAuthority {
        id: row.get("authority_id")?,
        certificate: row.get("certificate")?,
        sealed_key: row.get("sealed_key")?,
        sealing_key_id: row.get("sealing_key_id")?,
    })
}

/// The authority that signs now, if there is one.
pub async fn active(tx: &mut Tx<Operator>) -> Result<Option<StoredAuthority>> {
    let sql = "SELECT authority_id, certificate, sealed_key, sealing_key_id FROM authorities \
               WHERE state = 'active' ORDER BY created_us DESC LIMIT 1";
    tx.query_first(sql, vec![]).await?.as_ref().map(authority).transpose()
}

/// Keeps the first authority of an installation, and gives the one that is there: another coordinator may have been
/// first.
pub async fn add_first(tx: &mut Tx<Operator>, new: &StoredAuthority) -> Result<StoredAuthority> {
    // Of two that insert, the second waits for the first one's commit.
    let sql = "INSERT INTO installation (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
    if tx.execute(sql, values![FIRST, &new.id]).await? == 1 {
        let sql = "INSERT INTO authorities (authority_id, certificate, sealed_key, sealing_key_id, state, created_us) \
                   VALUES ($1, $2, $3, $4, 'active', $5)";
        let parameters =
            values![&new.id, &new.certificate, new.sealed_key.clone(), &new.sealing_key_id, now()];
        tx.execute(sql, parameters).await?;
    }
    active(tx).await?.ok_or(Error::NotFound("certificate authority"))
}
