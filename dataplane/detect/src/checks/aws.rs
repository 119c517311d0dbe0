//! AWS key ids: the number of the account is in them.

use super::result::CheckResult;
use data_encoding::BASE32_NOPAD;

/// Account numbers have twelve digits.
const ACCOUNTS: u64 = 1_000_000_000_000;
/// A key id's characters behind the four that name its kind.
const BODY: usize = 16;

/// Checks a key id. The second to the 41st bit of what its last sixteen characters are in base32 number the account;
/// most random strings fit too, so that a right one proves nothing. The id of AWS's documentation is none.
pub(super) fn validate(text: &[u8]) -> CheckResult {
    if memchr::memmem::find(text, b"EXAMPLE").is_some() {
        return CheckResult::Impossible;
    }
    let Some(body) = text.last_chunk::<BODY>() else { return CheckResult::Unknown };
    let mut bytes = [0; BODY * 5 / 8];
    if BASE32_NOPAD.decode_mut(body, &mut bytes).is_err() {
        return CheckResult::Unknown;
    }
    let front = bytes[..6].iter().fold(0, |front, byte| front << 8 | u64::from(*byte));
    let account = front >> 7 & 0xff_ffff_ffff;
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
