//! A value that a rule found in XML or in a page, without its entities: it stands elsewhere as it is meant.

use zeroize::Zeroizing;

/// The entities of XML; in pages there are others, which nobody needs to write a value.
const NAMED: [(&[u8], u8); 5] =
    [(b"amp", b'&'), (b"lt", b'<'), (b"gt", b'>'), (b"quot", b'"'), (b"apos", b'\'')];
/// The longest entity between its signs, in bytes.
const MAX_ENTITY: usize = 8;

/// `value` with its entities taken off, if it has any.
pub(crate) fn taken_off(value: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(Vec::with_capacity(value.len()));
    let mut rest = value;
    while let Some(at) = memchr::memchr(b'&', rest) {
        plain.extend_from_slice(&rest[..at]);
        rest = &rest[at..];
        let end = rest[1..].iter().take(MAX_ENTITY + 1).position(|byte| *byte == b';');
        let meant = end.and_then(|end| meant(&rest[1..=end]));
        let Some((end, sign)) = end.zip(meant) else {
            plain.push(b'&');
            rest = &rest[1..];
            continue;
        };
        plain.extend_from_slice(sign.encode_utf8(&mut [0; 4]).as_bytes());
        rest = &rest[end + 2..];
    }
    plain.extend_from_slice(rest);
    (plain.len() < value.len()).then_some(plain)
}

/// What stands between `&` and `;` means.
fn meant(entity: &[u8]) -> Option<char> {
    let Some(number) = entity.strip_prefix(b"#") else {
        return NAMED.iter().find(|(name, _)| *name == entity).map(|(_, sign)| char::from(*sign));
    };
    let (digits, radix) = match number {
        [b'x' | b'X', digits @ ..] => (digits, 16),
        digits => (digits, 10),
    };
    let digits = str::from_utf8(digits).ok().filter(|digits| !digits.starts_with('+'))?;
    char::from_u32(u32::from_str_radix(digits, radix).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entities_become_what_they_mean() {
        for (value, expected) in [
            ("a&amp;b&lt;c&gt;d&quot;e&apos;f", Some("a&b<c>d\"e'f")),
            ("a&#38;b&#x3C;c&#X3e;d&#0039;e", Some("a&b<c>d'e")),
            ("a&#252;b&#x20ac;", Some("a\u{fc}b\u{20ac}")),
            ("&amp;lt;", Some("&lt;")),
            ("a&&amp;&", Some("a&&&")),
            ("a&b;c&amp", None),
            ("&#;&#x;&#+3;&#xD800;&#99999999;", None),
            ("", None),
        ] {
            let plain = taken_off(value.as_bytes()).map(|plain| String::from_utf8(plain.to_vec()).unwrap());
            assert_eq!(plain.as_deref(), expected, "{value}");
        }
    }

    #[test]
    fn the_longest_entity_is_read() {
        assert!(taken_off(b"&#x00003c;").is_some() && taken_off(b"&#x000003c;").is_none());
    }
}
