//! The pages about this program's settings: what stands above what is made from their declarations. A test compares and
//! writes the pages; the program itself does not call this.

use aegis_settings::pages::{self, ExampleNotes};

use super::builtin;
use super::reference::CATALOGUE;

/// What stands above the table of all keys.
const SETTINGS_HEAD: &str = "\
# Settings

Made from the declarations in `dataplane/gateway/src/config/settings/` by `UPDATE_DOCS=1 cargo test -p aegis-gateway --test config`;
do not edit.

Every key of the gateway's configuration. In the file a key stands in the section before its last dot; in the environment it is
`AEGIS_<SECTION>_<KEY>`. `*` stands for a name of your choice, `[]` for an item of a list. *Start* means that a change takes effect
at the next start; all others take effect at a reload (SIGHUP). `deploy/aegis.example.toml` is a file with every default.

";

/// The page of all settings, in Markdown.
pub fn settings_page() -> String {
    pages::settings_page(&CATALOGUE, SETTINGS_HEAD)
}

/// What stands above the sections of the example file.
const EXAMPLE_HEAD: &str = "\
# Configuration of aegis-gateway, with every key and its default.
#
# Made from the declarations of the settings by `UPDATE_DOCS=1 cargo test -p aegis-gateway --test config`.
# Nothing here needs to be set: without a file the gateway runs on these values. Every key can also be given as an
# environment variable AEGIS_<SECTION>_<KEY> (AEGIS_SERVER_SHARDS=4), which wins over the file; flags win over both.
# Times are seconds as a number, or \"250ms\", \"30s\", \"5m\", \"1h\"; sizes are bytes as a number, or \"16KiB\", \"64MiB\", \"1GiB\".
# `aegis-gateway check --config FILE` says whether a file is right; SIGHUP makes a running gateway read it again. Keys
# that say so are read at the start only.
";

/// What stands above the section of an upstream.
fn upstreams_head() -> String {
    let names: Vec<&str> = builtin::names().collect();
    format!(
        "Providers. Built in are {}. A section of the same name changes one, another name adds one.",
        names.join(", ")
    )
}

/// A configuration file with every key: those with a default set to it, the others as comments.
pub fn example_file() -> String {
    let sections = [("upstreams", upstreams_head())];
    pages::example_file(
        &CATALOGUE,
        &ExampleNotes { head: EXAMPLE_HEAD, chosen_name: "my-llm", sections: &sections },
    )
}
