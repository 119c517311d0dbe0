//! Working memory of one thread, shared by all its requests.

use std::sync::Arc;

use aegis_detect::{
    Confidence, DecodedValue, Evidence, Finding, LOOKAHEAD, Part, Resume, RuleError, Rules, Scanner,
    SearchValues, Span, Window, WindowMarks,
};
use zeroize::{Zeroize, Zeroizing};

use crate::json::escape_into;
use crate::keyring::Keyring;
use crate::request::refusal::Refusal;
use crate::request::scan::part_boundary::{BoundaryWindow, PartBoundaries};
use crate::request::scan::secret_parts::SecretParts;
use crate::request::scan::view::DecodedView;
use crate::request::scan::{form_fields, own_tokens};
use crate::request::splice::Splice;
use crate::shield::Shield;

/// What stands between fields that are scanned as one text: it ends every value, and no line of settings is like it.
const BETWEEN_FIELDS: &[u8] = b"\n)\n";
/// The longest value of a part that is looked at as a whole, in bytes: no more than is always in sight.
const MAX_VALUE: usize = LOOKAHEAD;
/// So many bytes before what was found may belong to the value of a part: quotes, signs.
const MAX_LEADING: usize = 4;

/// The scanner and the buffers of one shard. Holds no state of any request between two calls, though its buffers
/// keep old bytes until they are overwritten, or until [`Self::wipe`].
pub struct ShardScratch {
    scanner: Scanner,
    /// Recognises the tokens of the organisation at hand; none before the first request.
    keyring: Option<Arc<Keyring>>,
    pub(crate) view: DecodedView,
    pub(crate) findings: Vec<Finding>,
    /// Where in the view words of the API stand.
    structure: Vec<Span>,
    /// Where in the view quotes stand that are of a string's content.
    inner_quotes: Vec<usize>,
    /// The places inside the keys of the view at hand.
    resumes: Vec<Resume>,
    pub(crate) boundaries: PartBoundaries,
    /// The parts of the secret at hand.
    pub(crate) parts: SecretParts,
    /// A window of base64, decoded, and what is made of it.
    pub(crate) decoded: Zeroizing<Vec<u8>>,
    pub(crate) pieces: Splice,
}

impl ShardScratch {
    /// Allocates everything that requests under these rules need.
    pub fn new(rules: &Arc<Rules>) -> Result<Self, RuleError> {
        Ok(Self {
            scanner: Scanner::new(Arc::clone(rules))?,
            keyring: None,
            view: DecodedView::new(),
            findings: Vec::new(),
            structure: Vec::new(),
            inner_quotes: Vec::new(),
            resumes: Vec::new(),
            boundaries: PartBoundaries::new(),
            parts: SecretParts::new(),
            decoded: Zeroizing::new(Vec::new()),
            pieces: Splice::new(),
        })
    }

    /// Overwrites what the buffers hold of the texts that were scanned last.
    pub fn wipe(&mut self) {
        self.view.wipe();
        self.boundaries.text.zeroize();
        self.parts.clear();
        self.decoded.zeroize();
    }

    /// Makes sure that it is the rules and keys of `shield` that are applied, which a reload may have replaced, and
    /// that `values` are looked for and no other request's.
    pub(crate) fn ensure_rules(&mut self, shield: &Shield, values: SearchValues) -> Result<(), Refusal> {
        if !Arc::ptr_eq(self.scanner.rules(), &shield.rules) {
            self.scanner = Scanner::new(Arc::clone(&shield.rules)).map_err(|_| Refusal::Scanner)?;
        }
        if !self.keyring.as_ref().is_some_and(|keyring| Arc::ptr_eq(keyring, &shield.keyring)) {
            self.keyring = Some(Arc::clone(&shield.keyring));
        }
        self.view.notes_structure = values.has_found();
        self.scanner.search_for(values);
        Ok(())
    }

