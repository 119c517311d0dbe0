//! From file and environment to checked [`Settings`].

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use aegis_settings::layers::check_ranges;
use aegis_settings::{Catalogue, ConfigError, Layers, Problem, ValueOrigins, log_filter};

use super::settings::Settings;

/// All keys, in the order in which [`Settings`] declares them.
pub static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue {
    reserved_variables: &["AEGIS_COORDINATOR_CONFIG", "AEGIS_BIN_DIR"],
    foreign_prefixes: &["AEGIS_TEST_"],
    ..Catalogue::of::<Settings>()
});

/// Where the configuration comes from.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file; none for defaults only.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// The state folder that was typed.
    pub state: Option<PathBuf>,
}

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings.
    pub settings: Settings,
    /// What should be said about it all the same.
    pub warnings: Vec<Problem>,
    /// Where each value came from.
    pub origins: ValueOrigins,
}

/// Loads and checks the configuration; everything that is wrong is reported.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let mut layers = Layers::<Settings>::read(&CATALOGUE, sources.file.as_deref(), &sources.environment)?;
    if let Some(state) = &sources.state {
        layers.settings.state.dir.clone_from(state);
        layers.flags(vec![("state.dir".to_owned(), "--state")]);
    }
    let Layers { settings, mut errors, mut warnings, origins } = layers;
    let mut found = check_ranges(&CATALOGUE, &settings);
    found.extend(check(&settings));
    errors.extend(origins.locate_all(ConfigError(found)).0);
    if !errors.is_empty() {
        return Err(ConfigError(errors));
    }
    warnings.extend(doubtful(&settings).into_iter().map(|problem| origins.locate(problem)));
    Ok(Loaded { settings, warnings, origins })
}

/// The crates of this program that log.
const LOG_CRATES: [&str; 2] = ["aegis_coordinator", "aegis_settings"];

/// What cannot work.
fn check(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(log_filter::check("log.level", &settings.log.level, &LOG_CRATES));
    let database = &settings.database;
    let roles = [
        ("database.ingest_url", database.ingest_url.is_some()),
        ("database.owner_url", database.owner_url.is_some()),
        ("database.direct_url", database.direct_url.is_some()),
    ];
    for (key, _) in roles.iter().filter(|(_, is_set)| *is_set && database.url.is_none()) {
        problems.push(Problem::error(*key, "there is no database.url beside it", "set database.url, too"));
    }
    if database.url.is_some() && database.ingest_url.is_none() {
        let help = "name the URL of the role that writes events; `aegis-coordinator migrate` makes the roles";
        problems.push(Problem::error("database.ingest_url", "PostgreSQL needs it", help));
    }
    if database.url.is_some() && database.file.is_some() {
        problems.push(Problem::error("database.file", "there is database.url, too", "keep one of the two"));
    }
    let http = &settings.http;
    if http.certificate.is_some() != http.key.is_some() {
        let (key, other) = if http.certificate.is_some() {
            ("http.certificate", "http.key")
        } else {
            ("http.key", "http.certificate")
        };
        problems.push(Problem::error(key, format!("there is no {other} beside it"), "set both, or neither"));
    }
    if settings.grpc.names.is_empty() {
        let help = "name at least one host or address";
        problems.push(Problem::error("grpc.names", "gateways could not verify this coordinator", help));
    }
    if http.listen == settings.grpc.listen && http.listen.port() != 0 {
        problems.push(Problem::error(
            "grpc.listen",
            "http.listen has the same address",
            "give it another port",
        ));
    }
    problems
}

/// What can work and may not be meant.
fn doubtful(settings: &Settings) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !settings.http.listen.ip().is_loopback() && settings.http.certificate.is_none() {
        let what = format!("{} can be reached from the network, and there is no TLS", settings.http.listen);
        let help = "set http.certificate and http.key, or have a proxy in front that speaks TLS";
        problems.push(Problem::warning("http.listen", what, help));
    }
    problems
}

