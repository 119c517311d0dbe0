//! Names of resources that say whose they are: hosts and buckets of one tenant, not the provider's own.

use super::result::CheckResult;

/// First words of names under which providers and projects publish for everybody.
const PUBLIC: &[&[u8]] = &[
    b"www",
    b"docs",
    b"doc",
    b"dev",
    b"developer",
    b"developers",
    b"help",
    b"support",
    b"status",
    b"cdn",
    b"api",
    b"static",
    b"assets",
    b"community",
    b"blog",
    b"login",
    b"app",
    b"apps",
    b"dl",
    b"download",
    b"downloads",
    b"release",
    b"releases",
    b"public",
    b"packages",
    b"your",
    b"yours",
    b"tenant",
];

/// Checks a host or the link to a bucket: its name must not begin with a word of [`PUBLIC`].
///
/// `dev-48213.okta.com` is a tenant's: behind such a word a number makes a name of its own.
pub(super) fn tenant(secret: &[u8]) -> CheckResult {
    let behind = |mark: &[u8]| memchr::memmem::find(secret, mark).map(|at| &secret[at + mark.len()..]);
    let name = behind(b"://").or_else(|| behind(b"/")).unwrap_or(secret);
    let word = |b: &u8| b.is_ascii_alphanumeric();
    let first = name.split(|b| !word(b)).next().unwrap_or_default();
    let second = name.get(first.len() + 1..).and_then(|rest| rest.split(|b| !word(b)).next());
    let numbered = second.is_some_and(|w| w.iter().filter(|b| b.is_ascii_digit()).count() > 2);
    let public = PUBLIC.contains(&first.to_ascii_lowercase().as_slice()) && !numbered;
    if first.is_empty() || public { CheckResult::Impossible } else { CheckResult::Unknown }
}

/// Checks an ARN by what stands before it in the match: the key that encrypts a file of settings (SOPS), which
/// stands behind the lone name `arn`, is meant to be read by everybody who has the file.
pub(super) fn arn(before: &[u8]) -> CheckResult {
    let part = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let end = before.iter().rposition(|b| part(*b)).map_or(0, |i| i + 1);
    let start = before[..end].iter().rposition(|b| !part(*b)).map_or(0, |i| i + 1);
    if &before[start..end] == b"arn" { CheckResult::Impossible } else { CheckResult::Unknown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_for_everybody_are_nobodys() {
        for host in
            ["www.okta.com", "developer.okta.com", "s3://your-bucket", "s3.amazonaws.com/downloads-x/y"]
        {
            assert_eq!(tenant(host.as_bytes()), CheckResult::Impossible, "{host}");
        }
        for host in ["quiet-lake.okta.com", "dev-48213.okta.com", "gs://lake-backup", "apple.myshopify.com"] {
            assert_eq!(tenant(host.as_bytes()), CheckResult::Unknown, "{host}");
        }
    }

    #[test]
    fn a_lone_arn_names_the_key_of_a_file() {
        for before in ["    - arn: ", "\"arn\": \"", "arn="] {
            assert_eq!(arn(before.as_bytes()), CheckResult::Impossible, "{before}");
        }
        for before in ["", "role_arn = \"", "kms-arn: ", "rn\": \"", "arn"] {
            assert_eq!(arn(before.as_bytes()) == CheckResult::Impossible, before == "arn", "{before}");
        }
    }
}
