//! Leaves the tokens of this organisation out of what rules find, so that they are not hidden a second time.
//!
//! Rules know no keys: to them a token is a value like any other, and what merely looks like one must be hidden like
//! any other. Only the keyed check recognises a token that this gateway minted, or could have. What a rule found around
//! such a token (`password=AEGIS-SECRET-..hunter2`) is still hidden, piece by piece; the token stays.

use std::ops::Range;

use aegis_detect::{Finding, Part};

use crate::keyring::Keyring;
use crate::token::MAX_TOKEN_LEN;

/// A piece beside a token is left if fewer of its bytes than this are letters or digits: separators and short prefixes
/// say nothing, and rules that know a value's shape leave them beside it, too.
const MIN_PIECE: usize = 4;

/// Cuts tokens of `keyring` out of `findings` in `text`, which are sorted and disjoint, and stay so.
pub(crate) fn exclude(findings: &mut Vec<Finding>, text: &[u8], keyring: &Keyring) {
    let mut index = 0;
    while let Some(&finding) = findings.get(index) {
        let from = finding.span.start.saturating_sub(MAX_TOKEN_LEN - 1);
        let near = &text[from..text.len().min(finding.span.end + MAX_TOKEN_LEN - 1)];
        let mut tokens = keyring
            .tokens_in(near)
            .map(|token| token.start + from..token.end + from)
            .filter(|token| token.start < finding.span.end && finding.span.start < token.end)
            .peekable();
        if tokens.peek().is_none() {
            index += 1;
            continue;
        }
        let pieces = around(finding.span.start..finding.span.end, tokens)
            .filter(|piece| has_content(&text[piece.clone()]))
            .map(|piece| Finding { span: aegis_detect::Span::new(piece.start, piece.end), ..finding });
        // Collected, since a window has few findings with a token in them.
        let mut pieces: Vec<Finding> = pieces.collect();
        for piece in pieces.iter_mut().skip(1).filter(|piece| piece.part != Part::Whole) {
            piece.part = Part::Next;
        }
        findings.splice(index..=index, pieces.iter().copied());
        // The next line of a key opens it if nothing is left of the first.
        if pieces.is_empty()
            && matches!(finding.part, Part::First { .. })
            && let Some(next) = findings[index..].iter_mut().find(|next| next.part != Part::Whole)
            && next.part == Part::Next
        {
            next.part = finding.part;
        }
        index += pieces.len();
    }
}

/// What of `whole` lies before, between and behind the `tokens`, which are in order.
fn around(
    whole: Range<usize>,
    tokens: impl Iterator<Item = Range<usize>>,
) -> impl Iterator<Item = Range<usize>> {
    let end = whole.end;
    tokens.chain(std::iter::once(end..end)).scan(whole.start, move |at, token| {
        let start = (*at).min(end);
        let piece = start..token.start.clamp(start, end);
        *at = token.end;
        Some(piece)
    })
}

fn has_content(piece: &[u8]) -> bool {
    piece.iter().filter(|byte| byte.is_ascii_alphanumeric() || !byte.is_ascii()).count() >= MIN_PIECE
}

#[cfg(test)]
mod tests {
    use aegis_detect::{Category, Confidence, RuleIndex, Span};

    use super::*;

    /// What is left of the finding at `found` in `text`.
    fn left(text: &str, found: Range<usize>) -> Vec<&str> {
        let finding = |range: Range<usize>| {
            Finding::whole(RuleIndex(0), Span::new(range.start, range.end), Confidence::High)
        };
        let mut findings = vec![finding(found)];
        exclude(&mut findings, text.as_bytes(), &keyring());
        findings.iter().map(|finding| &text[finding.span.range()]).collect()
    }

    fn keyring() -> Keyring {
        Keyring::new(&[1; 32], "acme", 0, &[]).unwrap()
    }

    #[test]
    fn every_part_of_a_token_is_left() {
        let token = keyring().mint(Category::Secret, b"x");
        for text in [format!("a={token}, b"), format!("a={}, b", token.as_str().to_lowercase())] {
            let (start, end) = (2, 2 + token.as_bytes().len());
            for from in start..end {
                for to in from + 1..=end {
                    assert!(left(&text, from..to).is_empty(), "{from}..{to}");
                }
            }
            assert!(left(&text, start - 1..end + 1).is_empty(), "separators say nothing");
        }
    }

    #[test]
    fn what_is_glued_to_a_token_is_found_and_the_token_is_not() {
        let token = keyring().mint(Category::Key, b"x");
        let text = format!("abcd{token}efg{token}-hunter2");
        assert_eq!(left(&text, 0..text.len()), ["abcd", "-hunter2"]);
        assert_eq!(left(&text, 20..text.len() - 1), ["-hunter"], "a finding that begins inside");
    }

    #[test]
    fn a_key_whose_first_line_is_a_token_is_opened_by_the_next() {
        let token = keyring().mint(Category::Pkey, b"x");
        let text = format!("{token}\n{token}\nq1W2e3R4t5Y6u7I8");
        let line = |start, end, part| Finding {
            part,
            ..Finding::whole(RuleIndex(0), Span::new(start, end), Confidence::High)
        };
        let len = token.as_bytes().len();
        let first = Part::First { lead: 9 };
        let mut findings = vec![
            line(0, len, first),
            line(len + 1, 2 * len + 1, Part::Next),
            line(2 * len + 2, text.len(), Part::Next),
        ];
        exclude(&mut findings, text.as_bytes(), &keyring());
        assert_eq!(findings, [line(2 * len + 2, text.len(), first)]);
    }

    #[test]
    fn forged_and_foreign_words_are_values() {
        let foreign = Keyring::new(&[1; 32], "other", 0, &[]).unwrap().mint(Category::Secret, b"x");
        for word in [foreign.as_str(), "AEGIS-hunter2Qx9", "AEGIS-KEY-AKIAQ3EGV7ZKLM2XTN4D", "aegis-"] {
            assert_eq!(left(word, 0..word.len()), [word]);
        }
    }
}
