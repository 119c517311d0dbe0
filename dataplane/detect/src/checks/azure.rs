//! Azure's keys that carry a signature and a Marvin32 check value, and the older tokens of Azure DevOps.
//!
//! The layouts and seeds are those of Microsoft's public library of security utilities. A seed is a word of eight
//! letters that names the kind of key; it is no secret.

use super::crc;
use super::marvin::marvin32;
use super::result::CheckResult;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use crc32fast::hash;
use data_encoding::{BASE32_NOPAD, Encoding};
use std::sync::LazyLock;

/// Takes text with and without padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Letters of the check value at the end, and of the signature before it.
const CHECK: usize = 6;
const SIGNATURE: usize = 4;

/// The kinds of key that a signature stands for, by the names of their seeds.
const SEEDS: [(&[u8; SIGNATURE], &[&[u8; 8]]); 13] = [
    (b"+ASt", &[b"Default0"]),
    (b"+ABa", &[b"AbAcct00"]),
    (b"+AMC", &[b"Classic0"]),
    (b"+ACR", &[b"ACRDflt0"]),
    (b"+ASb", MESSAGING),
    (b"+AEh", MESSAGING),
    (b"+ARm", MESSAGING),
    (b"ACDb", COSMOS),
    (b"AIoT", &[b"IoTHub00", b"DpsKey00", b"Device00"]),
    (b"APIM", &[b"Tenant00", b"IoTHub00", b"Gatewy00", b"GitKey00"]),
    (b"AzCa", &[b"Access00"]),
    (b"AzFu", &[b"Functi00", b"Master00", b"System00"]),
    (b"AzSe", &[b"Query000", b"PAdmin00"]),
];
const MESSAGING: &[&[u8; 8]] = &[b"Send0000", b"Listen00", b"Manage00", b"System00", b"Unknown0"];
const COSMOS: &[&[u8; 8]] =
    &[b"MastRW00", b"MastRO00", b"SystRW00", b"SystRO00", b"SysAll00", b"Resour00", b"Encryp00"];

/// A key of 32, 39, 40 or 64 bytes in base64 of either alphabet: random bytes, a signature of four letters, and the
/// check value of all before it. Of a signature whose seeds are not known, all seeds are tried, and none says nothing.
pub(super) fn identifiable(text: &[u8]) -> CheckResult {
    let bare = unpadded(text);
    let Some(at) = bare.len().checked_sub(CHECK + SIGNATURE) else { return CheckResult::Unknown };
    let signature = &bare[at..at + SIGNATURE];
    let plain: Vec<u8> = bare.iter().map(|b| standard(*b)).collect();
    let Ok(bytes) = LENIENT.decode(plain) else { return CheckResult::Invalid };
    let Some((front, check)) = bytes.split_last_chunk::<4>() else { return CheckResult::Unknown };
    let fits = |seeds: &[&[u8; 8]]| {
        seeds.iter().any(|seed| marvin32(front, u64::from_be_bytes(**seed)).to_le_bytes() == *check)
    };
    match SEEDS.iter().find(|(known, _)| known.as_slice() == signature) {
        Some((_, seeds)) => verdict(fits(seeds)),
        None if SEEDS.iter().any(|(_, seeds)| fits(seeds)) => CheckResult::Valid,
        None => CheckResult::Unknown,
    }
}

/// Where the check value of a common annotated security key begins.
const ANNOTATED_CHECK: usize = 80;

/// A common annotated security key of 84 or 88 letters and digits: the last four or six are the check value of the
/// first 80, in base64 or, since 2025, in base62.
pub(super) fn annotated(text: &[u8]) -> CheckResult {
    let bare = unpadded(text);
    let Some((front, check)) = bare.split_at_checked(ANNOTATED_CHECK) else { return CheckResult::Unknown };
    let Ok(bytes) = LENIENT.decode(front) else { return CheckResult::Invalid };
    let sum = marvin32(&bytes, u64::from_be_bytes(*b"Default0"));
    let base64 = LENIENT.encode(sum.to_le_bytes());
    verdict(base64.as_bytes().starts_with(check) || left_base62(sum.swap_bytes()).starts_with(check))
}

