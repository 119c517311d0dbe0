//! The validators by the names that rule files call them.

use super::result::CheckResult;
use super::{aws, azure, bech32, bip39, crc, host, http, json, jwt, macaroon, numbers};
use crate::plausibility::value;
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

impl Check {
    /// Validates the whole match of a rule's pattern and the captured secret in it.
    pub(crate) fn validate(self, whole: &[u8], secret: &[u8]) -> CheckResult {
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
            Check::Bech32 => bech32::validate(whole),
            Check::Bip39 => bip39::validate(secret),
            Check::Jwt => jwt::validate(whole),
            Check::Jwe => jwt::validate_encrypted(whole),
            Check::AwsKeyId => aws::validate(whole),
            Check::AzureKey => azure::identifiable(secret),
            Check::AzureAnnotated => azure::annotated(secret),
            Check::AzureEntra => azure::entra(secret),
            Check::AzureDevops => azure::devops(secret),
            Check::Pypi => macaroon::validate(secret),
            Check::GrafanaJson => json::grafana(secret),
            Check::SentryJson => json::sentry(secret),
            Check::OnePassword => json::one_password(secret),
            Check::Luhn => possible_if(numbers::has_luhn_check(secret)),
            Check::Iban => valid_if(numbers::is_iban(secret)),
            Check::JiraPat => http::jira_pat(secret),
            Check::Tenant => host::tenant(secret),
            Check::Arn => host::arn(&whole[..whole.len() - secret.len()]),
            Check::Basic => http::basic(secret),
            Check::PemBase64 => http::pem_base64(secret),
            Check::Literal => possible_if(value::is_literal(secret)),
            Check::Random => possible_if(value::is_opaque(secret)),
            Check::Mixed => possible_if(value::is_mixed(secret)),
        }
    }
}

/// A number is nothing without its check digits.
fn valid_if(right: bool) -> CheckResult {
    if right { CheckResult::Valid } else { CheckResult::Impossible }
}

fn possible_if(plausible: bool) -> CheckResult {
    if plausible { CheckResult::Unknown } else { CheckResult::Impossible }
}
