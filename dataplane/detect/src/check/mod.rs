//! Validators: check values and structure that tell a real secret from a string of the same shape.
//!
//! A validator sees a match that is complete and well-bounded. It may raise or lower the confidence, and it refutes
//! only what cannot be this kind of thing; a wrong check value alone never lets a prefixed token pass.

mod aws;
mod azure;
mod bech32;
mod bip39;
mod crc;
mod host;
mod http;
mod json;
mod jwt;
mod macaroon;
mod marvin;
pub(crate) mod national;
pub(crate) mod numbers;
pub(crate) mod registry;

use crate::assign::value;
use serde::Deserialize;

/// A validator that a rule names with `check = "..."`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Check {
    /// Behind `prefix_` the last six characters are the base62 CRC-32 of those before them (GitHub, npm, Vercel).
    GithubCrc,
    /// A piece of the base32 SHA-256 of the first 77 characters (GitHub fine-grained tokens).
    GithubFine,
    /// The last seven characters are the base36 CRC-32 of all before them (GitLab routable tokens).
    GitlabRoutable,
    /// Eight hex digits of a little-endian CRC-32 of all before the last `_` (Grafana).
    Grafana,
    /// The last six characters are the base62 CRC-32 of all before them, digits, upper, lower (Deno, W&B).
    CrcWhole,
    /// The same with the alphabet digits, lower, upper (Apify).
    CrcWholeLower,
    /// The last eight hex digits are the CRC-32 of all before them (Atlassian, Bitbucket, Canva).
    CrcHex,
    /// The last eight hex digits are the CRC-32 of what is between them and the first `_` (Cloudflare).
    CloudflareCrc,
    /// Eight hex digits behind the last `_`: the CRC-32 of the part before (Zuplo).
    Zuplo,
    /// Six base64 characters of the little-endian CRC-32 of all before (Confluent).
    Confluent,
    /// The bech32 checksum (age).
    Bech32,
    /// The last six characters are the base62 CRC-32 of what is between them and the last `_` (`SaladCloud`).
    CrcBody,
    /// The check value in the last word of a wallet's seed phrase.
    Bip39,
    /// Three base64url parts, the first a JSON object with `alg`.
    Jwt,
    /// Five base64url parts, the first a JSON object with `enc`.
    Jwe,
    /// An AWS key id with a possible account number, not the documentation's example.
    AwsKeyId,
    /// The Marvin32 check value behind the signature of a kind of key (Azure storage, Cosmos DB, Service Bus ...).
    AzureKey,
    /// The check value of the first 80 letters and digits (Azure's common annotated security keys).
    AzureAnnotated,
    /// The check value of an application's secret that has `8Q~` in it (Microsoft Entra).
    AzureEntra,
    /// A CRC-32 spread over 52 characters of base32 (Azure DevOps).
    AzureDevops,
    /// A whole macaroon of PyPI.
    Pypi,
    /// A JSON object under base64 with the members of a key of Grafana.
    GrafanaJson,
    /// A JSON object under base64 with the members of an organisation's token of Sentry.
    SentryJson,
    /// A JSON object under base64 with the members of a service account of 1Password.
    OnePassword,
    /// The check digit of payment cards: one number in ten has it by chance, so that it proves nothing.
    Luhn,
    /// Check digits of bank accounts.
    Iban,
    /// Twelve digits and a colon under base64, then random bytes (Jira and Confluence data centre).
    JiraPat,
    /// A host or bucket that belongs to one tenant.
    Tenant,
    /// An ARN that is not the key of a SOPS file.
    Arn,
    /// Base64 of `user:password`.
    Basic,
    /// Base64 that begins with the armour of a private key.
    PemBase64,
    /// The capture must be no placeholder, template or word.
    Literal,
    /// The capture must look random.
    Random,
    /// Upper case, lower case and more than words.
    Mixed,
}

/// What a validator says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proof {
    /// Right: nothing else looks like this.
    Good,
    /// Nothing to say about this one.
    Silent,
    /// Wrong check value: perhaps mangled, perhaps made up.
    Bad,
    /// Not this kind of thing at all.
    Refuted,
}

impl Check {
    /// Judges the whole match of a rule's pattern and the captured secret in it.
    pub(crate) fn judge(self, whole: &[u8], secret: &[u8]) -> Proof {
        match self {
            Check::GithubCrc => crc::behind_prefix(whole),
            Check::GithubFine => crc::github_fine(whole),
            Check::GitlabRoutable => crc::gitlab_routable(whole),
            Check::Grafana => crc::grafana(whole),
            Check::CrcWhole => crc::whole(whole, crc::DIGITS_UPPER_LOWER),
            Check::CrcWholeLower => crc::whole(whole, crc::DIGITS_LOWER_UPPER),
            Check::CrcBody => crc::body(whole),
            Check::CrcHex => crc::hex_of_all(whole),
            Check::CloudflareCrc => crc::cloudflare(whole),
            Check::Zuplo => crc::zuplo(whole),
            Check::Confluent => crc::confluent(whole),
            Check::Bech32 => bech32::judge(whole),
            Check::Bip39 => bip39::judge(secret),
            Check::Jwt => jwt::judge(whole),
            Check::Jwe => jwt::judge_encrypted(whole),
            Check::AwsKeyId => aws::judge(whole),
            Check::AzureKey => azure::identifiable(secret),
            Check::AzureAnnotated => azure::annotated(secret),
            Check::AzureEntra => azure::entra(secret),
            Check::AzureDevops => azure::devops(secret),
            Check::Pypi => macaroon::judge(secret),
            Check::GrafanaJson => json::grafana(secret),
            Check::SentryJson => json::sentry(secret),
            Check::OnePassword => json::one_password(secret),
            Check::Luhn => silent_if(numbers::luhn(secret)),
            Check::Iban => refuted_unless(numbers::iban(secret)),
            Check::JiraPat => http::jira_pat(secret),
            Check::Tenant => host::tenant(secret),
            Check::Arn => host::arn(&whole[..whole.len() - secret.len()]),
            Check::Basic => http::basic(secret),
            Check::PemBase64 => http::pem_base64(secret),
            Check::Literal => silent_if(value::literal(secret)),
            Check::Random => silent_if(value::opaque(secret)),
            Check::Mixed => silent_if(value::mixed(secret)),
        }
    }
}

/// A number is nothing without its check digits.
fn refuted_unless(right: bool) -> Proof {
    if right { Proof::Good } else { Proof::Refuted }
}

fn silent_if(plausible: bool) -> Proof {
    if plausible { Proof::Silent } else { Proof::Refuted }
}

#[cfg(test)]
mod tests {
    use crate::{Confidence, Rules, Scanner, Window};

    #[test]
    fn no_example_has_a_wrong_check_value() {
        let rules = Rules::builtin().unwrap();
        let mut scanner = Scanner::new(rules.clone()).unwrap();
        let mut wrong = Vec::new();
        // A wrong value lowers the confidence below the rule's own.
        for (index, rule) in rules.iter().filter(|(index, _)| rules.compiled(index.0).check.is_some()) {
            let compiled = rules.compiled(index.0);
            let most = if compiled.values.is_empty() { Confidence::High } else { Confidence::Medium };
            let least = compiled.confidence.min(most);
            for example in &rule.matching {
                let text = example.replace(['«', '»'], "");
                let scan = scanner.scan(Window { text: text.as_bytes(), fresh: 0, last: true });
                if !scan.findings.iter().any(|f| f.rule == index && f.confidence >= least) {
                    wrong.push(format!("{}: {text}", rule.id));
                }
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}
