//! The configuration file as text: where each key stands, and which keys nobody knows.
//!
//! serde says what is wrong with a value but not under which key, and the checks that come later know the key but not
//! the line. The index made here joins the two.

use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use crate::catalogue::Catalogue;
use crate::error::{ConfigError, Problem};
use crate::files;

/// One key of the file.
#[derive(Debug, Clone)]
struct DocumentEntry {
    /// `section.key`, list items as `auth.keys[0].id`.
    path: String,
    key: Range<usize>,
    value: Range<usize>,
    is_table: bool,
}

/// What suggests that a file was cut off, by a full disk or in the middle of a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CutOff {
    /// It sets nothing.
    Empty,
    /// Its last section is empty.
    EmptySection,
    /// Its last line does not end.
    NoLineEnd,
}

impl CutOff {
    /// The finding as it is said to a person, with what to do about it.
    pub fn explain(self) -> (&'static str, &'static str) {
        match self {
            CutOff::Empty => ("the file sets nothing", "restart if the defaults are meant"),
            CutOff::EmptySection => {
                ("the file ends with an empty section", "remove the section, or say what is in it")
            }
            CutOff::NoLineEnd => ("the file's last line does not end", "end it with a line break"),
        }
    }

    /// The warning for who starts with `file`, which a reload would refuse. None where it sets nothing: then it may.
    pub fn warn(self, file: &Path) -> Option<Problem> {
        let (what, help) = self.explain();
        let what = format!("{what}: a reload would take it for cut off, and refuse it");
        (self != CutOff::Empty).then(|| Problem::warning("", what, help).at(file.display().to_string()))
    }
}

/// A configuration file that has been read.
#[derive(Debug, Clone)]
pub struct Document {
    path: PathBuf,
    text: String,
    entries: Vec<DocumentEntry>,
}

impl Document {
    /// Reads the file at `path`.
    pub fn read(path: &Path) -> Result<Document, ConfigError> {
        // At a start it may be a pipe.
        let read = File::open(path).and_then(|file| files::read_whole_text(&file));
        let text = read.map_err(|error| {
            let help = match error.kind() {
                std::io::ErrorKind::IsADirectory => "name the file in it with --config FILE",
                std::io::ErrorKind::NotFound => "give the path of an existing file with --config FILE",
                std::io::ErrorKind::PermissionDenied => "make it readable for the user who runs this program",
                std::io::ErrorKind::InvalidData => "save the file as UTF-8",
                _ => "",
            };
            Problem::error("", format!("cannot read the configuration: {error}"), help)
                .at(path.display().to_string())
        })?;
        Document::parse(path, text)
    }

    /// Takes `text` as the contents of the file at `path`.
    fn parse(path: &Path, text: String) -> Result<Document, ConfigError> {
        let mut document = Document { path: path.to_path_buf(), text, entries: Vec::new() };
        let mut entries = Vec::new();
        match DeTable::parse(&document.text) {
            Ok(table) => index(table.get_ref(), "", &mut entries),
            Err(error) => {
                return Err(document.syntax_error(&error).into());
            }
        }
        document.entries = entries;
        Ok(document)
    }

    /// Checks every key and every value on its own. Gives what is right as a table, and everything that is wrong.
    pub fn check<S: DeserializeOwned>(&self, catalogue: &Catalogue) -> (toml::Table, Vec<Problem>) {
        let mut root = match DeTable::parse(&self.text) {
            Ok(root) => root,
            Err(error) => return (toml::Table::new(), vec![self.syntax_error(&error)]),
        };
        let mut found = self.unknown_keys(catalogue);
        for (offset, _) in &found {
            remove_at(root.get_mut(), *offset);
        }
        // serde stops at the first value that is wrong. Without it, it goes on to the next.
        while let Err(error) = S::deserialize(Deserializer::from(root.clone())) {
            let offset = error.span().map_or(0, |span| span.start);
            let problem = self.value_error(&error, catalogue);
            if !found.iter().any(|(_, known)| problem.may_follow_from(&known.key)) {
                found.push((offset, problem));
            }
            if !remove_at(root.get_mut(), offset) {
                break;
            }
        }
        found.sort_by_key(|(offset, _)| *offset);
        let table = toml::Table::deserialize(Deserializer::from(root)).unwrap_or_default();
        (table, found.into_iter().map(|(_, problem)| problem).collect())
    }

