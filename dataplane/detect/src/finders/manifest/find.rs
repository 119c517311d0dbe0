//! Which values of a manifest are secrets.

use super::{flow, lines};
use crate::bytes::BASE64;
use crate::candidate::{Candidate, Candidates, Tail, rank};
use crate::finding::Confidence;
use crate::plausibility::value;
use crate::text::{Span, TextView, TooShort};

/// How many bytes of a manifest are read from its first telling key on.
pub(crate) const REACH: usize = 8 * 1024;

/// Reads the manifest whose key `kind` or `apiVersion` is `text[start..end]`.
pub(crate) fn find(candidates: &mut Candidates, view: TextView<'_>, rule: u16, Span { start, end }: Span) {
    // Settled as a whole in an earlier window, or read once already, from an earlier key.
    if start < candidates.fresh {
        return;
    }
    if candidates.atomic_spans.last().is_some_and(|span| span.contains(start)) {
        return;
    }
    let limit = start + REACH;
    let cut = TextView {
        text: &view.text[..view.text.len().min(limit)],
        last: view.last || view.text.len() >= limit,
    };
    let key = start + view.text[start..end].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    // The engine reports keys in any case.
    if !matches!(&view.text[start..key], b"kind" | b"apiVersion") {
        return;
    }
    let quoted = start > 0
        && matches!(view.text[start - 1], b'"')
        && cut.text.get(key).is_some_and(|b| matches!(b, b'"' | b'\\'));
    let read = if quoted { flow::read(cut, start) } else { lines::read(cut, start) };
    let manifest = match read {
        Err(TooShort) => return candidates.open(start),
        Ok(manifest) => manifest,
    };
    candidates.runs.work += (manifest.end - start) as u64;
    if !manifest.secret {
        return;
    }
    candidates.atomic_spans.push(Span::new(start, manifest.end));
    for entry in &manifest.values {
        if let Some(confidence) = classify(&view.text[entry.span], entry.encoded) {
            let span = entry.span;
            let tail = (span.end == limit && span.end < view.text.len()).then_some(Tail::Encoded);
            candidates.add(Candidate { span, rule, rank: rank::PLACE, confidence }, tail);
        }
    }
}

/// Certificates and public keys, plain and under base64, are for everybody.
const PUBLIC: [&[u8]; 4] =
    [b"-----BEGIN CERT", b"LS0tLS1CRUdJTiBDRVJU", b"-----BEGIN PUBLIC", b"LS0tLS1CRUdJTiBQVUJMSUMg"];

fn classify(value: &[u8], encoded: bool) -> Option<Confidence> {
    if value.len() < 4 || PUBLIC.iter().any(|p| value.starts_with(p)) {
        return None;
    }
    if !encoded {
        return if value.contains(&b'\n') {
            Some(Confidence::Medium)
        } else {
            value::confidence_among_settings(value)
        };
    }
    // Folded over lines, in whatever writing.
    let base64 = value.iter().all(|b| BASE64.has(*b) || matches!(b, b'=' | b'\n' | b'\r' | b' ' | b'\\'));
    // Six characters hold four bytes.
    let long = value.iter().filter(|b| BASE64.has(**b)).count() >= 6 && !value.ends_with(b"Cg==");
    (base64 && long && !value::is_placeholder(value)).then_some(Confidence::Medium)
}
