//! How a value is spelled in a document inside a string.
//!
//! JSON leaves a choice: `/` or `\/`, `&` or `\u0026`, `é` or `\u00e9`. A file that somebody reads keeps what its writer
//! chose, and an edit of it must name the same bytes, be it of a part that alone is no document. So a value with escapes is
//! kept as it was spelled.

use zeroize::Zeroizing;

use crate::json::{escape_into, unescaped};

/// The spelling of `value`, which is `raw` in the body inside as many strings as `layer` says, and of how many strings it has
/// the escapes: of as few as there can be if the others are written as they would be here. `None` if it has none. Of the outer `base` strings, which whoever sends or
/// answers a request writes anew, the escapes do not count.
pub(crate) fn of(raw: &[u8], value: &[u8], layer: u8, base: u8) -> Option<(Zeroizing<Vec<u8>>, u8)> {
    if layer <= base || (raw.len() == value.len() && raw == value) {
        return None;
    }
    let mut text = without(raw, base);
    let outer = text.clone();
    // From the outermost string inwards: as long as the outer text would be written again, less of it is kept.
    let mut kept: Option<(Zeroizing<Vec<u8>>, u8)> = None;
    for depth in 0..layer - base {
        if depth > 0 {
            take_off(&mut text);
        }
        if written(&text, depth)[..] == outer[..] {
            kept = Some((text.clone(), layer - base - depth));
        }
    }
    kept.filter(|(text, _)| text[..] != *value)
}

/// The text that is `raw` inside so many strings.
pub(crate) fn without(raw: &[u8], layers: u8) -> Zeroizing<Vec<u8>> {
    let mut text = Zeroizing::new(raw.to_vec());
    for _ in 0..layers {
        take_off(&mut text);
    }
    text
}

fn take_off(text: &mut Zeroizing<Vec<u8>>) {
    if let Some(plain) = unescaped(text) {
        *text = Zeroizing::new(plain);
    }
}

fn written(text: &[u8], depth: u8) -> Zeroizing<Vec<u8>> {
    let mut written = Zeroizing::new(Vec::new());
    escape_into(text, depth, &mut written);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_escapes_is_kept() {
        for (raw, value, layer, base, expected) in [
            ("a", "a", 2, 1, None),
            (r"a\/b", "a/b", 1, 1, None),
            (r"a\/b", "a/b", 2, 1, None),
            (r"a\\/b", "a/b", 2, 1, Some((r"a\/b", 1))),
            (r"a\\/b", "a/b", 2, 2, None),
            (r"a\\\\\/b", "a/b", 3, 2, Some((r"a\/b", 1))),
            (r#"a\\\"b"#, "a\"b", 2, 1, Some((r#"a\"b"#, 1))),
            (r#"a\\\\\\\"b"#, "a\"b", 3, 1, Some((r#"a\"b"#, 1))),
            (r#"a\\\"b"#, "a\"b", 2, 2, None),
            (r#"a\\\"b\\u0026"#, "a\"b&", 2, 1, Some((r#"a\"b\u0026"#, 1))),
            (r"a\\\\b", r"a\b", 2, 1, Some((r"a\\b", 1))),
            (r"a\\u005cb", r"a\b", 2, 1, Some((r"a\u005cb", 1))),
            // The innermost of three strings writes `\/`, the one around it as it would be written here.
            (r"a\\\\/b", "a/b", 3, 1, Some((r"a\/b", 1))),
            // The one around it writes the backslash as a number.
            (r"a\\u005c/b", "a/b", 3, 1, Some((r"a\u005c/b", 2))),
        ] {
            let found = of(raw.as_bytes(), value.as_bytes(), layer, base);
            let found = found.as_ref().map(|(text, layers)| (std::str::from_utf8(text).unwrap(), *layers));
            assert_eq!(found, expected, "{raw}");
        }
    }
}
