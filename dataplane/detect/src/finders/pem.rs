//! PEM private keys: the whole block from `-----BEGIN` to the end of the `-----END` line, however its line ends are
//! written (real ones, `\n`, `\\n`, `\r\n`), with a hard end for blocks that never close.

use crate::bytes::{BASE64, ByteSet};
use crate::candidate::{Candidate, Candidates, rank};
use crate::finding::Confidence;
use crate::text::{MAX_SECRET_LEN, Span, TextView};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How far before `PRIVATE KEY` the `-----BEGIN` may stand.
const MAX_LABEL: usize = 40;
const BEGIN: &[u8] = b"-----BEGIN";
/// A body shorter than this is an example, not a key.
const MIN_BODY: usize = 24;
/// A line of base64 has at least so many characters.
const FIRST_LINE: usize = 16;
/// How far header fields are looked through.
const HEADER: usize = 160;
/// The tag of what all keys in DER are.
const SEQUENCE: u8 = 0x30;
/// The bit that every packet of an `OpenPGP` key begins with.
const PACKET: u8 = 0x80;
/// How `openssh-key-v1` begins under base64.
const OPENSSH: &[u8] = b"b3BlbnNzaC1rZXktdj";
/// Base64, line ends in every writing, header fields, quoting and indentation.
const BODY: ByteSet = BASE64.union(ByteSet::of(b"= \t\r\n\\\"',+|>#:.-_;$`[]()*%<&/")).with(b'a', b'z');

/// Remembers the last search for `-----END`, so that many beginnings before one end cost one search.
#[derive(Debug, Default)]
pub(crate) struct EndSearch {
    from: usize,
    to: usize,
    found: Option<usize>,
}

impl EndSearch {
    const MARK: &[u8] = b"-----END";

    /// The first mark at or behind `from`.
    fn next(&mut self, text: &[u8], from: usize) -> Option<usize> {
        let passed = self.found.is_some_and(|at| at < from);
        if from < self.from || from > self.to || passed {
            *self = EndSearch { from, to: from, found: None };
        }
        if self.found.is_none() && self.to < text.len() {
            let begin = self.to.saturating_sub(Self::MARK.len() - 1).max(from);
            self.found = memchr::memmem::find(&text[begin..], Self::MARK).map(|at| begin + at);
            self.to = self.found.unwrap_or(text.len());
        }
        self.found.filter(|at| at + Self::MARK.len() <= text.len())
    }
}

/// Looks for a block whose `PRIVATE KEY-----` ended at `end`.
pub(crate) fn find(
    (candidates, ends): (&mut Candidates, &mut EndSearch),
    view: TextView<'_>,
    rule: u16,
    end: usize,
) {
    let text = view.text;
    let from = end.saturating_sub(MAX_LABEL + 32);
    let Some(begin) = memchr::memmem::rfind(&text[from..end], BEGIN).map(|i| from + i) else {
        return;
    };
    let label = &text[begin + 10..end - 5];
    if !label.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b' ') {
        return;
    }
    // Inside a block that was found already; one pass over it is enough.
    if candidates
        .list
        .iter()
        .rev()
        .take(4)
        .any(|h| h.rule == rule && h.span.start >= candidates.fresh && begin < h.span.end)
    {
        return;
    }
    let limit = begin + MAX_SECRET_LEN;
    let window = &text[..text.len().min(limit)];
    let mark = ends.next(window, end);
    // A block that does not close ends where the next one begins: so no byte is read for more than one block.
    let next = memchr::memmem::find(&window[end..mark.unwrap_or(window.len())], BEGIN).map(|at| end + at);
    let (stop, closed) = match (next, mark) {
        (Some(at), _) => (at, false),
        (None, Some(at)) => (at, true),
        (None, None) if window.len() < limit && !view.last => return candidates.open(begin),
        (None, None) => (window.len(), false),
    };
    let run = candidates.runs.run(&BODY, &window[..stop], end, stop - end);
    let body_end = end + run;
    let finish = if closed && body_end == stop {
        let after = &text[stop + 8..];
        match memchr::memmem::find(&after[..after.len().min(MAX_LABEL + 8)], b"-----") {
            Some(at) => stop + 8 + at + 5,
            None if after.len() < MAX_LABEL + 8 && !view.last => return candidates.open(begin),
            None => stop + 8,
        }
    } else {
        end + last_line(&text[end..body_end])
    };
    let payload = text[end..finish].iter().filter(|b| BASE64.has(**b)).count();
    if payload < MIN_BODY {
        return;
    }
    let sure = closed && is_key(label, &text[end..finish]);
    let confidence = if sure { Confidence::High } else { Confidence::Medium };
    candidates.push(Candidate { span: Span::new(begin, finish), rule, rank: rank::BLOCK, confidence });
}

