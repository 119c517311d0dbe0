//! Kubernetes Secrets: whatever its key is called, each value under `data` and `stringData` of a manifest of
//! `kind: Secret` is a secret, in YAML and in JSON, with the kind before the data or behind it.
//!
//! A manifest is longer than the left context, so it is read in one piece from its first telling key, at most
//! [`REACH`] bytes of it, and the scanner settles it as a whole.

mod flow;
mod lines;

use crate::assign::{TooShort, value};
use crate::byteset::BASE64;
use crate::dispute::Hit;
use crate::rule::Confidence;
use crate::rules::rank;
use crate::scanner::{Bench, View};
use crate::tail::Tail;

/// How many bytes of a manifest are read from its first telling key on.
pub(crate) const REACH: usize = 8 * 1024;

/// The keys of a Secret. Reading stops at any other: what has it is none, and a text full of first keys costs a few lines for
/// each.
const KEYS: [&[u8]; 7] = [b"apiVersion", b"kind", b"metadata", b"type", b"immutable", b"data", b"stringData"];

/// What was read of a manifest.
#[derive(Debug, Default)]
struct Manifest {
    secret: bool,
    values: Vec<Entry>,
    /// Where it ends, or where reading it stopped.
    end: usize,
}

/// One value and whether it stands under `data`, in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    start: usize,
    end: usize,
    encoded: bool,
}

impl Manifest {
    fn push(&mut self, start: usize, end: usize, encoded: bool) {
        if start < end {
            self.values.push(Entry { start, end, encoded });
        }
    }
}

/// Reads the manifest whose key `kind` or `apiVersion` is `text[start..end]`.
pub(crate) fn find(bench: &mut Bench, view: View<'_>, rule: u16, (start, end): (usize, usize)) {
    // Settled as a whole in an earlier window, or read once already, from an earlier key.
    if start < bench.fresh {
        return;
    }
    if bench.held.last().is_some_and(|(from, to)| *from <= start && start < *to) {
        return;
    }
    let limit = start + REACH;
    let cut =
        View { text: &view.text[..view.text.len().min(limit)], last: view.last || view.text.len() >= limit };
    let key = start + view.text[start..end].iter().take_while(|b| b.is_ascii_alphabetic()).count();
    // The engine tells keys in any case.
    if !matches!(&view.text[start..key], b"kind" | b"apiVersion") {
        return;
    }
    let quoted = start > 0
        && matches!(view.text[start - 1], b'"')
        && cut.text.get(key).is_some_and(|b| matches!(b, b'"' | b'\\'));
    let read = if quoted { flow::read(cut, start) } else { lines::read(cut, start) };
    let manifest = match read {
        Err(TooShort) => return bench.open(start),
        Ok(manifest) => manifest,
    };
    bench.runs.work += (manifest.end - start) as u64;
    if !manifest.secret {
        return;
    }
    bench.held.push((start, manifest.end));
    for entry in &manifest.values {
        if let Some(confidence) = judge(&view.text[entry.start..entry.end], entry.encoded) {
            let Entry { start, end, .. } = *entry;
            let tail = (end == limit && end < view.text.len()).then_some(Tail::Encoded);
            bench.hit(Hit { start, end, rule, rank: rank::PLACE, confidence }, tail);
        }
    }
}

/// Certificates and public keys, plain and under base64, are for everybody.
const PUBLIC: [&[u8]; 4] =
    [b"-----BEGIN CERT", b"LS0tLS1CRUdJTiBDRVJU", b"-----BEGIN PUBLIC", b"LS0tLS1CRUdJTiBQVUJMSUMg"];

fn judge(value: &[u8], encoded: bool) -> Option<Confidence> {
    if value.len() < 4 || PUBLIC.iter().any(|p| value.starts_with(p)) {
        return None;
    }
    if !encoded {
        return if value.contains(&b'\n') { Some(Confidence::Medium) } else { value::standing(value) };
    }
    // Folded over lines, in whatever writing.
    let base64 = value.iter().all(|b| BASE64.has(*b) || matches!(b, b'=' | b'\n' | b'\r' | b' ' | b'\\'));
    // Six characters hold four bytes.
    let long = value.iter().filter(|b| BASE64.has(**b)).count() >= 6 && !value.ends_with(b"Cg==");
    (base64 && long && !value::placeholder(value)).then_some(Confidence::Medium)
}
