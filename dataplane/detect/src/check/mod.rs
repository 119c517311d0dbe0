//! Validators: check values and structure that tell a real secret from a string of the same shape.

mod crc;
mod jwt;

use serde::Deserialize;

/// A validator that a rule names with `check = "..."`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Check {
    /// The last six characters are the base62 CRC-32 of the thirty before them (GitHub classic tokens, npm).
    GithubCrc,
    /// Three base64url parts, the first a JSON object with `alg`.
    Jwt,
    /// An AWS key id: the account number inside is below 10^12.
    AwsKeyId,
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
    /// Judges the whole match of a rule's pattern.
    pub(crate) fn judge(self, text: &[u8]) -> Proof {
        match self {
            Check::GithubCrc => crc::github(text),
            Check::Jwt => jwt::judge(text),
            Check::AwsKeyId => aws_key_id(text),
        }
    }
}

/// The account number sits in the base32 digits after the four-letter prefix; ids from before 2019 have none.
fn aws_key_id(text: &[u8]) -> Proof {
    if text.windows(7).any(|w| w.eq_ignore_ascii_case(b"EXAMPLE")) {
        return Proof::Refuted;
    }
    Proof::Silent
}
