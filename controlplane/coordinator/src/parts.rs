//! The parts of a coordinator, made from its settings.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;

use crate::config::Settings;
use crate::seal::{SealError, Sealer};
use crate::storage::{Database, Error, PostgresSettings, SqliteSettings};

/// The database that the settings name. It is not asked for anything yet.
pub fn open_database(settings: &Settings) -> Result<Database, Error> {
    let wanted = &settings.database;
    let (Some(url), Some(ingest)) = (&wanted.url, &wanted.ingest_url) else {
        make_state_folder(settings)?;
        return Database::open_sqlite(&SqliteSettings { path: settings.database_file() });
    };
    Database::open_postgres(&PostgresSettings {
        application: url.expose().to_owned(),
        ingest: ingest.expose().to_owned(),
        owner: wanted.owner_url.as_ref().map(|url| url.expose().to_owned()),
        direct: wanted.direct_url.as_ref().map(|url| url.expose().to_owned()),
        prepare: wanted.prepare,
        pool_size: wanted.pool_size as usize,
        root_certificates: wanted.root_certificates.clone(),
    })
}

/// What seals secrets; its file is made where there is none and `may_make`.
pub fn sealer(settings: &Settings, may_make: bool) -> Result<Sealer, SealError> {
    let path = settings.seal_key_file();
    // A named file is the operator's: an empty one in its place would seal what nobody else can open.
    let may_make = may_make && settings.seal.key_file.is_none();
    Sealer::open(&path, may_make)
}

/// Makes the state folder, for its owner only.
fn make_state_folder(settings: &Settings) -> Result<(), Error> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(&settings.state.dir);
    made.map_err(|error| {
        Error::Configuration(format!("state.dir: cannot make {}: {error}", settings.state.dir.display()))
    })
}
