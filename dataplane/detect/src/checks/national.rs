//! Check digits of national ids. Each function takes digit values from 0 to 9, or ASCII where letters belong to the id,
//! in the length that the id has; another length is wrong.

#![expect(clippy::cast_possible_truncation, reason = "weights of numbers of 11 digits")]

fn weighted(digits: &[u8], weights: &[u8]) -> u32 {
    digits.iter().zip(weights).map(|(&digit, &weight)| u32::from(digit) * u32::from(weight)).sum()
}

fn is_repdigit(digits: &[u8]) -> bool {
    digits.iter().all(|digit| *digit == digits[0])
}

fn number(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |number, &digit| number * 10 + u64::from(digit))
}

/// A US social security number that can have been issued: no area 000, 666 or 9xx, no group 00, no serial 0000.
pub(crate) fn is_us_ssn(digits: &[u8]) -> bool {
    digits.len() == 9
        && !matches!(number(&digits[..3]), 0 | 666 | 900..)
        && number(&digits[3..5]) != 0
        && number(&digits[5..]) != 0
}

/// A US individual taxpayer number: 9xx and a group that is in use.
pub(crate) fn is_us_itin(digits: &[u8]) -> bool {
    digits.len() == 9
        && digits[0] == 9
        && matches!(number(&digits[3..5]), 50..=65 | 70..=88 | 90..=92 | 94..=99)
}

/// The prefix of a UK national insurance number, two upper-case letters.
pub(crate) fn is_uk_nino_prefix(prefix: [u8; 2]) -> bool {
    let [first, second] = prefix;
    prefix.iter().all(u8::is_ascii_uppercase)
        && !b"DFIQUV".contains(&first)
        && !b"DFIQUVO".contains(&second)
        && ![b"BG", b"GB", b"NK", b"KN", b"TN", b"NT", b"ZZ"].contains(&&prefix)
}

/// The UK's NHS number, modulo 11.
pub(crate) fn is_uk_nhs(digits: &[u8]) -> bool {
    let weights = [10, 9, 8, 7, 6, 5, 4, 3, 2];
    digits.len() == 10
        && !is_repdigit(digits)
        && (11 - weighted(digits, &weights) % 11) % 11 == u32::from(digits[9])
}

/// The German tax id: one digit of the first ten stands twice or three times, and ISO 7064 modulo 11, 10 is right.
pub(crate) fn is_de_tax_id(digits: &[u8]) -> bool {
    if digits.len() != 11 || digits[0] == 0 {
        return false;
    }
    let mut counts = [0u8; 10];
    digits[..10].iter().for_each(|&digit| counts[usize::from(digit)] += 1);
    let repeated: Vec<u8> = counts.into_iter().filter(|&count| count > 1).collect();
    let product = digits[..10].iter().fold(10u32, |product, &digit| {
        let sum = match (u32::from(digit) + product) % 10 {
            0 => 10,
            sum => sum,
        };
        sum * 2 % 11
    });
    matches!(repeated[..], [2 | 3]) && (11 - product) % 10 == u32::from(digits[10])
}

/// The check digit of travel documents (ICAO 9303) over `field`, as ASCII: weights 7, 3, 1, letters from 10, `<` is 0.
pub(crate) fn is_icao_check(field: &[u8], check: u8) -> bool {
    let value = |byte: u8| match byte {
        b'<' => Some(0),
        b'a'..=b'z' => None,
        _ => char::from(byte).to_digit(36),
    };
    let sum = field
        .iter()
        .zip([7u32, 3, 1].iter().cycle())
        .try_fold(0, |sum, (&byte, weight)| Some(sum + value(byte)? * weight));
    sum.is_some_and(|sum| value(check) == Some(sum % 10))
}

/// The French social security number with its key: 15 characters of which the seventh may be `A` or `B` (Corsica).
pub(crate) fn is_fr_nir(text: &[u8]) -> bool {
    if text.len() != 15 || !matches!(text[0], b'1' | b'2' | b'3' | b'4' | b'7' | b'8') {
        return false;
    }
    let corsica = match &text[5..7] {
        b"2A" => Some(*b"19"),
        b"2B" => Some(*b"18"),
        _ => None,
    };
    let department = corsica.unwrap_or([text[5], text[6]]);
    let all = [&text[..5], &department, &text[7..]].concat();
    if !all.iter().all(u8::is_ascii_digit) {
        return false;
    }
    let digits: Vec<u8> = all.iter().map(|byte| byte - b'0').collect();
    let month = number(&digits[3..5]);
    matches!(month, 1..=12 | 20..=42 | 50..=99)
        && number(&digits[5..7]) != 0
        && 97 - number(&digits[..13]) % 97 == number(&digits[13..])
}

/// The letter of a Spanish DNI (eight digits) or NIE (its X, Y or Z as 0, 1 or 2 before seven digits).
pub(crate) fn is_es_letter(digits: &[u8], letter: u8) -> bool {
    digits.len() == 8 && b"TRWAGMYFPDXBNJZSQVHLCKE"[(number(digits) % 23) as usize] == letter
}

