//! What a tool puts before each line of what it lists: numbers and gutters, signs of diffs, quote marks, paths, times.
//!
//! No list of such prefixes is complete. But a prefix is the same from line to line, numbers aside, and ends with a
//! mark: so the prefix of a line is what it has in common with the line below, else with the one above.

use super::lines;
use crate::bytes::{ALNUM, BLANK, ByteSet, DIGIT, WORD};
use crate::text::Span;

/// The longest prefix, in bytes.
const MAX_PREFIX: usize = 96;
/// How far away the ends of a line are looked for.
const MAX_LINE: usize = 512;
/// So many numbers are a time, and words may follow it.
const TIME: usize = 3;
/// So many bytes at the most close a name before the end of its line: `"`, `",`, `: |`.
const MAX_CLOSING: usize = 12;
/// How far a name is followed to each side of its keyword.
const MAX_NAME: usize = 64;

/// ASCII that a prefix may end with.
const MARK: ByteSet = ByteSet::of(b":|)>]#/*;-+");
/// What a name is read as, and what runs into it from a prefix.
const NAME: ByteSet = WORD.union(ByteSet::of(b".-"));
/// What closes a name whose value stands on another line.
const CLOSING: ByteSet = ByteSet::of(b"\"',:|[{(>- \t\r");

/// Whether what stands around a keyword in its line may be more, or else, than the line says: the line ends with the
/// name, or a prefix runs into the name.
pub(crate) fn is_worth_a_look(text: &[u8], keyword: Span) -> bool {
    (ends_line(&text[keyword.end..])
        || ends_cell(&text[keyword.end..])
        || begins_with_sign(text, keyword.start))
        && lines::line_start(text, keyword.start, keyword.start.saturating_sub(MAX_LINE))
            .is_some_and(|start| may_have_prefix(text, start, keyword.start) && prefix(text, start, 0) > 0)
}

/// Whether something that prefixes are made of stands before a keyword in its line; blanks are one only in a diff, where
/// a line beside has a sign.
fn may_have_prefix(text: &[u8], start: usize, keyword: usize) -> bool {
    let head = &text[start..keyword];
    if head.iter().any(|byte| MARK.has(*byte) || DIGIT.has(*byte) || !byte.is_ascii() || *byte == b'\\') {
        return true;
    }
    let is_written = start > 0 && text[start - 1] != b'\n';
    let is_sign = |at: usize| matches!(text.get(at), Some(b'+' | b'-'));
    let below = || memchr::memchr(b'\n', &text[keyword..text.len().min(keyword + MAX_LINE)]);
    let above = || {
        let end = start.saturating_sub(1);
        let floor = end.saturating_sub(MAX_LINE);
        memchr::memrchr(b'\n', &text[floor..end]).map_or(floor, |at| floor + at + 1)
    };
    is_written
        || head.first() == Some(&b' ')
            && (below().is_some_and(|at| is_sign(keyword + at + 1)) || is_sign(above()))
}

