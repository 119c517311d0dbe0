//! From file, environment and flags to checked [`Settings`].
//!
//! Later sources win: defaults, file, environment, flags. Every step keeps track of where a value came from, so that a
//! check made on the whole can still point at the line.

use std::net::SocketAddr;
use std::path::PathBuf;

use aegis_settings::document::{CutOff, Document};
use aegis_settings::{ConfigError, Layers, Problem, ProblemSeverity, ValueOrigins};

use super::reference::CATALOGUE;
use super::settings::{Driver, LogFormat, Settings};
use super::{builtin, validate};

/// Where the configuration comes from. Kept for reloads: flags and environment stay as they were at the start.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The file; none for defaults only.
    pub file: Option<PathBuf>,
    /// The environment.
    pub environment: Vec<(String, String)>,
    /// What was typed.
    pub flags: Flags,
}

/// The settings people type as flags. Each overrides file and environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--listen`
    pub listen: Vec<SocketAddr>,
    /// `--admin`
    pub admin: Option<SocketAddr>,
    /// `--state`
    pub state: Option<PathBuf>,
    /// `--shards`
    pub shards: Option<usize>,
    /// `--driver`
    pub driver: Option<Driver>,
    /// `--upstream NAME=URL`
    pub upstreams: Vec<(String, String)>,
    /// `--log-format`
    pub log_format: Option<LogFormat>,
    /// `--log-level`
    pub log_level: Option<String>,
}

/// A configuration that can be used.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The settings, built-in upstreams included.
    pub settings: Settings,
    /// What should be said about it all the same.
    pub warnings: Vec<Problem>,
    /// What suggests that the file is not whole.
    pub cut_off: Option<CutOff>,
    /// Where each value came from.
    pub places: ValueOrigins,
}

/// Loads and checks the configuration.
pub fn load(sources: &Sources) -> Result<Loaded, ConfigError> {
    let (loaded, errors) = read(sources)?;
    if errors.is_empty() { Ok(loaded) } else { Err(ConfigError(errors)) }
}

/// Loads the configuration, and gives everything that is wrong with it beside it; an error if it cannot even be read.
/// Keys that are wrong have their default.
pub fn read(sources: &Sources) -> Result<(Loaded, Vec<Problem>), ConfigError> {
    let mut layers = Layers::<Settings>::read(&CATALOGUE, sources.file.as_deref(), &sources.environment)?;
    let set = apply_flags(&mut layers.settings, &sources.flags);
    layers.flags(set);
    let Layers { mut settings, mut errors, warnings: doubtful, origins: places } = layers;
    builtin::merge(&mut settings.upstreams);

    let (of_the_whole, mut warnings): (Vec<_>, Vec<_>) = places
        .locate_all(ConfigError(validate::check(&settings)))
        .0
        .into_iter()
        .partition(|problem| problem.severity == ProblemSeverity::Error);
    errors.extend(of_the_whole);
    warnings.extend(doubtful);
    let cut_off = places.document().and_then(Document::cut_off);
    warnings.extend(sources.file.as_deref().zip(cut_off).and_then(|(file, cut_off)| cut_off.warn(file)));
    Ok((Loaded { settings, warnings, cut_off, places }, errors))
}