impl Settings {
    /// The file of the embedded database.
    pub fn database_file(&self) -> PathBuf {
        self.database.file.clone().unwrap_or_else(|| self.state.dir.join("coordinator.db"))
    }

    /// The file with the keys that seal.
    pub fn seal_key_file(&self) -> PathBuf {
        self.seal.key_file.clone().unwrap_or_else(|| self.state_file(Path::new("seal.keys")))
    }

    fn state_file(&self, name: &Path) -> PathBuf {
        self.state.dir.join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> String {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("coordinator.toml");
        std::fs::write(&file, text).expect("written");
        match load(&Sources { file: Some(file), ..Sources::default() }) {
            Ok(loaded) => loaded.warnings.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
            Err(error) => error.to_string(),
        }
        .replace(&format!("{}/", folder.path().display()), "")
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        for (text, expected) in [
            ("", ""),
            (
                "[coordinator]\ntelemetry_batch_size = 0\n",
                "error: coordinator.toml:2:1: coordinator.telemetry_batch_size: 0 is not a number of events for a batch\n  help: the default is 500",
            ),
            (
                "[coordinator]\ntelemetry_batch = 1\n",
                "error: coordinator.toml:2:1: coordinator.telemetry_batch: unknown key\n  help: did you mean `telemetry_batch_size`?",
            ),
            (
                "[database]\ningest_url = \"postgres://a\"\n",
                "error: coordinator.toml:2:1: database.ingest_url: there is no database.url beside it\n  help: set database.url, too",
            ),
            (
                "[http]\nkey = \"x\"\n",
                "error: coordinator.toml:2:1: http.key: there is no http.certificate beside it\n  help: set both, or neither",
            ),
            (
                "[grpc]\nlisten = \"127.0.0.1:8080\"\n",
                "error: coordinator.toml:2:1: grpc.listen: http.listen has the same address\n  help: give it another port",
            ),
            (
                "[log]\nlevel = \"inof\"\n",
                "error: coordinator.toml:2:1: log.level: `inof` is not a level\n  help: did you mean `info`?",
            ),
            (
                "[log]\nlevel = \"\"\n",
                "error: coordinator.toml:2:1: log.level: `` has an empty part\n  help: error, warn, info, debug or trace; of one module: \"info,aegis_coordinator=debug\"",
            ),
            (
                "[http]\nlisten = \"0.0.0.0:8080\"\n",
                "warning: coordinator.toml:2:1: http.listen: 0.0.0.0:8080 can be reached from the network, and there is no TLS\n  help: set http.certificate and http.key, or have a proxy in front that speaks TLS",
            ),
        ] {
            assert_eq!(problems(text), expected, "{text}");
        }
    }

    #[test]
    fn the_limits_hold_at_their_edges() {
        for (key, least, most) in [
            ("telemetry_batch_size", 1_u64, 5_000_u64),
            ("telemetry_flush_interval_ms", 10, 60_000),
            ("health_stale_secs", 60, 86_400),
        ] {
            for (value, is_right) in [(least - 1, false), (least, true), (most, true), (most + 1, false)] {
                let said = problems(&format!("[coordinator]\n{key} = {value}\n"));
                assert_eq!(said.is_empty(), is_right, "{key} = {value}: {said}");
            }
        }
    }

    #[test]
    fn urls_of_the_database_are_never_shown() {
        let environment = vec![
            ("AEGIS_DATABASE_URL".to_owned(), "postgres://app:pQ7vX2mLk9@db/aegis".to_owned()),
            ("AEGIS_DATABASE_INGEST_URL".to_owned(), "postgres://in:pQ7vX2mLk9@db/aegis".to_owned()),
        ];
        let loaded = load(&Sources { environment, ..Sources::default() }).expect("it is right");
        assert!(!format!("{loaded:?}").contains("pQ7vX2mLk9"));
        assert!(loaded.settings.database.url.is_some());
    }
}
