//! The built-in rule files, one per vendor group.

/// Name and text of each file, in the order in which rules are numbered.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("cloud", include_str!("../rules/cloud.toml")),
    ("code-hosting", include_str!("../rules/code-hosting.toml")),
    ("generic", include_str!("../rules/generic.toml")),
    ("keys", include_str!("../rules/keys.toml")),
];