/// Puts the flags over the settings; gives the keys they set.
fn apply_flags(settings: &mut Settings, flags: &Flags) -> Vec<(String, &'static str)> {
    let mut set = Vec::new();
    if !flags.listen.is_empty() {
        settings.server.listen.clone_from(&flags.listen);
        set.push(("server.listen".to_owned(), "--listen"));
    }
    if let Some(admin) = flags.admin {
        settings.admin.listen = admin;
        set.push(("admin.listen".to_owned(), "--admin"));
    }
    if let Some(state) = &flags.state {
        settings.state.dir = Some(state.clone());
        set.push(("state.dir".to_owned(), "--state"));
    }
    if let Some(shards) = flags.shards {
        settings.server.shards = shards;
        set.push(("server.shards".to_owned(), "--shards"));
    }
    if let Some(driver) = flags.driver {
        settings.server.driver = driver;
        set.push(("server.driver".to_owned(), "--driver"));
    }
    if let Some(format) = flags.log_format {
        settings.log.format = format;
        set.push(("log.format".to_owned(), "--log-format"));
    }
    if let Some(level) = &flags.log_level {
        settings.log.level.clone_from(level);
        set.push(("log.level".to_owned(), "--log-level"));
    }
    for (name, url) in &flags.upstreams {
        let upstream = settings.upstreams.entry(name.clone()).or_default();
        upstream.url = Some(url.clone());
        set.push((format!("upstreams.{name}"), "--upstream"));
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Text of the file, variables, and for each error where it is and what it is about.
    type Case =
        (&'static str, &'static [(&'static str, &'static str)], &'static [(&'static str, &'static str)]);

    const CASES: &[Case] = &[
        (
            "[server]\nshards = \"two\"\ndriver = \"uring\"\n",
            &[],
            &[("2:10", "server.shards"), ("3:10", "server.driver")],
        ),
        (
            "[server]\nlistn = []\n[log]\nlevel = \"inof\"\n[cache]\ndir = 5\n",
            &[],
            &[("2:1", "server.listn"), ("6:7", "cache.dir"), ("4:1", "log.level")],
        ),
        (
            "[server]\nshards = \"two\"\n[log]\nlevel = \"inof\"\n",
            &[("AEGIS_SERVER_DRIVER", "uring"), ("AEGIS_SERVER_SHARD", "1"), ("AEGIS_AUDIT_RING", "x")],
            &[
                ("2:10", "server.shards"),
                ("AEGIS_AUDIT_RING", "audit.ring"),
                ("AEGIS_SERVER_DRIVER", "server.driver"),
                ("AEGIS_SERVER_SHARD", ""),
                ("4:1", "log.level"),
            ],
        ),
        // Dotted keys, inline tables, lists.
        (
            "server.shards = \"two\"\nlog = { format = \"x\", level = 5 }\n[rules]\npacks = [\"a\", \"b\"]\ncustom = 1\n",
            &[],
            &[
                ("1:17", "server.shards"),
                ("2:18", "log.format"),
                ("2:31", "log.level"),
                ("4:10", "rules.packs"),
                ("5:10", "rules.custom"),
            ],
        ),
        // Tables of a list keep their numbers.
        (
            "[[auth.keys]]\nid = \"a\"\nsha256 = \"x\"\ndisabled = \"yes\"\n[[auth.keys]]\nid = \"b\"\nsha256 = \"y\"\n",
            &[],
            &[
                ("4:12", "auth.keys[0].disabled"),
                ("3:1", "auth.keys[0].sha256"),
                ("7:1", "auth.keys[1].sha256"),
            ],
        ),
        // What follows from a mistake is none of its own.
        ("[upstreams.mine]\nurl = 5\n", &[], &[("2:7", "upstreams.mine.url")]),
        ("[upstreams.mine]\nulr = \"http://x.example\"\n", &[], &[("2:1", "upstreams.mine.ulr")]),
        ("[[auth.keys]]\nid = \"a\"\nsha256 = 5\n", &[], &[("3:10", "auth.keys[0].sha256")]),
        (
            "[limits]\nhold = \"100MiB\"\nmax_body = \"much\"\n[server]\nshards = -1\n",
            &[],
            &[("3:12", "limits.max_body"), ("5:10", "server.shards")],
        ),
    ];

    #[test]
    fn thousands_of_mistakes_are_reported_each_at_its_place() {
        use std::fmt::Write as _;

        const COUNT: usize = 3_000;
        let [mut values, mut names, mut keys] = [const { String::new() }; 3];
        for number in 0..COUNT {
            writeln!(values, "[upstreams.u{number}]\nurl = 5").unwrap();
            writeln!(names, "[upstreams.u{number}]\nurl = \"http://h\"\nulr = 5").unwrap();
            writeln!(keys, "[[auth.keys]]\nid = \"a{number}\"\nsha256 = \"00\"\ndisabled = 7").unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("aegis.toml");
        for (text, name, lines) in [(values, "url", 2), (names, "ulr", 3), (keys, "disabled", 4)] {
            std::fs::write(&file, text).unwrap();
            let sources = Sources { file: Some(file.clone()), ..Sources::default() };
            let error = load(&sources).unwrap_err();
            let found = error.0.iter().filter(|problem| problem.key.ends_with(&format!(".{name}")));
            let places: Vec<&str> = found.map(|problem| &*problem.place).collect();
            assert_eq!(places.len(), COUNT, "{error}");
            let last = format!("{}:{}:", file.display(), COUNT * lines);
            assert!(places[COUNT - 1].starts_with(&last), "{}", places[COUNT - 1]);
            assert!(error.to_string().contains("\nand "), "{error}");
        }
    }

    #[test]
    fn every_mistake_is_reported_not_the_first() {
        for (text, variables, expected) in CASES {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("aegis.toml");
            std::fs::write(&file, text).unwrap();
            let begin = format!("{}:", file.display());
            let environment =
                variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let sources = Sources { file: Some(file), environment, ..Sources::default() };
            let errors = load(&sources).expect_err(text).0;
            let found: Vec<(&str, &str)> = errors
                .iter()
                .map(|problem| {
                    let place = problem.place.trim_start_matches("environment variable ");
                    (place.strip_prefix(&begin).unwrap_or(place), &*problem.key)
                })
                .collect();
            assert_eq!(found, *expected, "\n--- of ---\n{text}\n{errors:?}");
        }
    }
}