/// Base62 as of a number whose digits begin at the first place: a zero for each leading zero byte, no others, and zeros
/// behind the last digit up to six.
fn left_base62(value: u32) -> [u8; 6] {
    let digits = crc::base62(value, crc::DIGITS_UPPER_LOWER);
    let leading = digits.iter().take_while(|d| **d == b'0').count().min(5);
    let kept = (value.leading_zeros() / 8).min(3) as usize;
    let mut left = [b'0'; 6];
    let rest = &digits[leading - kept..];
    left[..rest.len()].copy_from_slice(rest);
    left
}

/// The characters of an application's secret, in the order of their values as digits.
const ENTRA: &[u8; 66] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ1234567890.-_~";
/// How long such a secret with a check value is.
const ENTRA_LENGTH: usize = 40;

/// An application's secret: `8Q~` at the third character says that the last three are the first digits of the check
/// value. Others, as the older `7Q~`, carry none.
pub(super) fn entra(text: &[u8]) -> CheckResult {
    if text.len() != ENTRA_LENGTH || text[3..6] != *b"8Q~" {
        return CheckResult::Unknown;
    }
    let (front, check) = text.split_at(ENTRA_LENGTH - 3);
    let mut sum = marvin32(front, u64::from_be_bytes(*b"AadPwd00"));
    let mut digits = [ENTRA[0]; 6];
    for digit in digits.iter_mut().rev() {
        *digit = ENTRA[(sum % 66) as usize];
        sum /= 66;
    }
    verdict(digits[..3] == *check)
}

/// What the CRC of a token of Azure DevOps is combined with: tokens of users and of applications.
const DEVOPS: [u32; 2] = [0xe0b9_692d, 0x1019_f92e];
/// Where its bytes stand, the lowest first.
const DEVOPS_CHECK: [usize; 4] = [22, 8, 7, 2];

/// Base32 in either case. Of the last letter of a token four bits are left over, and may be anything.
static DEVOPS_BASE32: LazyLock<Encoding> = LazyLock::new(|| {
    let mut alphabet = BASE32_NOPAD.specification();
    alphabet.check_trailing_bits = false;
    alphabet.translate.from.push_str("abcdefghijklmnopqrstuvwxyz");
    alphabet.translate.to.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ");
    alphabet.encoding().expect("letters of either case are a sound alphabet")
});

/// Letters of such a token.
const DEVOPS_LETTERS: usize = 52;

/// An older token of Azure DevOps, 52 characters of base32: 28 random bytes, and four of check value between them.
pub(super) fn devops(text: &[u8]) -> CheckResult {
    if text.len() != DEVOPS_LETTERS {
        return CheckResult::Unknown;
    }
    let Ok(bytes) = DEVOPS_BASE32.decode(text) else { return CheckResult::Impossible };
    let payload: Vec<u8> = (0..32).filter(|i| !DEVOPS_CHECK.contains(i)).map(|i| bytes[i]).collect();
    let check = u32::from_le_bytes(DEVOPS_CHECK.map(|i| bytes[i]));
    verdict(DEVOPS.contains(&(check ^ hash(&payload))))
}

fn unpadded(text: &[u8]) -> &[u8] {
    let padding = text.iter().rev().take_while(|b| **b == b'=').count();
    &text[..text.len() - padding]
}

/// The letter of base64's usual alphabet.
fn standard(letter: u8) -> u8 {
    match letter {
        b'-' => b'+',
        b'_' => b'/',
        other => other,
    }
}

