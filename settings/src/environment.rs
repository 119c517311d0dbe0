//! Configuration from the environment: `AEGIS_<SECTION>_<KEY>`.
//!
//! Names are matched against the list of keys, so a misspelt one is an error and not silence. Others may own variables
//! with the prefix: Kubernetes sets `AEGIS_SERVICE_HOST` and `AEGIS_PORT_8080_TCP` when a Service bears our name, the
//! other programs of this family have their own. So only names that begin with a section are errors; any other is warned about, with the
//! nearest one.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use crate::catalogue::{Catalogue, nearest};
use crate::error::{Problem, ProblemSeverity};
use crate::key::{Key, SettingKind};

/// Prefix of every variable.
pub const PREFIX: &str = "AEGIS_";
/// What Kubernetes begins the addresses of Services with.
const LINK_PROTOCOLS: [&str; 3] = ["tcp", "udp", "sctp"];

/// Most letters in which a slip differs from what was meant.
const SLIP: usize = 2;
/// The nearest key is named where at most one letter of so many, without the prefix, differs.
const NEAR: usize = 3;

/// What the environment contributed.
#[derive(Debug, Default)]
pub struct Applied {
    /// Each key that was set, with the variable it came from.
    pub sources: Vec<(String, String)>,
    /// Variables that look like slips.
    pub warnings: Vec<Problem>,
    /// Variables that name no key of their section, and wrong values.
    pub errors: Vec<Problem>,
}

/// Puts the values of all `AEGIS_` variables into `table`.
pub fn apply<S: DeserializeOwned>(
    catalogue: &Catalogue,
    table: &mut Table,
    variables: impl IntoIterator<Item = (String, String)>,
) -> Applied {
    let mut applied = Applied::default();
    let mut variables: Vec<(String, String)> = variables
        .into_iter()
        .filter(|(name, value)| {
            name.starts_with(PREFIX)
                && !catalogue.reserved_variables.contains(&name.as_str())
                && !catalogue.foreign_prefixes.iter().any(|begin| name.starts_with(*begin))
                && !is_service_link(name, value)
        })
        .collect();
    variables.sort();
    for (name, text) in variables {
        let Some(path) = key_of(catalogue, &name) else {
            match unknown(catalogue, &name) {
                problem if problem.severity == ProblemSeverity::Error => applied.errors.push(problem),
                problem => applied.warnings.push(problem),
            }
            continue;
        };
        match value_of::<S>(catalogue, &name, &path, &text) {
            Ok(value) => {
                insert(table, &path, value);
                applied.sources.push((path, name));
            }
            Err(problem) => applied.errors.push(problem),
        }
    }
    applied
}

/// The variable of a key; `*` parts become `<NAME>`. Items of lists have none: the list is given as a whole.
pub fn variable_of(key: &Key) -> Option<String> {
    (!key.path.contains("[]"))
        .then(|| format!("{PREFIX}{}", key.path.replace('*', "<NAME>").replace('.', "_").to_uppercase()))
}

/// Whether the variable is one of those Kubernetes makes for a Service: `..._SERVICE_HOST`, `..._SERVICE_PORT` with or without
/// the port's name, `..._PORT_8080_TCP` with its parts, and `..._PORT`, which a person may write too, with an address behind
/// a protocol.
fn is_service_link(name: &str, value: &str) -> bool {
    let is_numbered = |(_, tail): (&str, &str)| {
        let mut parts = tail.split('_');
        let is_number = parts.next().is_some_and(|port| port.parse::<u16>().is_ok());
        is_number && parts.next().is_some_and(|protocol| LINK_PROTOCOLS.contains(&&*protocol.to_lowercase()))
    };
    let is_address =
        || value.split_once("://").is_some_and(|(protocol, _)| LINK_PROTOCOLS.contains(&protocol));
    name.ends_with("_SERVICE_HOST")
        || name.ends_with("_SERVICE_PORT")
        || name.contains("_SERVICE_PORT_")
        || name.split_once("_PORT_").is_some_and(is_numbered)
        || (name.ends_with("_PORT") && is_address())
}

/// The concrete key a variable names: `AEGIS_UPSTREAMS_MY_LLM_URL` is `upstreams.my-llm.url`.
fn key_of(catalogue: &Catalogue, name: &str) -> Option<String> {
    let wanted = name.strip_prefix(PREFIX)?;
    let upper = |part: &str| part.replace('.', "_").to_uppercase();
    for key in catalogue.keys.iter().filter(|key| !key.path.contains("[]")) {
        let Some((before, after)) = key.path.split_once('*') else {
            if upper(&key.path) == wanted {
                return Some(key.path.clone());
            }
            continue;
        };
        let middle = wanted.strip_prefix(&upper(before)).and_then(|rest| rest.strip_suffix(&upper(after)));
        if let Some(middle) =
            middle.filter(|middle| !middle.is_empty() && !is_longer_key(catalogue, before, middle, after))
        {
            let middle = middle.to_lowercase().replace('_', "-");
            return Some(format!("{before}{middle}{after}"));
        }
    }
    None
}

