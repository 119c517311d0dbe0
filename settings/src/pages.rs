//! The pages about settings that are made from their declarations: a table for the documentation and a file to begin
//! with. Tests of the programs compare and write them.

use std::fmt::Write as _;

use crate::catalogue::Catalogue;
use crate::key::{Key, SettingKind};

/// Columns of the example file.
const COLUMNS: usize = 120;

/// The page of all settings, in Markdown: `head`, and a row for each key.
pub fn settings_page(catalogue: &Catalogue, head: &str) -> String {
    let mut page = head.to_owned();
    page.push_str("| key | takes | default | read at | meaning |\n|---|---|---|---|---|\n");
    for key in &catalogue.keys {
        let default = if key.default.is_empty() { String::new() } else { format!("`{}`", key.default) };
        let takes = match key.kind {
            SettingKind::Choice(words) => words.join(", "),
            SettingKind::Choices(words) => format!("list of {}", words.join(", ")),
            SettingKind::PathOr(words) => format!("path, {}", words.join(", ")),
            kind => format!("{kind:?}").to_lowercase(),
        };
        let range = if key.range.is_empty() { String::new() } else { format!(", {}", key.range) };
        let read_at = if key.restart { "start" } else { "reload" };
        // Writing to a String cannot fail.
        let _ = writeln!(page, "| `{}` | {takes}{range} | {default} | {read_at} | {} |", key.path, key.help);
    }
    page
}

/// What an example file says that no declaration does.
#[derive(Debug, Clone, Copy)]
pub struct ExampleNotes<'a> {
    /// Stands above the first section, as comment lines.
    pub head: &'a str,
    /// Stands for the names that people choose.
    pub chosen_name: &'a str,
    /// Sections, by what they begin with, and what stands above them.
    pub sections: &'a [(&'a str, String)],
}

/// A configuration file with every key: those with a default set to it, the others as comments.
pub fn example_file(catalogue: &Catalogue, notes: &ExampleNotes<'_>) -> String {
    let mut file = notes.head.to_owned();
    // Tables come after the keys of the section above them, as TOML wants it.
    let mut sections: Vec<(&str, Vec<&Key>)> = Vec::new();
    for key in &catalogue.keys {
        let section = key.path.rsplit_once('.').map_or("", |(section, _)| section);
        match sections.iter_mut().find(|(known, _)| *known == section) {
            Some((_, keys)) => keys.push(key),
            None => sections.push((section, vec![key])),
        }
    }
    for (section, keys) in sections {
        let is_list = section.ends_with("[]");
        file.push('\n');
        for (_, note) in notes.sections.iter().filter(|(begin, _)| section.starts_with(begin)) {
            wrap(&mut file, note);
        }
        let head = section.trim_end_matches("[]").replace('*', notes.chosen_name);
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
