//! Checks of `[log]`: a filter that would silence everything by a slip is refused.

use aegis_settings::{Problem, log_filter};

use crate::config::settings::Settings;

/// The crates of this program that log.
const CRATES: [&str; 5] = ["aegis_gateway", "aegis_detect", "aegis_settings", "aegis_shield", "aegis_wire"];

pub(super) fn check(settings: &Settings, problems: &mut Vec<Problem>) {
    problems.extend(log_filter::check("log.level", &settings.log.level, &CRATES));
}
