//! Checks of `[auth]`: a demand for keys and the keys that meet it.

use std::collections::HashSet;

use aegis_settings::Problem;
use aegis_settings::nearest;
use sha2::{Digest, Sha256};

use crate::config::settings::{AuthMode, Settings};
use crate::hex;

pub(super) fn check(settings: &Settings, problems: &mut Vec<Problem>) {
    let auth = &settings.auth;
    if auth.mode == AuthMode::None && !auth.keys.is_empty() {
        let what = "keys are listed, but none is demanded";
        problems.push(Problem::error("auth.mode", what, "set mode = \"keys\", or remove the keys"));
    }
    if auth.mode == AuthMode::Keys && auth.keys.is_empty() {
        let what = "keys are demanded, but none is listed: every request will be refused";
        problems.push(Problem::warning("auth.mode", what, "make one with `aegis-gateway key new`"));
    }
    let mut ids = HashSet::new();
    let mut hashes = HashSet::new();
    for (i, key) in auth.keys.iter().enumerate() {
        let at = format!("auth.keys[{i}]");
        if key.id.is_empty() || key.id.len() > 128 || key.id.chars().any(char::is_control) {
            problems.push(Problem::error(
                format!("{at}.id"),
                "not a usable name",
                "1 to 128 printable characters",
            ));
        }
        if !ids.insert(&key.id) {
            problems.push(Problem::error(
                format!("{at}.id"),
                format!("`{}` is used twice", key.id),
                "rename one",
            ));
        }
        let hash = hex::sha256(&key.sha256);
        if hash == Some(Sha256::digest(b"").into()) {
            let help = "make a key with `aegis-gateway key new`";
            problems.push(Problem::error(format!("{at}.sha256"), "the SHA-256 of an empty key", help));
        } else if hash.is_none() {
            let help = "write 64 hexadecimal digits; `aegis-gateway key hash` makes them from a key";
            problems.push(Problem::error(format!("{at}.sha256"), "not a SHA-256", help));
        } else if !hashes.insert(key.sha256.to_ascii_lowercase()) {
            problems.push(Problem::error(
                format!("{at}.sha256"),
                "the same key is listed twice",
                "remove one",
            ));
        }
        for name in &key.upstreams {
            if !settings.upstreams.contains_key(name) {
                let what = format!("there is no upstream `{name}`");
                problems.push(Problem::error(
                    format!("{at}.upstreams"),
                    what,
                    known_upstreams(settings, name),
                ));
            }
        }
    }
}

fn known_upstreams(settings: &Settings, name: &str) -> String {
    let names = settings.upstreams.keys().map(String::as_str);
    match nearest(name, names.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("there are: {}", names.collect::<Vec<_>>().join(", ")),
    }
}
