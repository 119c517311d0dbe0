//! `doctor`: what is right, what is not, and what to do about it. Looks only; changes nothing, and sends nothing unless
//! `--online` is given.

mod diagnosis;
mod gateways;
mod machine;
mod pointers;
mod state;
mod upstreams;

use aegis_settings::Problem;
use clap::Args;

use super::gateway_address::future_url;
use super::options::StateOptions;
use super::outcome::{CliFailure, CliOutcome, print};
use super::terminal::{Color, ColorChoice, Paint};
use crate::config::{ConfigError, Loaded, load};
use crate::rule_cache::RuleCache;
use crate::snapshot::Snapshot;
use crate::snapshot::build::SnapshotBuilder;
use crate::{instance, state_dir};
use diagnosis::{Diagnosis, DiagnosisLevel};

const AFTER_HELP: &str = "\
Examples:
  aegis-gateway doctor                                why does it not work?
  aegis-gateway doctor --online                       ... names, connections and certificates of upstreams, too
  aegis-gateway doctor --config /etc/aegis/aegis.toml

Looks at the configuration, the state folder and its keys, running gateways and ports, upstreams, limits of the
machine, the last request, and which tools point here: variables, and configuration files in the home folder, of which
only addresses are read. Changes nothing. Without --online no name is looked up and nobody is connected to but gateways
on this machine.

Exit codes: 0 no problem (warnings may be shown); 1 a problem, with what to do about it; 2 usage.";

#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub(super) struct DoctorCommand {
    /// Look up the names of upstreams, connect to them and check their certificates; no request is sent
    #[arg(long)]
    online: bool,
    /// Whether the report is coloured
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    color: ColorChoice,
    #[command(flatten)]
    state: StateOptions,
}

impl DoctorCommand {
    pub(super) fn execute(&self) -> Result<CliOutcome, CliFailure> {
        let sections = self.examine();
        let paint = Paint::for_stdout(self.color);
        let mut report = String::new();
        for (name, diagnoses) in &sections {
            report.push_str(&paint.paint(Color::Bold, name));
            report.push('\n');
            report.extend(diagnoses.iter().map(|diagnosis| diagnosis.lines(paint)));
        }
        let count = |level| sections.iter().flat_map(|(_, all)| all).filter(|one| one.level == level).count();
        let (problems, warnings) = (count(DiagnosisLevel::Problem), count(DiagnosisLevel::Warning));
        print(&format!("{report}\nproblems: {problems}, warnings: {warnings}\n"))?;
        Ok(if problems > 0 { CliOutcome::No } else { CliOutcome::Success })
    }

    /// All diagnoses, by what they are about.
    fn examine(&self) -> Vec<(&'static str, Vec<Diagnosis>)> {
        let loaded = match load(&self.state.sources()) {
            Ok(loaded) => loaded,
            // Without settings only what does not depend on them can be examined.
            Err(error) => {
                return vec![("configuration", of_errors(&error)), ("tools", pointers::examine(&[]))];
            }
        };
        let settings = &loaded.settings;
        let instances = instance::find(&state_dir::folder(settings));
        let built = build(&loaded);
        let mut configuration = match &built {
            Ok(snapshot) => vec![self.describe(&loaded, snapshot)],
            Err(error) => of_errors(error),
        };
        configuration
            .extend(loaded.warnings.iter().map(|warning| Diagnosis::warning(&warning.what, &warning.help)));
        let mut addresses: Vec<String> = instances.iter().filter_map(instance::Instance::url).collect();
        if addresses.is_empty() {
            addresses.extend(future_url(settings));
        }
        let mut sections = vec![
            ("configuration", configuration),
            ("state", state::examine(settings)),
            ("gateway", gateways::examine(settings, &instances)),
        ];
        if let Ok(snapshot) = &built {
            sections.push(("upstreams", upstreams::examine(snapshot, self.online)));
        }
        sections.push(("machine", machine::examine(settings)));
        sections.push(("tools", pointers::examine(&addresses)));
        sections
    }

    fn describe(&self, loaded: &Loaded, snapshot: &Snapshot) -> Diagnosis {
        let file = self.state.config.as_ref();
        let name = file.map_or("defaults and environment".to_owned(), |file| file.display().to_string());
        let keys = match &snapshot.auth {
            crate::snapshot::Auth::None => "no gateway key demanded".to_owned(),
            crate::snapshot::Auth::Keys(keys) => format!("{} gateway keys known", keys.len()),
        };
        let default = loaded.settings.policy.default.0.as_str();
        Diagnosis::good(format!(
            "{name}: right; {} rules, default action {default}; {keys}",
            snapshot.shield.rules.len()
        ))
    }
}

/// What the gateway would work from; nothing is created for it.
fn build(loaded: &Loaded) -> Result<Snapshot, ConfigError> {
    let master =
        state_dir::master_key(&loaded.settings, state_dir::MissingKey::Invent).map_err(ConfigError::from)?;
    let cache = RuleCache::of_gateway(&loaded.settings).read_only();
    SnapshotBuilder::new(cache).build(&loaded.settings, &master)
}

fn of_errors(error: &ConfigError) -> Vec<Diagnosis> {
    let rest = error.unlisted().map(|rest| Diagnosis::problem(rest, ""));
    error.listed().iter().map(of_problem).chain(rest).collect()
}

fn of_problem(problem: &Problem) -> Diagnosis {
    let key = if problem.key.is_empty() { String::new() } else { format!("{}: ", problem.key) };
    let place = if problem.place.is_empty() { String::new() } else { format!(" ({})", problem.place) };
    Diagnosis::problem(format!("{key}{}{place}", problem.what), &problem.help)
}
