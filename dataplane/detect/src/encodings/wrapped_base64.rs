//! Base64 folded over lines: runs that are lines of one encoded text, whatever their line ends are written like.

use super::base64_runs::ENCODED;
use crate::bytes::{BLANK, ByteSet, HEX};
use crate::text::{Span, TextView};

/// Shorter lines are not joined with what follows; encoders fold at 60 characters and more.
pub(crate) const MIN_LINE: usize = 40;
/// How far the next line may be indented.
const MAX_INDENT: usize = 32;
/// What is needed behind an encoded text to know that it ends: a line end, an indent and the shortest run.
const SIGHT: usize = 64;

/// What may stand behind a joined line.
const ENDS: ByteSet = ByteSet::of(b"\r\n\"'`<\\,;)]} ");

/// One encoded text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WrappedBase64 {
    /// Its first character.
    pub(crate) start: usize,
    /// Behind its last character.
    pub(crate) end: usize,
    /// Behind its padding.
    pub(crate) padded: usize,
    /// Whether its end would be the same however the text goes on.
    pub(crate) closed: bool,
}

/// Takes the next encoded text from `runs[*index..]` and writes its lines to `lines`.
///
/// A line at the very beginning of a text with `context` may have begun before it.
pub(crate) fn next(
    view: TextView<'_>,
    context: bool,
    runs: &[Span],
    index: &mut usize,
    lines: &mut Vec<Span>,
) -> Option<WrappedBase64> {
    let text = view.text;
    let Span { start, mut end } = *runs.get(*index)?;
    *index += 1;
    lines.clear();
    lines.push(Span::new(start, end));
    let mut long = end - start >= MIN_LINE || (start == 0 && context);
    while long {
        let Some(from) = separator(text, end) else { break };
        let known = runs.get(*index).filter(|run| run.contains(from));
        let to = known.map_or_else(|| from + ENCODED.run(&text[from..], usize::MAX), |run| run.end);
        // A line of words goes on no hex.
        let is_other = || is_hex(&text[start..end]) && !is_hex(&text[from..to]);
        if to == from || is_other() || text.get(padded(text, to)).is_some_and(|b| !ENDS.has(*b)) {
            break;
        }
        *index += usize::from(known.is_some());
        lines.push(Span::new(from, to));
        end = to;
        long = to - from >= MIN_LINE;
    }
    let padded = padded(text, end);
    Some(WrappedBase64 { start, end, padded, closed: view.last || padded + SIGHT <= text.len() })
}

fn is_hex(line: &[u8]) -> bool {
    line.iter().all(|byte| HEX.has(*byte))
}

fn padded(text: &[u8], end: usize) -> usize {
    end + text[end..].iter().take(2).take_while(|b| **b == b'=').count()
}

/// Where the next line begins when a line ends at `at`: behind a line end as it is, escaped, or escaped twice.
fn separator(text: &[u8], at: usize) -> Option<usize> {
    let rest = &text[at..];
    let line_end = match rest {
        [b'\n', ..] => 1,
        [b'\r' | b'\\', b'\n', ..] => 2,
        _ => escaped(rest, b'r').map_or_else(
            || escaped(rest, b'n'),
            |carriage| escaped(&rest[carriage..], b'n').map(|feed| carriage + feed),
        )?,
    };
    Some(at + line_end + BLANK.run(&rest[line_end..], MAX_INDENT))
}

/// The width of `\n` (for `letter` n) with one to three backslashes.
fn escaped(rest: &[u8], letter: u8) -> Option<usize> {
    let slashes = rest.iter().take(4).take_while(|b| **b == b'\\').count();
    ((1..=3).contains(&slashes) && rest.get(slashes) == Some(&letter)).then_some(slashes + 1)
}

#[cfg(test)]
mod tests {
    use super::super::alnum_runs::AlnumRuns;
    use super::super::base64_runs;
    use super::*;

    fn wrapped(text: &str) -> Vec<Vec<String>> {
        let mut runs = Vec::new();
        let mut masks = AlnumRuns::default();
        masks.fill(text.as_bytes(), None);
        base64_runs::find(text.as_bytes(), &masks, &mut runs);
        let (mut index, mut lines, mut all) = (0, Vec::new(), Vec::new());
        let view = TextView { text: text.as_bytes(), last: true };
        while next(view, false, &runs, &mut index, &mut lines).is_some() {
            all.push(lines.iter().map(|line| text[*line].to_owned()).collect());
        }
        all
    }

    #[test]
    fn lines_are_joined_over_every_line_end() {
        let (a, b) = ("QUJD".repeat(16), "REVG".repeat(16));
        for end in ["\n", "\r\n", "\n    ", "\\n", "\\r\\n", "\\\\n", "\\\n"] {
            let text = format!("x: {a}{end}{b}{end}R0hJ\" and more");
            assert_eq!(wrapped(&text), [vec![a.clone(), b.clone(), "R0hJ".to_owned()]], "{end:?}");
            let hex = "4f".repeat(22);
            assert_eq!(wrapped(&format!("x: {hex}{end}end and")), [[hex]], "{end:?}");
        }
    }

    #[test]
    fn what_is_no_line_is_not_joined() {
        let long = "QUJD".repeat(16);
        let short = "QUJD".repeat(5);
        assert_eq!(wrapped(&format!("{long}\nname: x")), [vec![long.clone()]]);
        assert_eq!(wrapped(&format!("{long}==\n{long}")).len(), 2);
        assert_eq!(wrapped(&format!("{short}\n{short}\n")).len(), 2);
        assert_eq!(wrapped(&format!("{long} {long}")).len(), 2);
    }

    #[test]
    fn an_end_that_may_still_move_is_not_closed() {
        let text = format!("{}{}", "QUJD".repeat(16), ".".repeat(SIGHT));
        for (length, closed) in [(text.len(), true), (text.len() - 1, false)] {
            let view = TextView { text: &text.as_bytes()[..length], last: false };
            let found = next(view, false, &[Span::new(0, 64)], &mut 0, &mut Vec::new()).unwrap();
            assert_eq!((found.end, found.closed), (64, closed));
        }
    }
}
