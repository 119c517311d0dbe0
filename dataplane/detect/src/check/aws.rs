//! AWS key ids: the number of the account is in them.

use super::Proof;

/// Account numbers have twelve digits.
const ACCOUNTS: u64 = 1_000_000_000_000;
/// A key id's characters behind the four that name its kind.
const BODY: usize = 16;

/// Judges a key id. The second to the 41st bit of what its last sixteen characters are in base32 number the account; most
/// random strings fit too, so that a right one proves nothing. The id of AWS's documentation is none.
pub(super) fn judge(text: &[u8]) -> Proof {
    if memchr::memmem::find(text, b"EXAMPLE").is_some() {
        return Proof::Refuted;
    }
    let Some(body) = text.last_chunk::<BODY>() else { return Proof::Silent };
    let mut bits = 0u64;
    for letter in &body[..10] {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'2'..=b'7' => letter - b'2' + 26,
            _ => return Proof::Silent,
        };
        bits = bits << 5 | u64::from(value);
    }
    let account = bits >> 9 & 0xff_ffff_ffff;
    if account < ACCOUNTS { Proof::Silent } else { Proof::Bad }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_must_have_twelve_digits() {
        // Accounts 999999999999 and 1000000000000, by another implementation.
        assert_eq!(judge(b"AKIA6RVFFB772UJZUJ6E"), Proof::Silent);
        assert_eq!(judge(b"AKIA6RVFFCAAKUJZUJ6E"), Proof::Bad);
        assert_eq!(judge(b"AKIAIOSFODNN7EXAMPLE"), Proof::Refuted);
        assert_eq!(judge(b"A3T18OSFODNN7QWERTYU"), Proof::Silent);
        assert_eq!(judge(b"AKIA"), Proof::Silent);
    }
}