    /// Takes what was found in encoded text since the last call.
    pub(crate) fn take_decoded_values(&mut self) -> impl Iterator<Item = DecodedValue> + '_ {
        self.scanner.take_decoded_values()
    }

    /// Scans the finished view of `raw`. The findings are kept in `self.findings`, without the tokens among them; the
    /// result is how far the view is settled.
    ///
    /// With `full` there will never be more raw bytes in a window than these. If nothing is settled even so (raw
    /// bytes that decode to very few), the view is judged as if the text ended with it: a request must not stall.
    pub(crate) fn scan(&mut self, raw: &[u8], last: bool, full: bool) -> usize {
        let text = self.view.text(raw);
        let fresh = self.view.fresh();
        let mut carry = self.view.carry();
        self.structure.clear();
        self.structure.extend(self.view.structure());
        self.inner_quotes.clear();
        self.inner_quotes.extend(self.view.inner_quotes(text));
        let marks = WindowMarks {
            structure: &self.structure,
            inner_quotes: &self.inner_quotes,
            has_strings: self.view.has_strings,
        };
        let scan = self.scanner.scan_marked(Window { text, fresh, last }, marks, &mut carry);
        let settled = if scan.settled > fresh || last || !full {
            self.findings.clear();
            self.findings.extend_from_slice(scan.findings);
            self.resumes.clear();
            self.resumes.extend_from_slice(scan.resumes);
            scan.settled
        } else {
            carry = self.view.carry();
            let window = Window { text, fresh, last: true };
            let scan = self.scanner.scan_marked(window, marks, &mut carry);
            self.findings.clear();
            self.findings.extend_from_slice(scan.findings);
            self.resumes.clear();
            self.resumes.extend_from_slice(scan.resumes);
            scan.settled
        };
        if let Some(keyring) = &self.keyring {
            own_tokens::exclude(&mut self.findings, text, keyring);
        }
        complete_strings(&mut self.findings, (&self.view, text), self.scanner.rules());
        debug_assert!(settled >= fresh && settled <= text.len());
        self.view.leave(settled, carry, &self.resumes);
        settled
    }

    /// Completes what was found in the finished view of `raw`, which is of a form and settled up to `settled`: a value of
    /// a name that begins a field is the whole field.
    pub(crate) fn complete_fields(&mut self, raw: &[u8], settled: usize, last: bool) {
        let view = &self.view;
        let whole = |span| form_fields::whole_value(view, raw, span, last);
        complete(&mut self.findings, self.scanner.rules(), whole);
        // Of a value whose first delimiter comes early the view shows too little to be one. So fields without findings
        // stand once more in a text of their own: the name as it is meant (`user[password]`), the value as it stands.
        let text = view.text(raw);
        let (mut fields, mut written) = (Vec::new(), Zeroizing::new(Vec::new()));
        let mut next = 0;
        for field in form_fields::with_escapes(raw, last) {
            let (start, end) = (view.view_of(field.value), view.view_of(field.end));
            let name = view.view_of(field.start)..start;
            if name.start >= settled {
                break;
            }
            next += self.findings[next..].partition_point(|finding| finding.span.end <= start);
            let mut inside = self.findings[next..].iter().take_while(|finding| finding.span.start < end);
            if inside.any(is_sure) {
                continue;
            }
            written.extend_from_slice(&text[name]);
            let from = written.len();
            written.extend_from_slice(&raw[field.value..field.end]);
            fields.push((Span::new(from, written.len()), Span::new(start, end)));
            written.extend_from_slice(BETWEEN_FIELDS);
        }
        self.find_written(&written, &fields, raw);
    }

    /// Completes what was found in the finished view of `raw`, which is the whole value of a field with this name: the
    /// value of a password is all of it, whatever stands in it.
    pub(crate) fn complete_value(&mut self, raw: &[u8], name: &[u8]) {
        let (view, rules) = (&self.view, self.scanner.rules());
        let text = view.text(raw);
        let fresh = &text[view.fresh()..];
        let start = view.fresh() + fresh.len() - fresh.trim_ascii_start().len();
        let value = Span::new(start, start + fresh.trim_ascii().len());
        if value.is_empty()
            || value.len() > MAX_VALUE
            || memchr::memchr(b'\n', &text[value.range()]).is_some()
        {
            return;
        }
        let begins = |span: Span| span.start < start + MAX_LEADING && !is_between_quotes(text, value, span);
        complete(&mut self.findings, rules, |span| begins(span).then_some(value));
        if self.findings.iter().any(|finding| finding.span.overlaps(value) && is_sure(finding)) {
            return;
        }
        // As the member of a document, whose quotes say where the value ends.
        let mut written = Zeroizing::new([b"\"", name, b"\": \""].concat());
        let from = written.len();
        escape_into(&text[value.range()], 1, &mut written);
        let fields = [(Span::new(from, written.len()), value)];
        written.extend_from_slice(b"\"");
        self.find_written(&written, &fields, raw);
    }

    /// Finds the values of fields, each of which was written into a text in which its name says what it is. `fields` are
    /// the places of the values there and in the finished view of `raw`, in order.
    fn find_written(&mut self, written: &[u8], fields: &[(Span, Span)], raw: &[u8]) {
        if fields.is_empty() {
            return;
        }
        let rules = Arc::clone(self.scanner.rules());
        let scan = self.scanner.scan(Window { text: written, fresh: 0, last: true });
        let mut named = scan.findings.iter().filter(|found| is_named(found, &rules)).peekable();
        let mut found = Vec::new();
        for &(value, place) in fields {
            while named.next_if(|finding| finding.span.start < value.start).is_some() {}
            let whole = named.next_if(|finding| finding.span == value);
            found.extend(whole.map(|finding| Finding { span: place, ..*finding }));
        }
        if let Some(keyring) = &self.keyring {
            own_tokens::exclude(&mut found, self.view.text(raw), keyring);
        }
        // What was found of such a value before was doubtful.
        let mut next = 0;
        self.findings.retain(|finding| {
            next += found[next..].iter().take_while(|new| new.span.end <= finding.span.start).count();
            found.get(next).is_none_or(|new| !new.span.overlaps(finding.span))
        });
        self.findings.append(&mut found);
        self.findings.sort_by_key(|finding| finding.span.start);
    }

    /// Scans the boundaries between the text parts of the finished view of `raw`, which begins `base` bytes into the
    /// body and is settled up to `settled`. Gives back what of it remains settled: not the end of a part, and no
    /// finding there, that belongs to a boundary which cannot be judged yet. `pending` is such an end.
    pub(crate) fn scan_boundaries(
        &mut self,
        raw: &[u8],
        base: u64,
        settled: usize,
        pending: Option<u64>,
    ) -> usize {
        let text = self.view.text(raw);
        let findings = &self.findings;
        let window = BoundaryWindow { view: &self.view, text, base, settled, findings, pending };
        let wait = self.boundaries.scan(window, &mut self.scanner, self.keyring.as_deref());
        let (boundaries, rules) = (&self.boundaries.found, self.scanner.rules());
        self.findings.retain(|finding| !boundaries.iter().any(|boundary| boundary.has_piece(finding, rules)));
        let Some(mut settled) = wait.filter(|&at| at > self.view.fresh() && at < settled) else {
            return settled;
        };
        // What would be cut in two waits as a whole. Findings and boundaries are sorted, so the last one is met first.
        let across = self.boundaries.found.iter().map(|boundary| (boundary.head.start, boundary.tail.end));
        let mut spans: Vec<_> =
            self.findings.iter().map(|finding| (finding.span.start, finding.span.end)).collect();
        spans.extend(across);
        spans.sort_unstable();
        for (start, end) in spans.into_iter().rev() {
            if start < settled && end > settled {
                settled = start;
            }
        }
        let line = self.view.line_start(settled);
        if line > self.view.fresh() {
            settled = line;
        }
        self.findings.retain(|finding| finding.span.end <= settled);
        self.boundaries.found.retain(|boundary| boundary.tail.end <= settled);
        settled
    }
}

