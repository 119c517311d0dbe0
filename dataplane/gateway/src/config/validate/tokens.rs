//! Checks of `[tokens]`: the master key's form and the epochs.

use std::collections::HashSet;

use aegis_settings::Problem;

use crate::config::settings::{Settings, epoch_number};
use crate::hex;

pub(super) fn check(settings: &Settings, problems: &mut Vec<Problem>) {
    let tokens = &settings.tokens;
    if tokens.key.is_some() && tokens.key_file.is_some() {
        problems.push(Problem::error("tokens.key", "given together with tokens.key_file", "keep one"));
    }
    if let Some(key) = &tokens.key
        && hex::sha256(key.expose()).is_none()
    {
        problems.push(Problem::error(
            "tokens.key",
            "not 64 hexadecimal digits",
            "make one with `openssl rand -hex 32`",
        ));
    }
    if tokens.organisation.is_empty() || tokens.organisation.len() > 256 {
        problems.push(Problem::error("tokens.organisation", "not a usable name", "1 to 256 bytes"));
    }
    let mut seen = HashSet::from([tokens.epoch]);
    for epoch in std::iter::once(tokens.epoch).chain(tokens.older_epochs.iter().copied()) {
        if epoch_number(epoch).is_none() {
            let what = format!("`{epoch}` cannot name an epoch");
            let help = "one of 0-9 and A-Z without I, L, O and U";
            problems.push(Problem::error("tokens.epoch", what, help));
        }
    }
    for epoch in &tokens.older_epochs {
        if !seen.insert(*epoch) {
            let what = format!("epoch `{epoch}` is named twice");
            problems.push(Problem::error("tokens.older_epochs", what, "remove one"));
        }
    }
}
