//! What a program logs, as people write it: a level for everything, and levels of single modules behind it
//! (`info,aegis_gateway::control=debug`).
//!
//! A slip in it would silence the whole log, or do nothing at all, and nobody would learn of either. So it is refused.

use crate::catalogue::nearest;
use crate::error::Problem;

/// The levels that a program may log at.
const LEVELS: [&str; 5] = ["error", "warn", "info", "debug", "trace"];
/// What silences a single module.
const OFF: &str = "off";
/// What begins the modules of libraries that log, beside those of the program itself.
const LIBRARIES: [&str; 7] = ["h2", "hyper", "hyper_util", "mio", "rustls", "tokio_postgres", "tonic"];

/// What is wrong with `filter`, the value of the setting `key`, in a program whose own crates are `crates`.
pub fn check(key: &str, filter: &str, crates: &[&str]) -> Option<Problem> {
    let own = crates.first().copied().unwrap_or_default();
    let help = || format!("error, warn, info, debug or trace; of one module: \"info,{own}=debug\"");
    let refuse = |what: String, help: String| Some(Problem::error(key, what, help));
    let is_level = |word: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(word));
    let mut has_default = false;
    for part in filter.split(',') {
        if part.trim().is_empty() {
            return refuse(format!("`{filter}` has an empty part"), help());
        }
        if part.contains(char::is_whitespace) {
            return refuse(format!("there is a blank in `{part}`"), help());
        }
        let Some((target, level)) = part.split_once('=') else {
            if part.eq_ignore_ascii_case(OFF) {
                return refuse("`off` would silence the whole log".to_owned(), help());
            }
            if !is_level(part) {
                let near = nearest(part, LEVELS.into_iter()).map(|near| format!("did you mean `{near}`?"));
                return refuse(format!("`{part}` is not a level"), near.unwrap_or_else(help));
            }
            has_default = true;
            continue;
        };
        if !is_level(level) && !level.eq_ignore_ascii_case(OFF) {
            let near = nearest(level, LEVELS.into_iter()).map(|near| format!("did you mean `{near}`?"));
            return refuse(format!("`{level}` in `{part}` is not a level"), near.unwrap_or_else(help));
        }
        let crate_name = target.split("::").next().unwrap_or_default();
        let known = || crates.iter().copied().chain(LIBRARIES);
        if !known().any(|known| known == crate_name) {
            let near = nearest(crate_name, known()).map(|near| format!("did you mean `{near}`?"));
            let all = || format!("known are {}", known().collect::<Vec<_>>().join(", "));
            return refuse(format!("no module `{target}` logs here"), near.unwrap_or_else(all));
        }
    }
    if has_default {
        return None;
    }
    refuse(format!("`{filter}` has no level for everything else, which would be silent"), help())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRATES: [&str; 2] = ["aegis_gateway", "aegis_settings"];

    #[test]
    fn what_would_silence_the_log_or_do_nothing_is_refused() {
        for (filter, expected) in [
            ("", "has an empty part"),
            (" ", "has an empty part"),
            (",", "has an empty part"),
            ("info,", "has an empty part"),
            ("info, aegis_gateway=debug", "there is a blank in ` aegis_gateway=debug`"),
            ("off", "`off` would silence the whole log"),
            ("OFF", "`off` would silence the whole log"),
            ("0", "`0` is not a level"),
            ("3", "`3` is not a level"),
            ("inof", "`inof` is not a level"),
            ("aegis_gateway", "`aegis_gateway` is not a level"),
            ("aegis_gateway=info", "has no level for everything else"),
            ("info,aegis_gateway=debgu", "`debgu` in `aegis_gateway=debgu` is not a level"),
            ("info,aegis_gateway=1", "`1` in `aegis_gateway=1` is not a level"),
            ("info,aegis_gateway=", "`` in `aegis_gateway=` is not a level"),
            ("info,aegis_gatway=debug", "no module `aegis_gatway` logs here"),
            ("info,aegis_gatway::control=debug", "no module `aegis_gatway::control` logs here"),
            ("info,=debug", "no module `` logs here"),
            ("info,other=debug", "no module `other` logs here"),
        ] {
            let problem =
                check("log.level", filter, &CRATES).unwrap_or_else(|| panic!("{filter:?} is taken"));
            assert!(problem.what.contains(expected), "{filter:?}: {problem}");
            assert!(problem.key == "log.level" && !problem.help.is_empty(), "{problem}");
        }
    }

    #[test]
    fn what_logs_is_taken() {
        for filter in [
            "info",
            "WARN",
            "trace",
            "info,aegis_gateway::control=debug",
            "rustls=off,warn,aegis_settings=trace",
        ] {
            assert_eq!(check("log.level", filter, &CRATES), None, "{filter}");
        }
    }

    #[test]
    fn slips_have_the_nearest() {
        for (filter, help) in [
            ("inof", "did you mean `info`?"),
            ("info,aegis_gateway=debgu", "did you mean `debug`?"),
            ("info,aegis_gatway=debug", "did you mean `aegis_gateway`?"),
            ("off", "error, warn, info, debug or trace; of one module: \"info,aegis_gateway=debug\""),
        ] {
            assert_eq!(check("log.level", filter, &CRATES).expect(filter).help, help);
        }
    }
}
