//! Other writings of a value that a rule found: with the escapes of the string it stood in, another string or an address
//! taken off or put on, and without the entities of the page. The same value stands elsewhere without them, or with them. So does a short one under base64, of
//! which too few characters come to be decoded.

use base64::Engine as _;
use base64::engine::GeneralPurpose;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::json::{escape_into, unescaped};
use crate::request::entities;

/// How many strings inside each other a value is unescaped for, and escaped.
const LAYERS: u8 = 2;

/// Bytes under base64 that are decoded wherever they stand.
const MIN_DECODED: usize = 16;

/// The other writings of `value`; none of most.
pub(crate) fn others(value: &[u8]) -> Vec<Zeroizing<Vec<u8>>> {
    let mut others = Vec::new();
    if memchr::memchr2(b'"', b'\\', value).is_some() {
        let mut plain = unescaped(value).map(Zeroizing::new);
        for _ in 0..LAYERS {
            let Some(text) = plain else { break };
            plain = unescaped(&text).map(Zeroizing::new);
            others.push(text);
        }
        for depth in 1..=LAYERS {
            let mut written = Zeroizing::new(Vec::new());
            escape_into(value, depth, &mut written);
            others.push(written);
        }
    }
    others.extend(without_percents(value));
    others.extend(as_form(value));
    if let Some(plain) = entities::taken_off(value) {
        let is_escaped = memchr::memchr2(b'"', b'\\', &plain).is_some();
        for depth in (1..=LAYERS).filter(|_| is_escaped) {
            let mut written = Zeroizing::new(Vec::new());
            escape_into(&plain, depth, &mut written);
            others.push(written);
        }
        others.push(plain);
    }
    if value.len() < MIN_DECODED {
        for text in [Zeroizing::new(value.to_vec()), Zeroizing::new([value, b"\n"].concat())] {
            others.push(in_base64(&STANDARD_NO_PAD, &text));
            // Of most values it is the same.
            others.push(in_base64(&URL_SAFE_NO_PAD, &text));
        }
        others.dedup();
    }
    others
}

/// `value` under base64, as it stands alone there.
fn in_base64(alphabet: &GeneralPurpose, value: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(alphabet.encode(value).into_bytes())
}

/// `value` as forms write it, if that takes no escape but `+` for blanks: where one stands, it is decoded.
fn as_form(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b" -._*~".contains(byte);
    (value.contains(&b' ') && value.iter().all(is_plain)).then(|| {
        let form = value.iter().map(|byte| if *byte == b' ' { b'+' } else { *byte });
        Zeroizing::new(form.collect())
    })
}

/// `value` with its percent escapes taken off, if it has any.
fn without_percents(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    memchr::memchr(b'%', value)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value;
    while let Some((&byte, behind)) = rest.split_first() {
        let escaped = behind.first_chunk::<2>().copied().filter(|_| byte == b'%').and_then(hexadecimal);
        plain.push(escaped.unwrap_or(byte));
        rest = if escaped.is_some() { &behind[2..] } else { behind };
    }
    (plain.len() < value.len()).then_some(plain)
}

fn hexadecimal(digits: [u8; 2]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(digits[0])? << 4 | digit(digits[1])?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_taken_off_and_put_on() {
        let of = |value: &str| -> Vec<String> {
            others(value.as_bytes()).iter().map(|text| String::from_utf8(text.to_vec()).unwrap()).collect()
        };
        assert_eq!(of("gT5vLq8xWz2RkPq1"), [""; 0]);
        assert_eq!(of(r#"a"b"#)[..2], [r#"a\"b"#, r#"a\\\"b"#]);
        assert_eq!(of(r#"a\"b\/\u0041"#)[0], r#"a"b/A"#);
        assert_eq!(of(r#"a\\\"b"#)[..2], [r#"a\"b"#.to_owned(), r#"a"b"#.to_owned()]);
        assert_eq!(of("a%23b%")[..1], ["a#b%"]);
        assert_eq!(of("gT5v&lt;Lq8xWz2RkPq1"), ["gT5v<Lq8xWz2RkPq1"]);
        assert_eq!(of("gT5vLq&quot;xWz2Rk")[2..], ["gT5vLq\"xWz2Rk"]);
        assert_eq!(of("gT5vLq8xWz2RkPq"), ["Z1Q1dkxxOHhXejJSa1Bx", "Z1Q1dkxxOHhXejJSa1BxCg"]);
        assert_eq!(
            of("gT5v~?>xWz2R"),
            ["Z1Q1dn4/PnhXejJS", "Z1Q1dn4_PnhXejJS", "Z1Q1dn4/PnhXejJSCg", "Z1Q1dn4_PnhXejJSCg"]
        );
        assert_eq!(of("gT5v Lq8xWz2 RkPq1"), ["gT5v+Lq8xWz2+RkPq1"]);
        assert_eq!(of("gT5v Lq8xWz2&RkPq1"), [""; 0]);
        assert_eq!(of("gT5vLq8xWz2RkPq1%"), [""; 0]);
    }
}