/// Whether the line ends with the name that goes on here, but for what closes it.
fn ends_line(rest: &[u8]) -> bool {
    let behind = &rest[NAME.run(rest, MAX_NAME)..];
    let closing = CLOSING.run(behind, MAX_CLOSING);
    match &behind[closing..] {
        [b'\n', ..] => true,
        [b'<', b'/', ..] => closing == 0,
        [b'\\', ..] => {
            let slashes =
                behind[closing..].iter().take(MAX_CLOSING).take_while(|byte| **byte == b'\\').count();
            match &behind[closing + slashes..] {
                [b'n' | b'r', ..] => true,
                [b'"', more @ ..] => {
                    let closing = CLOSING.run(more, MAX_CLOSING);
                    more[closing..].first() == Some(&b'\\')
                }
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether the name that goes on here is followed by what stands between the cells of a table.
fn ends_cell(rest: &[u8]) -> bool {
    let behind = &rest[NAME.run(rest, MAX_NAME)..];
    match behind {
        [b' ', b' ' | b'|' | 0xe2, ..] | [b'|' | b'\t' | b';', ..] => true,
        [b',', next, ..] => !BLANK.has(*next),
        _ => false,
    }
}

/// Whether the sign of a diff stands right before the word of a keyword, or the number of a line and a dash do.
fn begins_with_sign(text: &[u8], keyword: usize) -> bool {
    let start = keyword - NAME.run_back(&text[..keyword], MAX_NAME);
    let is_written = text[..start].last() == Some(&b'\\') && text[start] == b'n' && start < keyword;
    let word = &text[start + usize::from(is_written)..keyword];
    word.first() == Some(&b'-')
        || text[..start].last() == Some(&b'+')
        || word.windows(2).any(|pair| DIGIT.has(pair[0]) && pair[1] == b'-')
}

/// The length of what a tool put before the line that begins at `start`. Nothing before `floor` is looked at.
pub(crate) fn prefix(text: &[u8], start: usize, floor: usize) -> usize {
    let line = &text[start..];
    let ahead = next_line(text, start).map_or(0, |next| common(line, &text[next..]));
    if ahead > 0 {
        return ahead;
    }
    let above = lines::before_line_end(text, start);
    if above == start || above <= floor {
        return 0;
    }
    let above = lines::line_start(text, above, floor.max(start.saturating_sub(MAX_LINE)));
    above.map_or(0, |above| {
        let begins_hunk = text[above..].starts_with(b"@@ -") && matches!(line.first(), Some(b'+' | b'-'));
        if begins_hunk { 1 } else { common(line, &text[above..]) }
    })
}

/// Where the line behind the one that begins at `start` begins.
pub(crate) fn next_line(text: &[u8], start: usize) -> Option<usize> {
    let near = &text[start..text.len().min(start + MAX_LINE)];
    let end = memchr::memchr2_iter(b'\n', b'\\', near).find_map(|at| match near[at..] {
        [b'\n', ..] => Some(at + 1),
        [_, b'n', ..] => Some(at + 2),
        _ => None,
    })?;
    (start + end < text.len()).then_some(start + end)
}

/// How much of a line is a prefix that the other line has, too.
fn common(line: &[u8], other: &[u8]) -> usize {
    let line = &line[..line.len().min(MAX_PREFIX)];
    let is_sign = |line: &[u8]| matches!(line.first(), Some(b'+' | b'-' | b' '));
    let (mut at, mut there, mut end, mut numbers) = (0, 0, 0, 0);
    if is_sign(line) && is_sign(other) && (line[0] != b' ' || other[0] != b' ') {
        (at, there, end) = (1, 1, 1);
    }
    // Where the last word behind a time ends.
    let mut words = 0;
    loop {
        if let (Some(here), Some(over)) = (number(line, at), number(other, there)) {
            (at, there) = (here, over);
            numbers += 1;
            // `12:47.959Z`
            let zone = usize::from(
                numbers >= TIME && line.get(at) == Some(&b'Z') && other.get(there) == Some(&b'Z'),
            );
            (at, there) = (at + zone, there + zone);
            if line.get(at).is_some_and(|byte| !ALNUM.has(*byte)) {
                end = at;
            }
            continue;
        }
        let (Some(byte), Some(same)) = (line.get(at), other.get(there)) else { break };
        if byte != same || *byte == b'\n' {
            break;
        }
        (at, there) = (at + 1, there + 1);
        let is_blank = BLANK.has(*byte);
        // One blank behind a mark is no indentation yet.
        let last = at - usize::from(is_blank) - 2 * usize::from(ends_written_tab(&line[..at]));
        let behind_mark = last < at && end > 0 && end == last && !ends_with_blank(&line[..last]);
        if MARK.has(*byte) || is_drawn(&line[..at]) || behind_mark {
            end = at;
        } else if is_blank && numbers >= TIME && line[..at - 1].last().is_some_and(|last| ALNUM.has(*last)) {
            words = at;
        }
    }
    // Indentation behind a time is the line's own.
    if words > end && line.get(end).is_some_and(|byte| ALNUM.has(*byte)) { words } else { end }
}

/// Where the number ends that stands at `at`, behind blanks.
fn number(line: &[u8], at: usize) -> Option<usize> {
    let rest = line.get(at..)?;
    let blanks = rest.iter().take_while(|byte| **byte == b' ').count();
    let digits = DIGIT.run(&rest[blanks..], MAX_PREFIX);
    (digits > 0).then_some(at + blanks + digits)
}

/// Whether the text ends with a sign beyond ASCII: a gutter, an arrow, a blank of no width.
fn is_drawn(text: &[u8]) -> bool {
    matches!(text, [.., 0xe2, 0x80..=0xbf, 0x80..=0xbf] | [.., 0xc2, 0x80..=0xbf] | [.., 0xef, 0xbb, 0xbf])
}

/// Whether the text ends with `\t`.
fn ends_written_tab(text: &[u8]) -> bool {
    text.ends_with(b"\\t")
}

fn ends_with_blank(text: &[u8]) -> bool {
    text.last().is_some_and(|last| BLANK.has(*last))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> &str {
        &text[..prefix(text.as_bytes(), 0, 0)]
    }

    #[test]
    fn a_prefix_is_what_lines_have_in_common_up_to_a_mark() {
        for (text, expected) in [
            ("     9\t- name: A\n    10\t  value: b\n", "     9\t"),
            ("  9\u{2192}  name: A\n 10\u{2192}  value: b\n", "  9\u{2192} "),
            ("  41 | - name: A\n  42 |   value: b\n", "  41 | "),
            ("41:  key:\n42:    b\n", "41: "),
            ("41) key:\n42) b\n", "41) "),
            ("a/b.env:9:  key:\na/b.env:10:    b\n", "a/b.env:9: "),
            ("a/b.env-9-X_KEY=\na/b.env-10-Y=\n", "a/b.env-9-"),
            ("+  key:\n+    b\n", "+ "),
            ("+key:\n b\n", "+"),
            ("> key:\n>   b\n", "> "),
            ("\u{2502} key:\n\u{2502}   b\n", "\u{2502} "),
            ("\u{200b}key:\n\u{200b}  b\n", "\u{200b}"),
            ("2026-11-30T10:12:47.959Z key:\n2026-11-30T10:12:48.001Z   b\n", "2026-11-30T10:12:47.959Z "),
            (
                "2026-11-30 10:12:47,959 INFO a.b key:\n2026-11-30 10:12:47,960 INFO a.b   b\n",
                "2026-11-30 10:12:47,959 INFO a.b ",
            ),
            (
                "Nov 30 10:12:07 web-2 app[22]: key:\nNov 30 10:12:08 web-2 app[22]:   b\n",
                "Nov 30 10:12:07 web-2 app[22]: ",
            ),
            ("api-1  | key:\napi-1  |   b\n", "api-1  | "),
            ("[pod/a-7/b] key:\n[pod/a-7/b]   b\n", "[pod/a-7/b] "),
            ("# key:\n#   b\n", "# "),
            ("9\\tkey:\\n10\\t  b\\n", "9\\t"),
        ] {
            assert_eq!(of(text), expected, "{text:?}");
        }
    }

    #[test]
    fn content_is_no_prefix() {
        for text in [
            "DB_USER=a\nDB_PASSWORD=b\n",
            "    name: a\n    value: b\n",
            "\"name\": 1,\n\"value\": 2\n",
            "key:\n  b\n",
            "key:",
        ] {
            assert_eq!(of(text), "", "{text:?}");
        }
    }

    #[test]
    fn the_line_above_tells_the_prefix_of_the_last() {
        let text = b"41: a\n42: b";
        assert_eq!((prefix(text, 6, 0), prefix(text, 6, 1)), (4, 0));
        assert_eq!(prefix(b"@@ -1 +1 @@\n-mysql\n", 12, 0), 1);
    }

    #[test]
    fn names_at_the_end_of_a_line_and_behind_a_sign_are_worth_a_look() {
        for (text, expected) in [
            ("1\t\"name\": \"A_KEY\",\n2\t\"value\"", true),
            ("1\\t\\\"name\\\": \\\"A_KEY\\\",\\n2\\t\\\"value", true),
            ("1\t<key>KEY</key>\n2\t<string>", true),
            ("1: KEY:\n2:   x", true),
            ("+A_KEY=b\n+B=c", true),
            ("-KEY=b\n+B=c", true),
            ("a.b-4-KEY=b\na.b-5-B=c", true),
            ("1: KEY=b\n2: B=c", false),
            ("\"name\": \"A_KEY\",\n\"value\"", false),
        ] {
            let at = text.find("KEY").unwrap();
            assert_eq!(is_worth_a_look(text.as_bytes(), Span::new(at, at + 3)), expected, "{text:?}");
        }
    }
}
