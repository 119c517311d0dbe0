//! Writing JSON by hand: the real providers' key order and spacing matter to what sits between, and a
//! serializer would sort and normalise them.

use super::scenario::Escape;
use std::fmt::Write as _;

/// `text` as a JSON string, quotes included, escaped as asked.
pub fn quote(text: &str, escape: Escape) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match (c, escape) {
            (_, Escape::All) => push_units(&mut out, c),
            (c, Escape::Ascii) if !c.is_ascii() => push_units(&mut out, c),
            ('"', _) => out.push_str("\\\""),
            ('\\', _) => out.push_str("\\\\"),
            ('\n', _) => out.push_str("\\n"),
            ('\r', _) => out.push_str("\\r"),
            ('\t', _) => out.push_str("\\t"),
            (c, _) if u32::from(c) < 0x20 => push_units(&mut out, c),
            (c, _) => out.push(c),
        }
    }
    out.push('"');
    out
}

fn push_units(out: &mut String, c: char) {
    let mut units = [0u16; 2];
    for unit in c.encode_utf16(&mut units) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// Cuts `text` into pieces of `size` characters (at least one piece, which may be empty).
pub fn pieces(text: &str, size: usize) -> Vec<&str> {
    let mut out = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.char_indices().nth(size.max(1)).map_or(rest.len(), |(at, _)| at);
        let (head, tail) = rest.split_at(end);
        out.push(head);
        rest = tail;
    }
    if out.is_empty() {
        out.push("");
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_escaping_reads_back_as_the_same_text() {
        let text = "a\"b\\c\nd\te\u{1}f\u{e9}\u{1f511}/<";
        for escape in [Escape::Minimal, Escape::Ascii, Escape::All] {
            let quoted = quote(text, escape);
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text, "{escape:?}");
        }
        assert!(quote(text, Escape::Ascii).is_ascii());
        assert_eq!(quote("ab", Escape::All), "\"\\u0061\\u0062\"");
    }

    #[test]
    fn pieces_cut_by_characters_and_join_to_the_whole() {
        assert_eq!(pieces("\u{e9}a\u{1f511}b", 3), ["\u{e9}a\u{1f511}", "b"]);
        assert_eq!(pieces("", 3), [""]);
    }
}
