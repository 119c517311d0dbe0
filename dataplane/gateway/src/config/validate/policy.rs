//! Checks of `[policy]`: categories, allow lists, and what it means to fail open.

use aegis_detect::Category;
use aegis_settings::Problem;

use crate::config::settings::{FailMode, Settings};
use crate::hex;

pub(super) fn check(settings: &Settings, problems: &mut Vec<Problem>) {
    let policy = &settings.policy;
    for category in policy.categories.keys() {
        let known = Category::ALL.map(|known| known.as_str().to_lowercase());
        if !known.contains(category) {
            let key = format!("policy.categories.{category}");
            let help = format!("categories are {}", known.join(", "));
            problems.push(Problem::error(key, format!("there is no category `{category}`"), help));
        }
    }
    for (i, hash) in policy.allow_sha256.iter().enumerate() {
        if hex::sha256(hash).is_none() {
            let what = format!("item {} is not a SHA-256", i + 1);
            problems.push(Problem::error("policy.allow_sha256", what, "write 64 hexadecimal digits"));
        }
    }
    for (i, pattern) in policy.allow_regex.iter().enumerate() {
        if let Err(error) = regex::bytes::Regex::new(pattern) {
            let reason = error.to_string();
            let reason = reason.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
            let what = format!("item {} is not a regular expression: {reason}", i + 1);
            problems.push(Problem::error(
                "policy.allow_regex",
                what,
                "the syntax is that of the Rust crate regex",
            ));
        }
    }
    if policy.fail_mode == FailMode::Open {
        let what = "what cannot be scanned or recorded passes";
        problems.push(Problem::warning("policy.fail_mode", what, "\"closed\" refuses it"));
    }
}
