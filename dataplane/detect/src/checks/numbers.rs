//! Check digits of numbers that people carry: payment cards, bank accounts.

/// Whether the digits pass the test of Luhn, as those of payment cards do. Blanks and dashes between them are skipped;
/// anything else, and fewer than two digits, fails.
pub(crate) fn has_luhn_check(number: &[u8]) -> bool {
    let mut sum = 0u32;
    let mut count = 0u32;
    for byte in number.iter().rev() {
        match byte {
            b'0'..=b'9' => {
                let digit = u32::from(byte - b'0') << (count & 1);
                sum += if digit > 9 { digit - 9 } else { digit };
                count += 1;
            }
            b' ' | b'-' => {}
            _ => return false,
        }
    }
    count > 1 && sum.is_multiple_of(10)
}

/// Letters and digits of an IBAN, country and check digits included (ISO 13616).
const IBAN_LENGTH: std::ops::RangeInclusive<usize> = 15..=34;

/// Whether an IBAN's check digits are right: moved to its end, the whole is one modulo 97 (ISO 7064). Blanks and dashes
/// are skipped, letters count in either case. The length that each country has is not tested.
pub(crate) fn is_iban(number: &[u8]) -> bool {
    let bare: Vec<u8> =
        number.iter().filter(|b| !matches!(b, b' ' | b'-')).map(u8::to_ascii_uppercase).collect();
    let country = bare.iter().take(2).all(u8::is_ascii_uppercase);
    if !IBAN_LENGTH.contains(&bare.len()) || !country || !bare[2..4].iter().all(u8::is_ascii_digit) {
        return false;
    }
    let mut rest = 0u32;
    for byte in bare[4..].iter().chain(&bare[..4]) {
        rest = match byte {
            b'0'..=b'9' => rest * 10 + u32::from(byte - b'0'),
            b'A'..=b'Z' => rest * 100 + u32::from(byte - b'A') + 10,
            _ => return false,
        } % 97;
    }
    rest == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cards() {
        for number in ["4111 1111 1111 1111", "5500-0000-0000-0004", "378282246310005", "79927398713"] {
            assert!(has_luhn_check(number.as_bytes()), "{number}");
        }
        for number in
            ["4111 1111 1111 1112", "1411 1111 1111 1111", "79927398710", "0", "", "4111x11111111111"]
        {
            assert!(!has_luhn_check(number.as_bytes()), "{number}");
        }
    }

    #[test]
    fn accounts() {
        for number in
            ["GB82 WEST 1234 5698 7654 32", "DE89370400440532013000", "nl91abna0417164300", "NO9386011117947"]
        {
            assert!(is_iban(number.as_bytes()), "{number}");
        }
        for number in [
            "GB83 WEST 1234 5698 7654 32",
            "DE98370400440532013000",
            "NO938601111794",
            "8937040044053201",
            "",
        ] {
            assert!(!is_iban(number.as_bytes()), "{number}");
        }
    }
}
