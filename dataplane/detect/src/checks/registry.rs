//! What registries say about numbers beside their check digits: which card networks and which countries' bank accounts
//! there are, and how long their numbers are.

/// Whether a network issues cards that begin so and are so long.
///
/// Visa, Mastercard, American Express, Diners Club, Discover, JCB and `UnionPay`; of the lengths a network allows only
/// those in use.
pub(crate) fn is_issued(digits: &[u8]) -> bool {
    let Some(head) = digits.get(..6) else { return false };
    let head = head.iter().fold(0u32, |number, &digit| number * 10 + u32::from(digit));
    match digits.len() {
        14 => matches!(head / 1_000, 300..=305 | 309) || matches!(head / 10_000, 36 | 38 | 39),
        15 => matches!(head / 10_000, 34 | 37),
        16 => {
            head / 100_000 == 4
                || matches!(head / 10_000, 51..=55 | 62 | 65)
                || matches!(head / 100, 2221..=2720 | 3528..=3589 | 6011)
                || matches!(head / 1_000, 644..=649)
        }
        19 => head / 100_000 == 4 || head / 10_000 == 62,
        _ => false,
    }
}

/// Country codes with the length of their account numbers, as in SWIFT's registry.
#[rustfmt::skip]
const LENGTHS: &[(&[u8; 2], usize)] = &[
    (b"AD", 24), (b"AE", 23), (b"AL", 28), (b"AT", 20), (b"AZ", 28), (b"BA", 20), (b"BE", 16), (b"BG", 22),
    (b"BH", 22), (b"BI", 27), (b"BR", 29), (b"BY", 28), (b"CH", 21), (b"CR", 22), (b"CY", 28), (b"CZ", 24),
    (b"DE", 22), (b"DJ", 27), (b"DK", 18), (b"DO", 28), (b"EE", 20), (b"EG", 29), (b"ES", 24), (b"FI", 18),
    (b"FK", 18), (b"FO", 18), (b"FR", 27), (b"GB", 22), (b"GE", 22), (b"GI", 23), (b"GL", 18), (b"GR", 27),
    (b"GT", 28), (b"HR", 21), (b"HU", 28), (b"IE", 22), (b"IL", 23), (b"IQ", 23), (b"IS", 26), (b"IT", 27),
    (b"JO", 30), (b"KW", 30), (b"KZ", 20), (b"LB", 28), (b"LC", 32), (b"LI", 21), (b"LT", 20), (b"LU", 20),
    (b"LV", 21), (b"LY", 25), (b"MC", 27), (b"MD", 24), (b"ME", 22), (b"MK", 19), (b"MN", 20), (b"MR", 27),
    (b"MT", 31), (b"MU", 30), (b"NI", 28), (b"NL", 18), (b"NO", 15), (b"OM", 23), (b"PK", 24), (b"PL", 28),
    (b"PS", 29), (b"PT", 25), (b"QA", 29), (b"RO", 24), (b"RS", 22), (b"RU", 33), (b"SA", 24), (b"SC", 31),
    (b"SD", 18), (b"SE", 24), (b"SI", 19), (b"SK", 24), (b"SM", 27), (b"SO", 23), (b"ST", 25), (b"SV", 28),
    (b"TL", 23), (b"TN", 24), (b"TR", 26), (b"UA", 29), (b"VA", 22), (b"VG", 24), (b"XK", 20), (b"YE", 30),
];

/// The longest account number, in characters.
pub(crate) const MAX_LENGTH: usize = 34;

/// How long an account number of this country is.
pub(crate) fn length(country: &[u8]) -> Option<usize> {
    LENGTHS.iter().find(|(code, _)| code.as_slice() == country).map(|(_, length)| *length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::numbers;

    #[test]
    fn networks_have_their_prefixes_and_lengths() {
        for card in
            ["4539578763621486", "5105105105105100", "378282246310005", "30569309025904", "6011000990139424"]
        {
            let digits: Vec<u8> = card.bytes().map(|b| b - b'0').collect();
            assert!(is_issued(&digits) && numbers::has_luhn_check(card.as_bytes()), "{card}");
        }
        for other in ["1700000000000000", "453957876362148", "9007199254740992", "37828224631000", "4539"] {
            let digits: Vec<u8> = other.bytes().map(|b| b - b'0').collect();
            assert!(!is_issued(&digits), "{other}");
        }
    }

    #[test]
    fn countries_have_their_lengths() {
        for iban in ["DE89370400440532013000", "GB29NWBK60161331926819", "FR1420041010050500013M02606"] {
            assert_eq!(length(&iban.as_bytes()[..2]), Some(iban.len()));
            assert!(numbers::is_iban(iban.as_bytes()), "{iban}");
        }
        assert_eq!(length(b"US"), None);
        assert!(LENGTHS.iter().all(|(_, length)| *length <= MAX_LENGTH));
    }
}
