//! Checks of `[log]`: a filter that would silence everything by a slip is refused.

use aegis_settings::Problem;
use aegis_settings::nearest;
use tracing_subscriber::filter::{LevelFilter, Targets};

use crate::config::settings::Settings;

/// The levels, as they are written.
const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];

pub(super) fn check(settings: &Settings, problems: &mut Vec<Problem>) {
    let level = &settings.log.level;
    // A word alone that is no level would be the name of a module, and the only one that may log.
    let slip = level
        .split(',')
        .map(str::trim)
        .find(|part| !part.contains('=') && part.parse::<LevelFilter>().is_err());
    if let Some(slip) = slip {
        let help = match nearest(slip, LEVELS.into_iter()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "error, warn, info, debug or trace; of one module: \"info,aegis_gateway::control=debug\""
                .to_owned(),
        };
        problems.push(Problem::error("log.level", format!("`{slip}` is not a level"), help));
    } else if let Err(error) = level.parse::<Targets>() {
        let what = format!("`{level}` is not a level or filter: {error}");
        problems.push(Problem::error("log.level", what, "error, warn, info, debug or trace"));
    }
    if settings.log.access.is_empty() {
        problems.push(Problem::error("log.access", "is empty", "off, stdout, stderr or the path of a file"));
    }
}
