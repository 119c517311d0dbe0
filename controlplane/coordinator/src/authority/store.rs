//! The authority in the database.

use std::time::SystemTime;

use rustls_pki_types::CertificateDer;

use super::{Authority, AuthorityError};
use crate::seal::{Purpose, SealError, Sealed, Sealer};
use crate::storage::authorities::{self, StoredAuthority};
use crate::storage::{Database, Error, Operator};

/// Why there is no authority to work with.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The database did not give it.
    #[error("the certificate authority: {0}")]
    Database(#[from] Error),
    /// Its key does not open.
    #[error("the key of the certificate authority: {0}")]
    Sealed(#[from] SealError),
    /// It is none.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// Its certificate is not readable.
    #[error("the certificate authority in the database is damaged")]
    Damaged,
}

/// Loads the authority, or makes it where there is none yet. Of coordinators that start together one makes it.
pub async fn load_or_make(database: &Database, sealer: &Sealer) -> Result<Authority, LoadError> {
    let mut tx = database.write(Operator).await?;
    let stored = if let Some(stored) = authorities::active(&mut tx).await? {
        stored
    } else {
        let (made, key) = Authority::generate(SystemTime::now())?;
        let id = crate::storage::new_id("ca");
        let Sealed { key_id, bytes } = sealer.seal(Purpose::Authority, &id, &key);
        let certificate = data_encoding::BASE64.encode(made.certificate());
        let new = StoredAuthority { id, certificate, sealed_key: bytes, sealing_key_id: key_id };
        authorities::add_first(&mut tx, &new).await?
    };
    tx.commit().await?;
    let kept = Sealed { key_id: stored.sealing_key_id, bytes: stored.sealed_key };
    let key = sealer.open_sealed(Purpose::Authority, &stored.id, &kept)?;
    let certificate =
        data_encoding::BASE64.decode(stored.certificate.as_bytes()).map_err(|_| LoadError::Damaged)?;
    Ok(Authority::load(CertificateDer::from(certificate), &key)?)
}
