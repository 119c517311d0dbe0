//! The built-in rule files, one per vendor group.

use crate::rule::Pack;

/// Name and text of each file, in the order in which rules are numbered.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("ai", include_str!("../../rules/ai.toml")),
    ("altered", include_str!("../../rules/altered.toml")),
    ("ci", include_str!("../../rules/ci.toml")),
    ("cloud", include_str!("../../rules/cloud.toml")),
    ("code-hosting", include_str!("../../rules/code-hosting.toml")),
    ("crm", include_str!("../../rules/crm.toml")),
    ("data", include_str!("../../rules/data.toml")),
    ("devtools", include_str!("../../rules/devtools.toml")),
    ("generic", include_str!("../../rules/generic.toml")),
    ("generic-code", include_str!("../../rules/generic-code.toml")),
    ("identifiers", include_str!("../../rules/identifiers.toml")),
    ("identity", include_str!("../../rules/identity.toml")),
    ("keys", include_str!("../../rules/keys.toml")),
    ("maps", include_str!("../../rules/maps.toml")),
    ("messaging", include_str!("../../rules/messaging.toml")),
    ("monitoring", include_str!("../../rules/monitoring.toml")),
    ("payments", include_str!("../../rules/payments.toml")),
    ("service-names", include_str!("../../rules/service-names.toml")),
    ("services-a-h", include_str!("../../rules/services-a-h.toml")),
    ("services-i-q", include_str!("../../rules/services-i-q.toml")),
    ("services-r-z", include_str!("../../rules/services-r-z.toml")),
    ("social", include_str!("../../rules/social.toml")),
    ("storage", include_str!("../../rules/storage.toml")),
    ("web", include_str!("../../rules/web.toml")),
];

/// The files of packs, each with its pack, which the file names too.
pub(crate) const PACKS: &[(Pack, &str, &str)] =
    &[(Pack::Personal, "personal", include_str!("../../rules/personal.toml"))];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::{RuleSource, file};

    #[test]
    fn files_name_the_pack_they_are_listed_for() {
        let read = |text: &str| file::read(&RuleSource { name: String::new(), text: text.to_owned() });
        assert!(FILES.iter().all(|(_, text)| read(text).is_ok_and(|file| file.pack.is_none())));
        assert!(PACKS.iter().all(|(pack, _, text)| read(text).is_ok_and(|file| file.pack == Some(*pack))));
    }
}