    /// The folder that relative paths of the file are meant from; none where the name says no folder, or names an open
    /// file (`/dev/stdin`, `<(..)` of a shell).
    pub fn folder(&self) -> Option<&Path> {
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty())?;
        (!folder.starts_with("/dev") && !folder.starts_with("/proc")).then_some(folder)
    }

    /// Where `key` stands, or the nearest key above it that the file has.
    pub fn locate(&self, key: &str) -> Option<String> {
        let mut wanted = key;
        loop {
            if let Some(entry) = self.entries.iter().find(|entry| entry.path == wanted) {
                return Some(self.place_of(entry.key.start));
            }
            wanted = &wanted[..wanted.rfind(['.', '['])?];
        }
    }

    /// What suggests that this is only the beginning of the file that was meant; none if nothing does.
    pub fn cut_off(&self) -> Option<CutOff> {
        let last = self.entries.iter().max_by_key(|entry| entry.key.start);
        let meaningful = |line: &&str| !line.is_empty() && !line.starts_with('#');
        let last_line = self.text.lines().map(str::trim).rfind(meaningful);
        match last {
            None => Some(CutOff::Empty),
            Some(entry) if entry.is_table && last_line.is_some_and(|line| line.starts_with('[')) => {
                Some(CutOff::EmptySection)
            }
            Some(_) if !self.text.ends_with('\n') => Some(CutOff::NoLineEnd),
            Some(_) => None,
        }
    }

    /// `file:line:column` of a byte, both counted from 1, columns in characters.
    fn place_of(&self, offset: usize) -> String {
        let whole = (0..=offset.min(self.text.len())).rev().find(|at| self.text.is_char_boundary(*at));
        let before = &self.text[..whole.unwrap_or(0)];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |last| last.chars().count()) + 1;
        format!("{}:{line}:{column}", self.path.display())
    }

    fn syntax_error(&self, error: &toml::de::Error) -> Problem {
        let place = self.place_of(error.span().map_or(0, |span| span.start));
        let help = "quote text with \"...\"; a section begins with [name]";
        Problem::error("", format!("not valid TOML: {}", error.message()), help).at(place)
    }

    /// The keys nobody knows, with the offset of each.
    fn unknown_keys(&self, catalogue: &Catalogue) -> Vec<(usize, Problem)> {
        let mut problems: Vec<(usize, Problem)> = Vec::new();
        for entry in &self.entries {
            let below_unknown =
                problems.iter().any(|(_, above)| entry.path.starts_with(&format!("{}.", above.key)));
            let known = catalogue.find(&entry.path).is_some()
                || ((entry.is_table || entry.path.ends_with(']')) && catalogue.is_section(&entry.path));
            if !known && !below_unknown {
                let (what, help) = catalogue.explain_unknown(&entry.path);
                let problem = Problem::error(&entry.path, what, help).at(self.place_of(entry.key.start));
                problems.push((entry.key.start, problem));
            }
        }
        problems
    }

    fn value_error(&self, error: &toml::de::Error, catalogue: &Catalogue) -> Problem {
        let offset = error.span().map_or(0, |span| span.start);
        let entry = self
            .entries
            .iter()
            .filter(|entry| entry.value.contains(&offset) || entry.key.contains(&offset))
            .min_by_key(|entry| entry.value.len());
        let path = entry.map_or("", |entry| &entry.path);
        let (what, help) = catalogue.explain_value(path, error.message());
        Problem::error(path, what, help).at(self.place_of(offset))
    }
}

/// Removes the innermost key that stands at the byte `offset`, or whose value does; false if there is none. Items of lists
/// stay, so that the others keep their numbers: what is wrong with one as a whole takes the list away.
fn remove_at(table: &mut DeTable<'_>, offset: usize) -> bool {
    for (_, value) in table.iter_mut() {
        let is_removed = match value.get_mut() {
            DeValue::Table(inner) => remove_at(inner, offset),
            DeValue::Array(items) => items.iter_mut().any(|item| match item.get_mut() {
                DeValue::Table(inner) => remove_at(inner, offset),
                _ => false,
            }),
            _ => false,
        };
        if is_removed {
            return true;
        }
    }
    let is_at = |span: Range<usize>| span.contains(&offset);
    let found = table.iter().find(|(key, value)| {
        let items = value.get_ref().as_array().into_iter().flat_map(|items| items.iter());
        is_at(key.span()) || is_at(value.span()) || items.map(Spanned::span).any(is_at)
    });
    let Some(key) = found.map(|(key, _)| key.clone()) else { return false };
    table.remove(&key).is_some()
}

fn index(table: &DeTable<'_>, above: &str, entries: &mut Vec<DocumentEntry>) {
    for (key, value) in table {
        let path =
            if above.is_empty() { key.get_ref().to_string() } else { format!("{above}.{}", key.get_ref()) };
        let is_table = value.get_ref().is_table();
        entries.push(DocumentEntry { path: path.clone(), key: key.span(), value: value.span(), is_table });
        match value.get_ref() {
            DeValue::Table(inner) => index(inner, &path, entries),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    if let DeValue::Table(inner) = item.get_ref() {
                        let path = format!("{path}[{i}]");
                        entries.push(DocumentEntry {
                            path: path.clone(),
                            key: item.span(),
                            value: item.span(),
                            is_table: true,
                        });
                        index(inner, &path, entries);
                    }
                }
            }
            _ => {}
        }
    }
}
