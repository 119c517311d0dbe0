//! AWS key ids: the number of the account is in them.

use super::result::CheckResult;

/// Account numbers have twelve digits.
const ACCOUNTS: u64 = 1_000_000_000_000;
/// A key id's characters behind the four that name its kind.
const BODY: usize = 16;

/// Judges a key id. The second to the 41st bit of what its last sixteen characters are in base32 number the account;
/// most random strings fit too, so that a right one proves nothing. The id of AWS's documentation is none.
pub(super) fn validate(text: &[u8]) -> CheckResult {
    if memchr::memmem::find(text, b"EXAMPLE").is_some() {
        return CheckResult::Impossible;
    }
    let Some(body) = text.last_chunk::<BODY>() else { return CheckResult::Unknown };
    let mut bits = 0u64;
    for letter in &body[..10] {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return CheckResult::Unknown,
        };
        bits = bits << 5 | u64::from(value);
    }
    let account = bits >> 9 & 0xff_ffff_ffff;
    if account < ACCOUNTS { CheckResult::Unknown } else { CheckResult::Invalid }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_must_have_twelve_digits() {
        // Accounts 999999999999 and 1000000000000, by another implementation.
        assert_eq!(validate(b"AKIA6RVFFB772UJZUJ6E"), CheckResult::Unknown);
        assert_eq!(validate(b"AKIA6RVFFCAAKUJZUJ6E"), CheckResult::Invalid);
        assert_eq!(validate(b"AKIAIOSFODNN7EXAMPLE"), CheckResult::Impossible);
        assert_eq!(validate(b"A3T18OSFODNN7QWERTYU"), CheckResult::Unknown);
        assert_eq!(validate(b"AKIA"), CheckResult::Unknown);
    }
}
