//! Checks of lists of host names.

use aegis_shield::reply::HostNames;

use aegis_settings::Problem;

/// Reports the names in the list at `key` that no host has.
pub(super) fn check(key: &str, names: &[String], problems: &mut Vec<Problem>) {
    for name in names {
        if let Err(error) = HostNames::default().add(name) {
            let what = format!("`{name}` {error}");
            let help = "write names like \"files.example.com\", or \"*.example.com\" for all below one";
            problems.push(Problem::error(key, what, help));
        }
    }
}
