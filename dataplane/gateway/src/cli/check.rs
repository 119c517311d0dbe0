//! `check`: is this configuration right? Does everything `run` does before it takes traffic, and touches nothing.

use std::collections::HashSet;
use std::time::SystemTime;

use aegis_settings::ProblemSeverity;
use clap::Args;

use super::openings;
use super::options::ConfigOptions;
use super::outcome::{CliFailure, CliOutcome, print, say};
use crate::config::{ConfigError, Loaded, Problem, Sources, read};
use crate::rule_cache::RuleCache;
use crate::shard;
use crate::snapshot::build::SnapshotBuilder;
use crate::snapshot::{Auth, Snapshot, certificates};
use crate::state_dir;

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway check --config aegis.toml && kill -HUP \"$PID\"     reload only what is right
  AEGIS_SERVER_SHARDS=4 aegis-gateway check                       the environment counts too

Reads certificates, keys and rules, as `run` would, and tries folders, files and addresses; resolves no name, creates no
file, and keeps no port open.

Exit codes: 0 right (warnings may be shown); 1 wrong; 2 usage.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct CheckCommand {
    #[command(flatten)]
    options: ConfigOptions,
}

impl CheckCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        let sources = self.options.sources();
        let name = sources
            .file
            .as_ref()
            .map_or("defaults and environment".to_owned(), |file| file.display().to_string());
        // What is wrong with values does not keep what is wrong with files from being reported.
        let checked = read(&sources).and_then(|(mut loaded, errors)| {
            let snapshot = prepare(&mut loaded, errors)?;
            Ok((loaded, snapshot))
        });
        match checked {
            Ok((loaded, snapshot)) => {
                for warning in &loaded.warnings {
                    say(warning);
                }
                print(&format!("{name}: right\n{}", describe(&loaded, &snapshot)))?;
                Ok(CliOutcome::Success)
            }
            Err(error) => {
                say(&error);
                let count = error.0.len();
                print(&format!("{name}: wrong, {count} error{}\n", if count == 1 { "" } else { "s" }))?;
                Ok(CliOutcome::No)
            }
        }
    }
}

/// Loads the configuration, which is read once: it may come from a pipe. If it cannot be used, the error has everything that
/// is wrong with it.
pub(super) fn load_or_report_all(sources: &Sources) -> Result<Loaded, ConfigError> {
    let (mut loaded, errors) = read(sources)?;
    if errors.is_empty() {
        return Ok(loaded);
    }
    prepare(&mut loaded, errors).map(|_| loaded)
}

/// Makes what `run` would take traffic with, and tries what it would open. All faults are reported, not the first, and
/// before them the `errors` that were found already.
fn prepare(loaded: &mut Loaded, mut errors: Vec<Problem>) -> Result<Snapshot, ConfigError> {
    let settings = &loaded.settings;
    let mut problems = openings::examine(settings);
    // What cannot be opened because its setting is wrong was told with the setting.
    problems.retain(|problem| !errors.iter().any(|told| told.key == problem.key));
    if let Err(what) = shard::driver::choose(settings.server.driver) {
        let (what, help) = what.split_once("\n  help: ").unwrap_or((&what, ""));
        problems.push(Problem::error("server.driver", what, help));
    }
    // With a key that cannot be used, another one shows what else is wrong.
    let master = state_dir::master_key(settings, state_dir::MissingKey::Invent).or_else(|problem| {
        problems.push(problem);
        state_dir::random_key()
    })?;
    let built = SnapshotBuilder::new(RuleCache::of_gateway(settings).read_only()).build(settings, &master);
    let snapshot = built.map_err(|error| problems.extend(error.0)).ok();
    let certificates = snapshot.as_ref().map(|snapshot| &snapshot.certificates[..]).unwrap_or_default();
    problems.extend(certificates::problems(certificates, SystemTime::now()));
    let known: HashSet<Problem> = errors.iter().cloned().collect();
    for problem in loaded.places.locate_all(ConfigError(problems)).0 {
        match problem.severity {
            ProblemSeverity::Warning => loaded.warnings.push(problem),
            ProblemSeverity::Error if known.contains(&problem) => {}
            ProblemSeverity::Error => errors.push(problem),
        }
    }
    snapshot.filter(|_| errors.is_empty()).ok_or(ConfigError(errors))
}

/// What the gateway would do with it, in a few lines.
fn describe(loaded: &Loaded, snapshot: &Snapshot) -> String {
    let mut lines = Vec::new();
    let settings = &loaded.settings;
    let listen: Vec<String> = settings.server.listen.iter().map(ToString::to_string).collect();
    let scheme = if snapshot.server_tls.is_some() { "https" } else { "http" };
    lines.push(format!("  traffic    {scheme} on {}", listen.join(", ")));
    lines.push(format!("  admin      http on {}", settings.admin.listen));
    lines.push(format!("  state      {}", state_dir::folder(settings).display()));
    match &snapshot.auth {
        Auth::None => lines.push("  keys       none demanded".to_owned()),
        Auth::Keys(keys) => lines.push(format!("  keys       {} known", keys.len())),
    }
    let open = snapshot.keys_for_everybody();
    if !open.is_empty() {
        lines.push(format!("  web pages  {}", crate::browser::explain(&open, settings)));
        if let Some(warning) = crate::browser::warn_of_network(&open, settings) {
            lines.push(format!("  warning    {warning}"));
        }
    }
    let default = settings.policy.default.0.as_str();
    lines.push(format!("  rules      {}, default action {default}", snapshot.shield.rules.len()));
    for upstream in snapshot.upstreams.iter().filter(|upstream| upstream.needed) {
        let scheme = if upstream.tls.is_some() { "https" } else { "http" };
        let key = if upstream.key.is_some() { ", with the gateway's key" } else { "" };
        lines.push(format!(
            "  upstream   {} at {scheme}://{}{}{key}",
            upstream.name, upstream.authority, upstream.base_path
        ));
    }
    let built_in: Vec<&str> = snapshot.upstreams.iter().filter(|u| !u.needed).map(|u| &*u.name).collect();
    lines.push(format!("  built in   {}", built_in.join(", ")));
    lines.join("\n") + "\n"
}
