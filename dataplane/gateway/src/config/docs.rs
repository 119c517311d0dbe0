//! The pages about settings that are made from their declarations: a table for the documentation and a file to begin
//! with. A test compares and writes them; the program itself does not call this.

use std::fmt::Write as _;

use super::builtin;
use super::key::{Key, SettingKind};
use super::reference::KEYS;

/// Columns of the example file.
const COLUMNS: usize = 120;

/// What stands above the table of all keys.
const SETTINGS_HEAD: &str = "\
# Settings

Made from the declarations in `dataplane/gateway/src/config/settings/` by `UPDATE_DOCS=1 cargo test -p aegis-gateway --test config`;
do not edit.

Every key of the gateway's configuration. In the file a key stands in the section before its last dot; in the environment it is
`AEGIS_<SECTION>_<KEY>`. `*` stands for a name of your choice, `[]` for an item of a list. *Start* means that a change takes effect
at the next start; all others take effect at a reload (SIGHUP). `deploy/aegis.example.toml` is a file with every default.

| key | takes | default | read at | meaning |
|---|---|---|---|---|
";

/// The page of all settings, in Markdown.
pub fn settings_page() -> String {
    let mut page = SETTINGS_HEAD.to_owned();
    for key in KEYS.iter() {
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
        let takes = match key.kind {
            SettingKind::Choice(words) => words.join(", "),
            SettingKind::Choices(words) => format!("list of {}", words.join(", ")),
            kind => format!("{kind:?}").to_lowercase(),
        };
        let range = if key.range.is_empty() { String::new() } else { format!(", {}", key.range) };
        let read_at = if key.restart { "start" } else { "reload" };
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{}` | {takes}{range} | {default} | {read_at} | {} |", key.path, key.help);
    }
    page
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
    let mut file = EXAMPLE_HEAD.to_owned();
    // Tables come after the keys of the section above them, as TOML wants it.
    let mut sections: Vec<(&str, Vec<&Key>)> = Vec::new();
    for key in KEYS.iter() {
        let section = key.path.rsplit_once('.').map_or("", |(section, _)| section);
        match sections.iter_mut().find(|(known, _)| *known == section) {
            Some((_, keys)) => keys.push(key),
            None => sections.push((section, vec![key])),
        }
    }
    for (section, keys) in sections {
        let is_list = section.ends_with("[]");
        file.push('\n');
        if section.starts_with("upstreams") {
            wrap(&mut file, &upstreams_head());
        }
        let head = section.trim_end_matches("[]").replace('*', "my-llm");
        let commented = is_list || section.ends_with('*');
        let mark = if commented { "#" } else { "" };
        let (open, close) = if is_list { ("[[", "]]") } else { ("[", "]") };
        let _ = writeln!(file, "{mark}{open}{head}{close}");
        for key in keys {
            example_key(&mut file, key, commented);
        }
    }
    file
}

/// Meaning, example and default of one key.
fn example_key(file: &mut String, key: &Key, commented: bool) {
    let name = key.path.rsplit('.').next().unwrap_or(&key.path);
    let mut comment = key.help.clone();
    if matches!(key.kind, SettingKind::Choice(_)) && name != "*" {
        let words = key.kind.describe();
        let _ = write!(comment, " One of{}.", words.trim_start_matches("one of"));
    }
    if key.restart {
        comment.push_str(" Read at the start only.");
    }
    wrap(file, &comment);
    if name == "*" {
        let _ = writeln!(file, "#{}", key.example);
        return;
    }
    let as_comment = commented || key.default.is_empty() || key.kind == SettingKind::Tables;
    if !key.example.is_empty() {
        let _ = writeln!(file, "#{name} = {}", key.example);
    }
    if !as_comment {
        let _ = writeln!(file, "{name} = {}", key.default);
    } else if key.example.is_empty() {
        let _ = writeln!(file, "#{name} = {}", key.default);
    }
}

/// Appends `text` as comment lines.
fn wrap(file: &mut String, text: &str) {
    let mut line = String::from("#");
    for word in text.split(' ') {
        if line.len() + 1 + word.len() > COLUMNS {
            let _ = writeln!(file, "{line}");
            "#".clone_into(&mut line);
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(file, "{line}");
}
