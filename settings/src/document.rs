//! The configuration file as text: where each key stands, and which keys nobody knows.
//!
//! serde says what is wrong with a value but not under which key, and the checks that come later know the key but not
//! the line. The index made here joins the two.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue, Deserializer};

use crate::catalogue::Catalogue;
use crate::error::{ConfigError, MAX_LISTED_PROBLEMS, Problem};
use crate::faults::FaultyKeys;
use crate::files;
use crate::misfits::remove_misfits;
use crate::places::PlaceIndex;

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
    /// The entries by their paths.
    by_path: HashMap<String, usize>,
    /// Where keys and values begin, ascending, with the entry of each.
    starts: Vec<(usize, usize)>,
    places: PlaceIndex,
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
        let (entries, by_path, starts, places) =
            (Vec::new(), HashMap::new(), Vec::new(), PlaceIndex::of(&text));
        let mut document = Document { path: path.to_path_buf(), text, entries, by_path, starts, places };
        let mut entries = Vec::new();
        match DeTable::parse(&document.text) {
            Ok(table) => index(table.get_ref(), "", &mut entries),
            Err(error) => {
                return Err(document.syntax_error(&error).into());
            }
        }
        for (number, entry) in entries.iter().enumerate() {
            document.by_path.insert(entry.path.clone(), number);
            document.starts.extend([(entry.key.start, number), (entry.value.start, number)]);
        }
        document.starts.sort_unstable();
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
        let mut faults = FaultyKeys::default();
        for (_, problem) in &found {
            faults.insert(&problem.key);
        }
        remove_keys(root.get_mut(), &found.iter().map(|(offset, _)| *offset).collect());
        let root = remove_misfits::<S>(root, &mut |error| {
            let problem = self.value_error(error, catalogue);
            if !faults.may_explain(&problem) {
                faults.insert(&problem.key);
                found.push((start_of(error), problem));
            }
        });
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
            if let Some(index) = self.by_path.get(wanted) {
                return Some(self.place_of(self.entries[*index].key.start));
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
        let (line, column) = self.places.find(&self.text, offset);
        format!("{}:{line}:{column}", self.path.display())
    }

    fn syntax_error(&self, error: &toml::de::Error) -> Problem {
        let place = self.place_of(start_of(error));
        let help = "quote text with \"...\"; a section begins with [name]";
        Problem::error("", format!("not valid TOML: {}", error.message()), help).at(place)
    }

    /// The keys nobody knows, with the offset of each.
    fn unknown_keys(&self, catalogue: &Catalogue) -> Vec<(usize, Problem)> {
        let mut unknown = FaultyKeys::default();
        let mut entries: Vec<&DocumentEntry> = Vec::new();
        for entry in &self.entries {
            let known = catalogue.find(&entry.path).is_some()
                || ((entry.is_table || entry.path.ends_with(']')) && catalogue.is_section(&entry.path));
            if !known && !unknown.covers(&entry.path) {
                unknown.insert(&entry.path);
                entries.push(entry);
            }
        }
        entries.sort_by_key(|entry| entry.key.start);
        let problem = |(number, entry): (usize, &DocumentEntry)| {
            let what = if entry.path.contains('.') { "unknown key" } else { "unknown section" };
            // To guess what was meant takes longer than all the rest, and nobody reads the guess that is not listed.
            let is_listed = number < MAX_LISTED_PROBLEMS;
            let help = if is_listed { catalogue.suggest(&entry.path) } else { String::new() };
            let problem = Problem::error(&entry.path, what, help).at(self.place_of(entry.key.start));
            (entry.key.start, problem)
        };
        entries.into_iter().enumerate().map(problem).collect()
    }

    /// The innermost key at the byte `offset`, or whose value is there.
    fn entry_at(&self, offset: usize) -> Option<&DocumentEntry> {
        let is_there = |entry: &&DocumentEntry| entry.value.contains(&offset) || entry.key.contains(&offset);
        let behind = self.starts.partition_point(|(start, _)| *start <= offset);
        let before = &self.starts[..behind];
        // What begins last is innermost; several may begin together.
        let (start, _) = before.iter().rev().find(|(_, index)| is_there(&&self.entries[*index]))?;
        let from = before.partition_point(|(other, _)| other < start);
        let beginning = before[from..].iter().take_while(|(other, _)| other == start);
        beginning
            .map(|(_, index)| &self.entries[*index])
            .filter(is_there)
            .min_by_key(|entry| entry.value.len())
    }

    fn value_error(&self, error: &toml::de::Error, catalogue: &Catalogue) -> Problem {
        let offset = start_of(error);
        let path = self.entry_at(offset).map_or("", |entry| &entry.path);
        let (what, help) = catalogue.explain_value(path, error.message());
        Problem::error(path, what, help).at(self.place_of(offset))
    }
}

/// The byte where what is wrong begins.
fn start_of(error: &toml::de::Error) -> usize {
    error.span().map_or(0, |span| span.start)
}

/// Removes every key that stands at one of these bytes, whatever its value is.
fn remove_keys(table: &mut DeTable<'_>, offsets: &HashSet<usize>) {
    let named: Vec<_> = table.keys().filter(|key| offsets.contains(&key.span().start)).cloned().collect();
    for key in named {
        table.remove(&key);
    }
    for (_, value) in table.iter_mut() {
        match value.get_mut() {
            DeValue::Table(inner) => remove_keys(inner, offsets),
            DeValue::Array(items) => {
                for item in items.iter_mut() {
                    if let DeValue::Table(inner) = item.get_mut() {
                        remove_keys(inner, offsets);
                    }
                }
            }
            _ => {}
        }
    }
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