fn verdict(right: bool) -> CheckResult {
    if right { CheckResult::Valid } else { CheckResult::Invalid }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by another implementation of these formats.
    const KEYS: &[&str] = &[
        "O6Q7c7nsO6FopN47cqoX35VgCv4/gknwN1g1E2N3f7hrFyrZqQ4kEvy9Wdamo+awcq68p7R+HvI1+AStucE1RA==",
        "CsC7wAGO8pfkTyg7y8Ot9ws2mYiVIjGuvU0vrSh8V0Lv98p+QsxeWMOmIRaKB66t+z/wGiMgto64+ABa7ElZeg==",
        "Gfm1nARb7AM0hVzafh7A3BjHJj0egUcCmA4JK3jjC5AlZURCo6VNWfunhxcog/fTUohqoS5QODeh+AMCHPMUbQ==",
        "mbEmVzRwNWgQ6GUQOBUJOZH97USZMZzHCmgSEuxxrH+ACRTEegcg",
        "QndoZ91Iaja1OpahC5pBiv5/+VyRn/Ncm+ASbsK4oa4=",
        "iNJ+5FgCYCm5pH5ukSupr0TvvXKEqNmET+AEhGHNpAU=",
        "oGwXcZoezBUthWej6qdt6crwlfFmqBJyN+ARmfjwnCg=",
        "QMcaUywi1Zq6N4OmM56l/H6HzaYHWY33krVW6yJpxuF7opetUR3RyK7q7MGVoTiBRETqKWsqkfP+ACDbuEKCmA==",
        "dJObYtgOpXeBztgoGUVU2RzOMlNLd58fX5+4so1DqEQO0HRq1MKymsfudrxdrPh9NQwNR+Dfqkd5ACDbfzVyxg==",
        "fWfadTkabeufOlPEoa9HI3sN+rgKDIAjoAIoTFCoVqs=",
        "1rGLgBZeyZR4hQJjiJfJ3nLqE7n2f/2exAIoTI8uHgw=",
        "3sS4TyAWmn8k1gKYW/FOBNASMcRIE0nZbAIoTz74Zcc=",
        "BlZ2WF9hNcKHmoAzTr0ZH6f6Dji7VJ4UQ2eHy3flM3cetSGBugKDYJOLICauqTzUqB7ooLyWWpU7APIMtzel6w==",
        "t1Behl66tmpjSw/ClzRuK2vycR9TruNpqqySo7xoFYMEEMLHTWIILmAZHK3NHU8doSrZt0Km8eFCAPIMdsmJ7Q==",
        "7QRg4YmlUgOValKbxxRVDOG5dbux2vClwnOwbVB+kNtwNsO0fY3Bpu3Gewl58ldEvQY7ZgJczTILAPIMyKaf+Q==",
        "ckz7d4AFtaY7AQf4ghmn//OdazjUwYypfAzCa0c8+rc=",
        "aupgJU1YZRLhDgUoL/pgmEviMLdosTwkI85AsacRnGAzSevfSxrv",
        "j7rJrDBknoGRmIfXchRMIFoNOMrJfAm1qKr/E10rVpAzSeG8d2MN",
        "BsZdE0pXpHMRLXM74tACg2XvVRy6XcURKuKorywe5NvyAzFuGeKVVQ==",
        "METOXonXCHx6Xp/fqbbHrED0cYOuFcxM8fs3knr+P736AzFuOEn5jw==",
        "VxwxGD5xFGuBK/Fv/2gxrgP77jgMRbzQ832+tPbRZrTlAzFud8uwjQ==",
    ];

    #[test]
    fn identifiable_keys_of_every_kind() {
        for key in KEYS {
            assert_eq!(identifiable(key.as_bytes()), CheckResult::Valid, "{key}");
            let wrong =
                if key.starts_with('A') { key.replacen('A', "B", 1) } else { format!("A{}", &key[1..]) };
            assert_eq!(identifiable(wrong.as_bytes()), CheckResult::Invalid, "{wrong}");
        }
        let url = "mzUi_OyD6TTC6ZJwlMIgXhkd-yxZP6fHSy1IKuiEOUw8AzFuFaeFJw==";
        assert_eq!(identifiable(url.as_bytes()), CheckResult::Valid);
        assert_eq!(identifiable(url.trim_end_matches('=').as_bytes()), CheckResult::Valid);
        assert_eq!(identifiable(b"short"), CheckResult::Unknown);
    }

    #[test]
    fn a_signature_without_known_seeds_says_nothing_or_all() {
        assert_eq!(identifiable(b"BdR6nIWaQ+qgb8RluGXTCl1RXxGrGuZ3uAZEG6lkvEk="), CheckResult::Valid);
        assert_eq!(identifiable(b"AdR6nIWaQ+qgb8RluGXTCl1RXxGrGuZ3uAZEG6lkvEk="), CheckResult::Unknown);
    }

    #[test]
    fn annotated_keys_in_both_writings() {
        for key in [
            "JCbtjNuxtemz67wtZDeFRcZJmR7z7xUkBcFjhdScsbbgNrKaimtsJQQJ99BFACAAAAALL3yuAAASAZDONLS1",
            "YwwJQnlKaZ9swpBAW1tUkBhlb1SFOv2JJpv7cg0pqvb96tT4D3eyJQQJ99BFACAAAAALiTiGAAASAZDORJYFtg==",
            "mWxY9lFrn07t4aMe4r2m36ptWfyBKOLFgpYTmY8TsRkaqKX8vql0JQQJ99BFACAAAAAL44OYAAASAZDO4gBC",
            "miSStTi6LZMbmWUsiJerZ8RlUgow6AVqcnlQC2Ie2Uz8fRAXxVmLJQQJ99BFACAAAAALTnMvAAASAZDO48MB8G==",
            "TnyQUzxoJxxu1eI3dxL4pbJJj1u12RIhwWuJdqipZqAdHHQelKxsJQQJ99BFACAAAAALYub1AAASAZDO0Rzm",
        ] {
            assert_eq!(annotated(key.as_bytes()), CheckResult::Valid, "{key}");
            let (front, last) = key.trim_end_matches('=').split_at(key.trim_end_matches('=').len() - 1);
            let wrong = format!("{front}{}", if last == "0" { '1' } else { '0' });
            assert_eq!(annotated(wrong.as_bytes()), CheckResult::Invalid, "{wrong}");
        }
        assert_eq!(annotated(b"JQQJ99"), CheckResult::Unknown);
        assert_eq!(left_base62(0), *b"000000");
        assert_eq!(left_base62(0x0000_0001), *b"000100");
        assert_eq!(left_base62(0x0100_0000), *b"18OWG0");
        assert_eq!(left_base62(u32::MAX), *b"4gfFC3");
    }

    #[test]
    fn secrets_of_applications() {
        assert_eq!(entra(b"zzz8Q~zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzblP"), CheckResult::Valid);
        assert_eq!(entra(b"Kx48Q~bt9Nqfja7QcBCGlhLdCSMlUTPz2jIb1dpH"), CheckResult::Valid);
        assert_eq!(entra(b"zzz8Q~zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzblQ"), CheckResult::Invalid);
        assert_eq!(entra(b"zzz7Q~zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzblQ"), CheckResult::Unknown);
        assert_eq!(entra(b"zzz8Q~zzzz"), CheckResult::Unknown);
    }

    #[test]
    fn older_tokens_of_devops() {
        assert_eq!(devops(b"m7qrctyoa5uktu5mshllk4vnseshakl5a62r4hubf77oeytgqpca"), CheckResult::Valid);
        assert_eq!(devops(b"moeq42gegqrpapjf3hjoxsl3gefavejfw3u6y6h2x5s4vf2q6dja"), CheckResult::Valid);
        assert_eq!(devops(b"a7qrctyoa5uktu5mshllk4vnseshakl5a62r4hubf77oeytgqpca"), CheckResult::Invalid);
        assert_eq!(devops(b"deadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdead"), CheckResult::Invalid);
        assert_eq!(devops(b"deadbeef"), CheckResult::Unknown);
        assert_eq!(devops(b"0eadbeefdeadbeefdeadbeefdeadbeefdeadbeefdeadbeefdead"), CheckResult::Impossible);
    }
}
