//! Secrets outside of the body: in the query, in the path, in header fields.
//!
//! [`suspects`](super::suspects) says what is looked at; it is treated as the body is. What is left of the fields costs
//! one scan together, and one each only where that found something; fields that hold nothing are remembered
//! ([`clean`](super::super::clean)), so a client that sends the same ones again costs none. A field is scanned with its
//! name, which says what a bare value is.

use aegis_shield::{Format, Tokenizer};

use super::super::clean::FieldHash;
use super::error::ExchangeError;
use super::scan::RequestScan;
use super::state::Exchange;
use super::suspects::{is_plain_header, is_suspect_field, is_suspect_parameter};
use crate::error_body::Failure;
use crate::route;

/// Stands between the name of a field and its value.
const NAME_END: &[u8] = b": ";

/// Room for the tokens in a target, which are longer than most of what they replace.
const TOKEN_ROOM: usize = 64;

const SECRET_NAME: Failure = Failure::invalid("the name of a header holds a secret");
const UNSENDABLE: Failure =
    Failure::invalid("a header field cannot be sent once the secrets in it are replaced");

impl Exchange<'_> {
    /// Takes the secrets out of target and fields. A path of plain words holds none.
    pub(super) fn sanitize_envelope(&mut self, scan: &mut RequestScan) -> Result<(), ExchangeError> {
        let known = self.snapshot.known_values;
        let path = &self.buffers.request.path;
        let query = path.split_once('?').map_or("", |(_, query)| query);
        if known
            || !route::is_plain(path)
            || query.split('&').any(|parameter| is_suspect_parameter(parameter, known))
        {
            self.sanitize_target(scan)?;
        }
        if self.fields_hold_something(scan) { self.sanitize_fields(scan) } else { Ok(()) }
    }

    /// Whether a scan of all fields together finds something, of those that are not remembered to hold nothing. What it
    /// cannot do, the scan of each field does or refuses.
    fn fields_hold_something(&mut self, scan: &RequestScan) -> bool {
        let mut text = std::mem::take(&mut self.buffers.scratch);
        text.clear();
        for (name, value) in self.suspect_fields() {
            if !self.field_hash(scan, name, value).is_some_and(|hash| self.shard.clean.contains(hash)) {
                text.extend_from_slice(name);
                text.extend_from_slice(NAME_END);
                text.extend_from_slice(value);
                text.push(b'\n');
            }
        }
        let holds = !text.is_empty() && self.holds_something(scan, &text);
        if !holds && !text.is_empty() {
            self.suspect_fields()
                .filter_map(|(name, value)| self.field_hash(scan, name, value))
                .for_each(|hash| self.shard.clean.insert(hash));
        }
        self.buffers.scratch = text;
        holds
    }

    fn suspect_fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let known = self.snapshot.known_values;
        self.buffers.request.fields.iter().filter(move |(name, value)| is_suspect_field(name, value, known))
    }

    /// What the shard remembers a field by. A key that only this request is searched for makes its fields like no
    /// others.
    fn field_hash(&self, scan: &RequestScan, name: &[u8], value: &[u8]) -> Option<FieldHash> {
        let (clean, generation) = (&self.shard.clean, self.snapshot.generation);
        (!scan.has_gateway_key()).then(|| clean.hash(generation, self.record.owner(), name, value))
    }

    /// Whether a scan of `text` finds something.
    fn holds_something(&mut self, scan: &RequestScan, text: &[u8]) -> bool {
        let mut tokenizer = scan.probe(&self.snapshot);
        // What cannot be scanned here is refused where each field is.
        let scanned = self.scan_text(&mut tokenizer, text);
        scanned.is_err() || !self.buffers.splice.unchanged() || tokenizer.report().total() > 0
    }

    /// Scans all of `text`. The list says what becomes of it.
    fn scan_text(&mut self, tokenizer: &mut Tokenizer, text: &[u8]) -> Result<(), Failure> {
        let splice = &mut self.buffers.splice;
        splice.clear();
        let mut rest = text;
        while !tokenizer.is_finished() {
            let consumed = self.shard.scanner.push(&self.snapshot.shield, tokenizer, rest, true, splice)?;
            rest = &rest[consumed..];
        }
        Ok(())
    }

    fn sanitize_target(&mut self, scan: &mut RequestScan) -> Result<(), ExchangeError> {
        let known = self.snapshot.known_values;
        let target = self.buffers.request.path.clone();
        let (place, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut out = String::with_capacity(target.len() + TOKEN_ROOM);
        out.push_str(&self.sanitize_text(scan, place, Format::Text, "path")?);
        let mut separator = '?';
        for (index, parameter) in query.split('&').enumerate().filter(|_| target.contains('?')) {
            out.push(separator);
            separator = '&';
            if is_suspect_parameter(parameter, known) {
                out.push_str(&self.sanitize_text(
                    scan,
                    parameter,
                    Format::Form,
                    &format!("query[{index}]"),
                )?);
            } else {
                out.push_str(parameter);
            }
        }
        self.buffers.request.path = out;
        Ok(())
    }

    fn sanitize_fields(&mut self, scan: &mut RequestScan) -> Result<(), ExchangeError> {
        let known = self.snapshot.known_values;
        let fields = std::mem::take(&mut self.buffers.request.fields);
        for (name, value) in fields.iter() {
            let kept = if is_suspect_field(name, value, known) {
                let shown = if is_plain_header(name) { String::from_utf8_lossy(name) } else { "{id}".into() };
                let place = format!("header {shown}");
                let start = [name, NAME_END].concat();
                let field = self.sanitize(scan, &[&start, value].concat(), Format::Text, &place)?;
                let value = field.strip_prefix(start.as_slice()).ok_or(SECRET_NAME)?;
                self.buffers.request.fields.push(name, value)
            } else {
                self.buffers.request.fields.push(name, value)
            };
            kept.map_err(|_| UNSENDABLE)?;
        }
        Ok(())
    }

    /// A target is ASCII, and so is what takes the place of a secret.
    fn sanitize_text(
        &mut self,
        scan: &mut RequestScan,
        text: &str,
        format: Format,
        name: &str,
    ) -> Result<String, ExchangeError> {
        let sanitized = self.sanitize(scan, text.as_bytes(), format, name)?;
        Ok(String::from_utf8_lossy(&sanitized).into_owned())
    }

    /// Replaces the secrets in a part of the head, which the record calls `name`.
    fn sanitize(
        &mut self,
        scan: &mut RequestScan,
        text: &[u8],
        format: Format,
        name: &str,
    ) -> Result<Vec<u8>, Failure> {
        scan.tokenizer.begin(format);
        let scanned = self.scan_text(&mut scan.tokenizer, text);
        self.record.add_findings(&scan.tokenizer.take_report(), name);
        scanned?;
        let mut out = Vec::with_capacity(text.len());
        self.buffers.splice.write_to(text, &mut out);
        Ok(out)
    }
}
