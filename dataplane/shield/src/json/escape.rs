//! Writes a value so that it can stand inside JSON strings, one layer deep or several.

/// Layers that [`escape_into`] serves; the backslashes of one quote double with each.
pub const MAX_ESCAPE_DEPTH: u8 = 12;

/// Appends `value` to `out`, escaped for `depth` string layers: 0 leaves it as it is, 1 makes it the content of
/// a JSON string, 2 that of a JSON string inside a JSON string. Bytes beyond ASCII are not escaped. A depth
/// beyond [`MAX_ESCAPE_DEPTH`] counts as that.
///
/// At depth `d` a backslash becomes `2^d` of them, a quote has `2^d - 1` before it, and a control character
/// `2^(d-1)`.
pub fn escape_into(value: &[u8], depth: u8, out: &mut Vec<u8>) {
    if depth == 0 {
        out.extend_from_slice(value);
        return;
    }
    let doubled = 1usize << depth.min(MAX_ESCAPE_DEPTH);
    let mut rest = value;
    while let Some(at) = rest.iter().position(|&byte| super::find::is_special(byte)) {
        out.extend_from_slice(&rest[..at]);
        match rest[at] {
            b'\\' => backslashes(doubled, out),
            b'"' => {
                backslashes(doubled - 1, out);
                out.push(b'"');
            }
            control => {
                backslashes(doubled / 2, out);
                escape_control(control, out);
            }
        }
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
}

/// Layers that [`quote_layers`] tells from one another.
pub(crate) const MAX_QUOTE_LAYERS: u8 = 4;

/// In how many string layers a quote stands that has so many backslashes before it, with the string that it begins or ends;
/// `None` if in none or in too many.
pub(crate) fn quote_layers(backslashes: usize) -> Option<u8> {
    // An even number are backslashes of the content.
    let before_quote = if backslashes.is_multiple_of(2) { 0 } else { backslashes };
    (1..=MAX_QUOTE_LAYERS).find(|layers| (1usize << (layers - 1)) - 1 == before_quote)
}

fn backslashes(count: usize, out: &mut Vec<u8>) {
    out.resize(out.len() + count, b'\\');
}

/// What follows the backslash of an escaped control character.
fn escape_control(control: u8, out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    match control {
        b'\n' => out.push(b'n'),
        b'\r' => out.push(b'r'),
        b'\t' => out.push(b't'),
        0x08 => out.push(b'b'),
        0x0C => out.push(b'f'),
        _ => {
            let digits = [HEX[usize::from(control >> 4)], HEX[usize::from(control & 15)]];
            out.extend_from_slice(b"u00");
            out.extend_from_slice(&digits);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` read as the content of a JSON string, `depth` times.
    fn unescape(mut text: String, depth: u8) -> String {
        for _ in 0..depth {
            text = serde_json::from_str(&format!("\"{text}\"")).unwrap();
        }
        text
    }

    #[test]
    fn every_ascii_character_survives_every_depth() {
        let all: String = (0u8..128).map(char::from).chain("\u{e9}\u{1F600}".chars()).collect();
        for depth in 0..=MAX_ESCAPE_DEPTH {
            let mut out = Vec::new();
            escape_into(all.as_bytes(), depth, &mut out);
            assert_eq!(unescape(String::from_utf8(out).unwrap(), depth), all, "depth {depth}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let (mut limit, mut beyond) = (Vec::new(), Vec::new());
        escape_into(b"\"", MAX_ESCAPE_DEPTH, &mut limit);
        escape_into(b"\"", MAX_ESCAPE_DEPTH + 1, &mut beyond);
        assert_eq!(limit, beyond);
        assert_eq!(limit.len(), 1 << MAX_ESCAPE_DEPTH);
    }
}
