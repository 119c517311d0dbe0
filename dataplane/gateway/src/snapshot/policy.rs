//! The policy engine's rules of what happens to a finding, from the settings.

use aegis_detect::{Category, Rules};
use aegis_settings::Problem;
use aegis_settings::nearest;
use aegis_shield::policy::Policy;

use crate::config::settings::Settings;
use crate::hex;

/// Builds the policy; gives everything that is wrong with it. `are_all_read` says whether `rules` are all there are.
pub(super) fn policy(settings: &Settings, rules: &Rules, are_all_read: bool) -> Result<Policy, Vec<Problem>> {
    let wanted = &settings.policy;
    let mut problems = Vec::new();
    let mut policy = Policy::new(wanted.default.0)
        .with_min_confidence(wanted.min_confidence.0)
        .with_opaque(wanted.opaque.0);
    for (id, own) in &wanted.rules {
        match rules.find(id) {
            Some(index) => policy = policy.with_rule(index, own.0),
            None => problems.push(unknown_rule(id, rules, are_all_read)),
        }
    }
    for category in Category::ALL {
        if let Some(own) = wanted.categories.get(&category.as_str().to_lowercase()) {
            policy = policy.with_category(category, own.0);
        }
    }
    let hashes = wanted.allow_sha256.iter().filter_map(|digits| hex::sha256(digits));
    policy = policy.with_allowed_hashes(hashes);
    match policy.with_allowed_patterns(&wanted.allow_regex) {
        Ok(policy) if problems.is_empty() => Ok(policy),
        Ok(_) => Err(problems),
        Err(error) => {
            // One that is wrong by itself was told by the checks, with its number.
            if wanted.allow_regex.iter().all(|pattern| regex::bytes::Regex::new(pattern).is_ok()) {
                problems.push(Problem::error("policy.allow_regex", error.to_string(), ""));
            }
            Err(problems)
        }
    }
}

fn unknown_rule(id: &str, rules: &Rules, are_all_read: bool) -> Problem {
    const LISTED: usize = 6;
    let vendor = |id: &str| id.split('-').next().unwrap_or_default().to_owned();
    let ids = || rules.iter().map(|(_, rule)| rule.id.as_str());
    let alike: Vec<&str> = ids().filter(|known| vendor(known) == vendor(id)).take(LISTED).collect();
    let spelt: Vec<String> = ids().map(|known| known.replace('-', "_")).collect();
    let near = nearest(id, spelt.iter().map(String::as_str)).map(|near| near.replace('_', "-"));
    let help = match (near, alike.is_empty()) {
        (_, false) => format!("rules that begin alike: {}", alike.join(", ")),
        (Some(near), true) => format!("did you mean `{near}`?"),
        (None, true) => "`aegis-gateway rules list` names them all".to_owned(),
    };
    let unless =
        if are_all_read { "" } else { ", unless it is in a file of rules.custom that cannot be read" };
    Problem::error(format!("policy.rules.{id}"), format!("there is no rule `{id}`{unless}"), help)
}