/// Whether a value is what stands between the quotes of the `whole`.
fn is_between_quotes(text: &[u8], whole: Span, value: Span) -> bool {
    let (opening, closing) = (&text[whole.start..value.start], text.get(value.end..whole.end));
    matches!(opening, b"\"" | b"'" | b"`") && closing == Some(opening)
}

/// A value of a name that begins a string is the whole string: what is found of it ends where a quote of its own or a line end
/// stands, which the scanner takes for the string's end.
fn complete_strings(findings: &mut Vec<Finding>, (view, text): (&DecodedView, &[u8]), rules: &Rules) {
    complete(findings, rules, |span| Some(Span::new(span.start, view.string_end(text, span)?)));
}

/// Whether a finding is more than doubtful: the beginning of a value may look like a word where all of it does not.
fn is_sure(finding: &Finding) -> bool {
    finding.confidence > Confidence::Low
}

/// Whether a rule found a value by its name, and not by a shape that says where it ends.
fn is_named(finding: &Finding, rules: &Rules) -> bool {
    finding.evidence == Evidence::Rule && matches!(finding.part, Part::Whole) && !rules.is_shape(finding.rule)
}

/// Puts the whole value, if `whole` knows it, in the place of what was found of it behind a name.
fn complete(findings: &mut Vec<Finding>, rules: &Rules, whole: impl Fn(Span) -> Option<Span>) {
    let mut end = 0;
    findings.retain_mut(|finding| {
        if finding.span.start < end {
            return false;
        }
        if is_named(finding, rules)
            && let Some(value) = whole(finding.span)
        {
            finding.span = Span::new(value.start.max(end), value.end);
            end = value.end;
        }
        true
    });
}
