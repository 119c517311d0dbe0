//! The lines of a YAML manifest. Line ends count in every writing, so that a manifest inside a JSON string is one too.

use super::document::{KEYS, Manifest};
use crate::bytes::BLANK;
use crate::text::{Span, TextView, TooShort};

/// How far left of its first key a line may begin.
const MAX_INDENT: usize = 64;

/// How many lines of a template may stand between the keys.
const MAX_STRANGE: usize = 8;

/// A line: how deep it is indented, and its content without the blanks at its end.
#[derive(Debug, Clone, Copy)]
struct ManifestLine {
    indent: usize,
    start: usize,
    end: usize,
    /// Where the next line begins.
    next: usize,
}

/// Reads the manifest whose first telling key stands at `start`.
pub(super) fn read(view: TextView<'_>, start: usize) -> Result<Manifest, TooShort> {
    let mut manifest = Manifest { end: start, ..Manifest::default() };
    let mut base = indent_of(view.text, start);
    let mut section = None;
    let (mut kinds, mut versions, mut strange) = (0, 0, 0);
    let mut line = Some(ManifestLine { indent: base, ..line_at(view, start)? });
    while let Some(current) = line {
        let text = &view.text[current.start..current.end];
        let comment = text.is_empty() || text[0] == b'#';
        // The first key has a plain value: what follows stands as deep as it, in whatever depth that is written.
        if !comment && kinds + versions == 1 && section.is_none() && current.indent > base {
            base = current.indent;
        }
        if !comment && (current.indent < base || is_end_mark(text)) {
            break;
        }
        manifest.end = current.end;
        if comment {
        } else if current.indent == base {
            let (key, value) = pair(text);
            strange += usize::from(is_template(text));
            if strange > MAX_STRANGE || !(is_template(text) || KEYS.contains(&key)) {
                break;
            }
            match key {
                b"kind" => {
                    kinds += 1;
                    manifest.secret |= value.eq_ignore_ascii_case(b"secret");
                }
                b"apiVersion" => versions += 1,
                _ => {}
            }
            if kinds > 1 || versions > 1 {
                break;
            }
            section = match key {
                b"data" => Some(true),
                b"stringData" => Some(false),
                _ => None,
            };
        } else if let Some(encoded) = section {
            let behind = entry(view, current, encoded, &mut manifest)?;
            line = follow(view, behind)?;
            continue;
        }
        line = follow(view, current)?;
    }
    Ok(manifest)
}

/// Whether a line is of a template rather than of the manifest: `{{- if .Values.secret }}`.
fn is_template(text: &[u8]) -> bool {
    text.starts_with(b"{{") || text.starts_with(b"{%")
}

/// Marks between documents, and the end of a fenced block.
fn is_end_mark(text: &[u8]) -> bool {
    text.starts_with(b"---") || text == b"..." || text.starts_with(b"```") || text.starts_with(b"EOF")
}

fn follow(view: TextView<'_>, line: ManifestLine) -> Result<Option<ManifestLine>, TooShort> {
    if line.next >= view.text.len() && view.last { Ok(None) } else { line_at(view, line.next).map(Some) }
}

/// Takes the value of an entry, over several lines where it is a block; the last line of it.
fn entry(
    view: TextView<'_>,
    line: ManifestLine,
    encoded: bool,
    manifest: &mut Manifest,
) -> Result<ManifestLine, TooShort> {
    let text = &view.text[line.start..line.end];
    let Some(colon) = memchr::memchr(b':', text) else { return Ok(line) };
    let (_, value) = pair(text);
    if !matches!(value.first(), Some(b'|' | b'>')) {
        if !value.is_empty() {
            let from = line.start + colon + 1;
            let at = from + memchr::memmem::find(&view.text[from..line.end], value).unwrap_or(0);
            manifest.push(Span::new(at, at + value.len()), encoded);
        }
        return Ok(line);
    }
    let mut last = line;
    let mut span = None;
    while let Some(next) = follow(view, last)? {
        if next.start < next.end && next.indent <= line.indent {
            break;
        }
        if next.start < next.end {
            span = Some((span.map_or(next.start, |(from, _)| from), next.end));
            manifest.end = next.end;
        }
        last = next;
    }
    if let Some((from, to)) = span {
        manifest.push(Span::new(from, to), encoded);
    }
    Ok(last)
}

/// Key and value of a line, without quotes and comments.
fn pair(text: &[u8]) -> (&[u8], &[u8]) {
    let Some(colon) = memchr::memchr(b':', text) else { return (text, b"") };
    let value = text[colon + 1..].trim_ascii();
    let quote = |b: &u8| matches!(b, b'"' | b'\'' | b'\\');
    let lead = value.iter().take_while(|b| quote(b)).count();
    if lead > 0 {
        let inner = &value[lead..];
        let end = inner.iter().position(|b| matches!(b, b'"' | b'\'')).unwrap_or(inner.len());
        let end = inner[..end].iter().rposition(|b| *b != b'\\').map_or(0, |i| i + 1);
        return (text[..colon].trim_ascii(), &inner[..end]);
    }
    let end = memchr::memmem::find(value, b" #").unwrap_or(value.len());
    (text[..colon].trim_ascii(), value[..end].trim_ascii())
}

/// The indentation of the line whose first key stands at `start`; none when something else stands before it.
fn indent_of(text: &[u8], start: usize) -> usize {
    let before = &text[start.saturating_sub(MAX_INDENT)..start];
    let blanks = before.iter().rev().take_while(|b| BLANK.has(**b)).count();
    let rest = &before[..before.len() - blanks];
    match rest {
        [] | [.., b'\n' | b'\r' | b'"' | b'`'] | [.., b'\\', b'n' | b'r'] => blanks,
        // `- apiVersion: v1`: an item of a list is as deep as its first key.
        [head @ .., b'-'] if blanks > 0 => {
            let outer = head.iter().rev().take_while(|b| BLANK.has(**b)).count();
            outer + 1 + blanks
        }
        _ => 0,
    }
}

/// The line that begins at `at`.
fn line_at(view: TextView<'_>, at: usize) -> Result<ManifestLine, TooShort> {
    let text = view.text;
    let (mut start, mut indent) = (at, 0);
    loop {
        match &text[start.min(text.len())..] {
            [b' ' | b'\t', ..] => start += 1,
            [b'\\', b't', ..] => start += 2,
            _ => break,
        }
        indent += 1;
    }
    let start = start.min(text.len());
    let mut end = start;
    let next = loop {
        let Some(step) = memchr::memchr2(b'\n', b'\\', &text[end..]) else {
            if !view.last {
                return Err(TooShort);
            }
            end = text.len();
            break end;
        };
        end += step;
        if text[end] == b'\n' {
            break end + 1;
        }
        let run = text[end..].iter().take_while(|b| **b == b'\\').count();
        match text.get(end + run) {
            None if !view.last => return Err(TooShort),
            // The end of the string around the text.
            Some(b'n' | b'r') => break end + run + 1,
            _ => end += run,
        }
    };
    let end = start + text[start..end].trim_ascii_end().len();
    Ok(ManifestLine { indent, start, end, next })
}
