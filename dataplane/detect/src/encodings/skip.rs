//! Encoded text that need not be searched as it is.
//!
//! A token is random: if it stood in a piece that decodes to text from end to end, its own characters would decode to
//! noise there, all but never to text. So the engine, which is slower on base64 than on what it holds, reads only the
//! ends of such a piece, and the places where a token can begin that is itself the encoding of a text. Nothing may be
//! left out for any other reason.

use crate::bytes::ALNUM;
use crate::text::Span;
use memchr::memmem;

/// So much at either end of a piece is searched all the same, in bytes: more than names and fixed beginnings take up.
const EDGE: usize = 128;
/// Less is not worth a second call of the engine.
const WORTH: usize = 256;
/// How tokens begin that are the encoding of a text: of JSON.
const OPENER: &[u8] = b"eyJ";

/// Adds the inside of a piece, which holds the given lines of encoded text, to `skip`.
pub(crate) fn note(text: &[u8], lines: &[Span], Span { start, end }: Span, skip: &mut Vec<Span>) {
    let mut from = start + EDGE;
    let mut add = |from: usize, to: usize| {
        if from + WORTH <= to {
            skip.push(Span::new(from, to));
        }
    };
    for at in memmem::find_iter(&text[start..end], OPENER).map(|at| start + at) {
        let goes_on = at.checked_sub(1).is_some_and(|before| ALNUM.has(text[before]));
        if !goes_on || lines.binary_search_by_key(&at, |line| line.start).is_ok() {
            add(from, at.saturating_sub(EDGE));
            from = at + EDGE;
        }
    }
    add(from, end.saturating_sub(EDGE));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(text: &str, lines: &[(usize, usize)]) -> Vec<(usize, usize)> {
        let lines: Vec<Span> = lines.iter().map(|(start, end)| Span::new(*start, *end)).collect();
        let mut skip = Vec::new();
        note(text.as_bytes(), &lines, Span::new(0, text.len()), &mut skip);
        skip.iter().map(|part| (part.start, part.end)).collect()
    }

    #[test]
    fn the_inside_of_a_piece_is_skipped_where_that_is_worth_it() {
        for (length, expected) in
            [(2 * EDGE + WORTH, vec![(EDGE, EDGE + WORTH)]), (2 * EDGE + WORTH - 1, vec![]), (10, vec![])]
        {
            let text = "U".repeat(length);
            assert_eq!(skipped(&text, &[(0, length)]), expected, "{length}");
        }
    }

    #[test]
    fn where_a_token_that_encodes_text_can_begin_is_searched() {
        let text = format!("{}eyJ{}", "U".repeat(1000), "V".repeat(1000));
        assert_eq!(skipped(&text, &[(0, 2003)]), [(EDGE, 2003 - EDGE)]);
        let lines = [(0, 1000), (1000, 2003)];
        assert_eq!(skipped(&text, &lines), [(EDGE, 1000 - EDGE), (1000 + EDGE, 2003 - EDGE)]);
        let text = text.replace('e', "/e");
        assert_eq!(skipped(&text, &[(0, 2004)]), [(EDGE, 1001 - EDGE), (1001 + EDGE, 2004 - EDGE)]);
    }
}
