//! All keys of the gateway's configuration.

use std::sync::LazyLock;

use aegis_settings::Catalogue;

use super::settings::Settings;

/// The keys, in the order in which [`Settings`] declares them.
pub static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue {
    reserved_variables: &["AEGIS_CONFIG", "AEGIS_BIN_DIR"],
    foreign_prefixes: &["AEGIS_COORDINATOR_", "AEGIS_TEST_"],
    ..Catalogue::of::<Settings>()
});