/// Whether `middle` swallowed the beginning of a longer key: in `OPENAI_API_KEY_FILE`, `FILE` is no name of a key but
/// `..._CONNECT` + `_TIMEOUT` shows how it could be one.
fn is_longer_key(catalogue: &Catalogue, before: &str, middle: &str, after: &str) -> bool {
    let tail = format!("{middle}{}", after.replace('.', "_").to_uppercase());
    catalogue
        .keys
        .iter()
        .filter_map(|key| key.path.strip_prefix(before)?.strip_prefix('*'))
        .any(|other| other.len() > after.len() && tail.ends_with(&other.replace('.', "_").to_uppercase()))
}

/// What to say about a variable that names no key.
fn unknown(catalogue: &Catalogue, name: &str) -> Problem {
    let names = catalogue.keys.iter().filter_map(variable_of).filter(|name| !name.contains('<'));
    let distance = |known: String| (strsim::damerau_levenshtein(name, &known), known);
    let nearest_key = names.map(distance).min();
    // What is kept for the command line is named for a slip only: it is none of the configuration's keys.
    let reserved = catalogue.reserved_variables.iter().map(|known| distance((*known).to_owned())).min();
    let slip =
        nearest_key.clone().into_iter().chain(reserved).min().filter(|(distance, _)| *distance <= SLIP);
    // Without its section a key is far by letters, and meant all the same.
    let is_near = |distance: usize, known: &str| {
        known.ends_with(&name[PREFIX.len() - 1..]) || distance * NEAR <= name.len() - PREFIX.len()
    };
    let rest = name[PREFIX.len()..].to_lowercase();
    let what = "names no key of the configuration";
    let place = format!("environment variable {name}");
    let sections = || catalogue.keys.iter().filter_map(|key| key.path.split('.').next());
    let is_of_section = sections().any(|section| {
        rest.strip_prefix(section).is_some_and(|tail| tail.is_empty() || tail.starts_with('_'))
    });
    let first_word = rest.split('_').next().unwrap_or_default();
    let section = nearest(first_word, sections());
    let help = match (slip, section, nearest_key) {
        (Some((_, near)), ..) => format!("did you mean {near}?"),
        _ if is_of_section => "unset it; docs/settings.md lists every key".to_owned(),
        (_, Some(section), _) => {
            let section = section.to_uppercase();
            format!("unset it if it is not meant for others; the nearest are {PREFIX}{section}_...")
        }
        (_, _, Some((distance, near))) if is_near(distance, &near) => {
            format!("unset it if it is not meant for others; the nearest is {near}")
        }
        _ => "unset it if it is not meant for others; docs/settings.md lists every key".to_owned(),
    };
    if is_of_section {
        Problem::error("", what, help).at(place)
    } else {
        Problem::warning("", what, help).at(place)
    }
}

/// The TOML value that `text` stands for. Texts may be written bare; everything else as in the file.
fn value_of<S: DeserializeOwned>(
    catalogue: &Catalogue,
    name: &str,
    path: &str,
    text: &str,
) -> Result<Value, Problem> {
    let kind = catalogue.find(path).map_or(SettingKind::Text, |key| key.kind);
    let value = match kind {
        SettingKind::Text
        | SettingKind::Path
        | SettingKind::Address
        | SettingKind::Choice(_)
        | SettingKind::Letter
        | SettingKind::Secret => Value::String(text.to_owned()),
        SettingKind::Addresses | SettingKind::Choices(_) | SettingKind::Paths | SettingKind::Texts
            if !text.trim_start().starts_with('[') =>
        {
            let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
            Value::Array(items.map(|item| Value::String(item.to_owned())).collect())
        }
        _ => literal(text),
    };
    let mut alone = Table::new();
    insert(&mut alone, path, value.clone());
    match S::deserialize(alone) {
        Ok(_) => Ok(value),
        Err(error) => {
            let (what, help) = catalogue.explain_value(path, error.message());
            Err(Problem::error(path, what, help).at(format!("environment variable {name}")))
        }
    }
}

/// Reads `text` as a TOML value, or takes it as a text when it is none.
fn literal(text: &str) -> Value {
    let document = format!("value = {text}");
    toml::from_str::<Table>(&document)
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

/// Puts `value` under the dotted `path`.
pub fn insert(table: &mut Table, path: &str, value: Value) {
    match path.split_once('.') {
        None => {
            table.insert(path.to_owned(), value);
        }
        Some((section, rest)) => {
            let inner = table.entry(section).or_insert_with(|| Value::Table(Table::new()));
            if let Value::Table(inner) = inner {
                insert(inner, rest, value);
            }
        }
    }
}