/// Whether the body begins as the label says: OpenSSH's own mark, a packet of `OpenPGP`, the tag of a DER sequence; of
/// a body that is encrypted in the old way, nothing can be said.
fn is_key(label: &[u8], body: &[u8]) -> bool {
    if memchr::memmem::find(&body[..body.len().min(HEADER)], b"ENCRYPTED").is_some() {
        return true;
    }
    let Some(first) = first_line(body) else { return false };
    if label.starts_with(b" OPENSSH") {
        return first.starts_with(OPENSSH);
    }
    match STANDARD.decode(&first[..4]) {
        Ok(bytes) if label.ends_with(b" BLOCK") => bytes[0] & PACKET != 0,
        Ok(bytes) => bytes[0] == SEQUENCE,
        Err(_) => false,
    }
}

/// The first long run of base64, without the letter of an escaped line end before it.
fn first_line(body: &[u8]) -> Option<&[u8]> {
    let mut at = 0;
    while at < body.len() {
        let run = BASE64.run(&body[at..], usize::MAX);
        let escape = usize::from(at > 0 && body[at - 1] == b'\\' && matches!(body[at], b'n' | b'r'));
        if run >= FIRST_LINE + escape {
            return Some(&body[at + escape..at + run]);
        }
        at += run.max(1);
    }
    None
}

/// Where the base64 lines of a block without an end stop: behind the last long run of base64.
fn last_line(body: &[u8]) -> usize {
    let mut at = 0;
    let mut end = 0;
    while at < body.len() {
        let run = BASE64.run(&body[at..], usize::MAX);
        if run >= 16 {
            end = at + run;
            while end < body.len() && body[end] == b'=' {
                end += 1;
            }
        }
        at += run.max(1);
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_must_begin_as_its_label_says() {
        let der = b"\nMIIEvQIBADANBgkqhkiG9w0BAQEF\n";
        assert!(is_key(b" PRIVATE KEY", der) && is_key(b" RSA PRIVATE KEY", der));
        assert!(
            is_key(b" PRIVATE KEY", b"\\nMC4CAQAwBQYDK2VwBCIEIJ+DYvh6"),
            "an escaped line end is no base64"
        );
        assert!(!is_key(b" PRIVATE KEY", b"\nQUJDREVGR0hJSktMTU5PUFFSU1RV\n"));
        assert!(!is_key(b" OPENSSH PRIVATE KEY", der));
        assert!(is_key(b" OPENSSH PRIVATE KEY", b"\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmU\n"));
        assert!(is_key(b" PGP PRIVATE KEY BLOCK", b"\nVersion: 1\n\nlQOYBF0q2VwBCACx5uJ8mZ3k\n"));
        assert!(!is_key(b" PGP PRIVATE KEY BLOCK", der));
        assert!(is_key(
            b" RSA PRIVATE KEY",
            b"\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nQUJDREVGR0hJSktMTU5P\n"
        ));
        assert!(!is_key(b" PRIVATE KEY", b"\n...\n"));
    }
}
