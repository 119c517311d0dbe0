//! File and environment laid over the defaults, with a record of where each value came from.
//!
//! Later sources win: defaults, file, environment, and what the program's own flags say, which it applies itself and
//! reports with [`Layers::flags`]. So a check made on the whole can still point at the line.

use std::path::Path;

use serde::de::DeserializeOwned;
use toml::Table;

use crate::catalogue::Catalogue;
use crate::document::Document;
use crate::environment::{self, Applied};
use crate::error::{ConfigError, Problem};
use crate::faults::FaultyKeys;
use crate::file_paths;
use crate::range::Hint;
use crate::schema::Setting;

/// What file and environment give.
#[derive(Debug)]
pub struct Layers<S> {
    /// The settings; a key whose value is wrong has its default.
    pub settings: S,
    /// Everything that is wrong so far.
    pub errors: Vec<Problem>,
    /// Variables that look like slips.
    pub warnings: Vec<Problem>,
    /// Where each value came from.
    pub origins: ValueOrigins,
}

/// Where the values of a configuration came from, for what is found to be wrong with them later.
#[derive(Debug, Clone)]
pub struct ValueOrigins {
    document: Option<Document>,
    from_environment: Vec<(String, String)>,
    from_flags: Vec<(String, &'static str)>,
    /// Keys whose value was wrong; the settings have the default instead.
    left_out: FaultyKeys,
}

impl<S: Setting + DeserializeOwned> Layers<S> {
    /// Reads the file, if there is one, and the environment; an error if they cannot even be read.
    pub fn read(
        catalogue: &Catalogue,
        file: Option<&Path>,
        environment: &[(String, String)],
    ) -> Result<Self, ConfigError> {
        let document = file.map(Document::read).transpose()?;
        let (mut table, mut errors) =
            document.as_ref().map_or_else(Default::default, |document| document.check::<S>(catalogue));
        if let Some(folder) = document.as_ref().and_then(Document::folder) {
            file_paths::resolve(catalogue, &mut table, folder);
        }
        let Applied { sources: from_environment, warnings, errors: wrong_variables } =
            environment::apply::<S>(catalogue, &mut table, environment.iter().cloned());
        errors.extend(wrong_variables);
        let empty_paths = file_paths::empty(catalogue, &table);
        let settings = match deserialize(table) {
            Ok(settings) => settings,
            Err(problem) => {
                errors.push(problem);
                return Err(ConfigError(errors));
            }
        };
        let mut left_out = FaultyKeys::default();
        for problem in errors.iter().chain(&empty_paths) {
            left_out.insert(&problem.key);
        }
        let origins = ValueOrigins { document, from_environment, from_flags: Vec::new(), left_out };
        errors.extend(empty_paths.into_iter().map(|problem| origins.locate(problem)));
        Ok(Layers { settings, errors, warnings, origins })
    }

    /// The keys that flags have set, with the flag of each.
    pub fn flags(&mut self, set: Vec<(String, &'static str)>) {
        self.origins.from_flags = set;
    }
}

fn deserialize<S: DeserializeOwned>(table: Table) -> Result<S, Problem> {
    S::deserialize(table).map_err(|error| {
        Problem::error("", error.message().to_owned(), "check file and environment together")
    })
}

/// The values of `settings` that are out of the range that their declaration names.
pub fn check_ranges<S: Setting>(catalogue: &Catalogue, settings: &S) -> Vec<Problem> {
    let mut violations = Vec::new();
    settings.check_ranges("", &mut violations);
    let problem = |violation: crate::range::Violation| {
        let default = || catalogue.find(&violation.key).map_or("", |key| key.default.as_str());
        let help = match violation.hint {
            Hint::Default => format!("the default is {}", default()),
            Hint::Least(least) => format!("at least {least}; the default is {}", default()),
            Hint::Text(text) => text.to_owned(),
        };
        Problem::error(violation.key.clone(), violation.what, help)
    };
    violations.into_iter().map(problem).collect()
}

impl ValueOrigins {
    /// The file, if there is one.
    pub fn document(&self) -> Option<&Document> {
        self.document.as_ref()
    }

    /// The problem with its place: the flag or variable that gave the value, or the line of the file.
    #[must_use]
    pub fn locate(&self, problem: Problem) -> Problem {
        let key = &problem.key;
        let below = |path: &str| {
            key.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let flag =
            self.from_flags.iter().find(|(path, _)| below(path)).map(|(_, flag)| format!("flag {flag}"));
        let variable = self.from_environment.iter().find(|(path, _)| below(path));
        let variable = variable.map(|(_, name)| format!("environment variable {name}"));
        let line = || self.document.as_ref()?.locate(key);
        match flag.or(variable).or_else(line) {
            Some(place) if problem.place.is_empty() => problem.at(place),
            _ => problem,
        }
    }

    /// The error with the places of its problems, without those that a default may have caused which stands for a wrong
    /// value.
    #[must_use]
    pub fn locate_all(&self, error: ConfigError) -> ConfigError {
        let is_own = |problem: &Problem| !self.left_out.may_explain(problem);
        ConfigError(error.0.into_iter().filter(is_own).map(|problem| self.locate(problem)).collect())
    }
}