/// The Italian fiscal code: 16 upper-case letters and digits, the last letter computed from the others.
pub(crate) fn is_it_fiscal_code(code: &[u8]) -> bool {
    const ODD: [u8; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    if code.len() != 16 {
        return false;
    }
    // Two people with the same code: digits of one are written as letters.
    let digit = |byte: u8| byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte);
    let fits = code.iter().enumerate().all(|(place, &byte)| match place {
        6 | 7 | 9 | 10 | 12..=14 => digit(byte),
        8 => b"ABCDEHLMPRST".contains(&byte),
        _ => byte.is_ascii_uppercase(),
    });
    let value = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' };
    fits && {
        let sum: u32 = code[..15]
            .iter()
            .enumerate()
            .map(|(place, &byte)| match place % 2 {
                0 => u32::from(ODD[usize::from(value(byte))]),
                _ => u32::from(value(byte)),
            })
            .sum();
        sum % 26 == u32::from(code[15] - b'A')
    }
}

/// The Dutch citizen service number: the test of eleven.
pub(crate) fn is_nl_bsn(digits: &[u8]) -> bool {
    let weights = [9, 8, 7, 6, 5, 4, 3, 2];
    digits.len() == 9 && !is_repdigit(digits) && weighted(digits, &weights) % 11 == u32::from(digits[8])
}

/// India's Aadhaar number: it begins with 2 to 9 and ends with a Verhoeff digit.
pub(crate) fn is_in_aadhaar(digits: &[u8]) -> bool {
    digits.len() == 12 && digits[0] >= 2 && !is_repdigit(digits) && has_verhoeff_check(digits)
}

/// Verhoeff's check: the digits multiply to the identity in the group of the pentagon's symmetries.
fn has_verhoeff_check(digits: &[u8]) -> bool {
    const PERMUTE: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let times = |a: u8, b: u8| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a + 5 - b) % 5,
    };
    let permuted = |digit: u8, rounds: usize| (0..rounds).fold(digit, |d, _| PERMUTE[usize::from(d)]);
    let product =
        digits.iter().rev().enumerate().fold(0, |so_far, (place, &d)| times(so_far, permuted(d, place % 8)));
    product == 0
}

/// The Brazilian CPF: two digits modulo 11.
pub(crate) fn is_br_cpf(digits: &[u8]) -> bool {
    let check = |length: usize| {
        let sum: u32 = (0..length).map(|i| u32::from(digits[i]) * (length + 1 - i) as u32).sum();
        sum * 10 % 11 % 10 == u32::from(digits[length])
    };
    digits.len() == 11 && !is_repdigit(digits) && check(9) && check(10)
}

/// The Brazilian CNPJ: two digits modulo 11.
pub(crate) fn is_br_cnpj(digits: &[u8]) -> bool {
    const WEIGHTS: [u8; 13] = [6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2];
    let check = |length: usize| {
        let rest = weighted(&digits[..length], &WEIGHTS[13 - length..]) % 11;
        u32::from(digits[length]) == if rest < 2 { 0 } else { 11 - rest }
    };
    digits.len() == 14 && !is_repdigit(digits) && check(12) && check(13)
}

#[cfg(test)]
mod tests {
    use super::*;

    type DigitTest = fn(&[u8]) -> bool;

    fn digits(text: &str) -> Vec<u8> {
        text.bytes().map(|b| b - b'0').collect()
    }

    #[test]
    fn right_values_pass_and_every_single_wrong_digit_does_not() {
        let cases: [(&str, DigitTest); 6] = [
            ("9434765919", is_uk_nhs),
            ("86095742719", is_de_tax_id),
            ("111222333", is_nl_bsn),
            ("999941057058", is_in_aadhaar),
            ("52998224725", is_br_cpf),
            ("11222333000181", is_br_cnpj),
        ];
        for (text, check) in cases {
            let right = digits(text);
            assert!(check(&right), "{text}");
            assert!(!check(&right[1..]), "{text} is too short");
            for place in 0..right.len() {
                let mut wrong = right.clone();
                wrong[place] = (wrong[place] + 1) % 10;
                assert!(!check(&wrong), "{wrong:?}");
            }
        }
    }

    #[test]
    fn letters_count() {
        assert!(is_es_letter(&digits("12345678"), b'Z') && !is_es_letter(&digits("12345678"), b'A'));
        assert!(is_it_fiscal_code(b"RSSMRA85T10A562S") && !is_it_fiscal_code(b"RSSMRA85T10A562T"));
        assert!(!is_it_fiscal_code(b"RSSMRA85T10A5625"));
        assert!(
            is_fr_nir(b"255081416802538") && !is_fr_nir(b"255081416802539") && !is_fr_nir(b"955081416802538")
        );
        assert!(
            is_icao_check(b"L898902C3", b'6')
                && !is_icao_check(b"L898902C3", b'7')
                && !is_icao_check(b"l898902c3", b'6')
        );
        assert!(is_uk_nino_prefix(*b"AB") && !is_uk_nino_prefix(*b"GB") && !is_uk_nino_prefix(*b"QQ"));
    }

    #[test]
    fn numbers_that_were_never_issued() {
        assert!(is_us_ssn(&digits("536221840")));
        for wrong in ["000221840", "666221840", "936221840", "536001840", "536220000", "53622184"] {
            assert!(!is_us_ssn(&digits(wrong)), "{wrong}");
        }
        assert!(is_us_itin(&digits("912701234")));
        assert!(!is_us_itin(&digits("912661234")) && !is_us_itin(&digits("812701234")));
        assert!(!is_br_cpf(&digits("11111111111")) && !is_uk_nhs(&digits("0000000000")));
    }
}
