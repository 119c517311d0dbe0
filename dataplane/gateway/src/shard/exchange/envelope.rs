//! Secrets outside of the body: in the query, in the path, in header fields and their names.
//!
//! [`suspects`](super::suspects) says what is looked at; it is treated as the body is. The fields cost one scan
//! together, and one each only where that found something. What holds nothing is remembered
//! ([`clean`](super::super::clean)), so a client that sends the same again costs none. A field is scanned with its
//! name, which says what a bare value is; a name as it came, too, since in lower case it may look like nothing.

use aegis_shield::{Format, Tokenizer};
use aegis_wire::head::BodyLength;

use super::super::clean::FieldHash;
use super::error::ExchangeError;
use super::scan::RequestScan;
use super::state::Exchange;
use super::suspects::{is_plain_header, is_suspect_parameter, suspect_parts};
use crate::error_body::Failure;

/// Stands between the name of a field and its value.
const NAME_END: &[u8] = b": ";

/// What the target is remembered under, and the names of the fields as they came: no field has such a name.
const TARGET: &[u8] = b"?";
const NAMES: &[u8] = b":";

/// So many parts of one request's fields are remembered at once; what is beyond that, with the requests that follow.
const MOST_REMEMBERED: usize = 32;

/// Room for the tokens in a target, which are longer than most of what they replace.
const TOKEN_ROOM: usize = 64;

const SECRET_NAME: Failure = Failure::invalid("the name of a header holds a secret");
const UNSENDABLE: Failure =
    Failure::invalid("a header field cannot be sent once the secrets in it are replaced");

/// What the scan of a part of the head has made of it.
struct Sanitized<T> {
    out: T,
    /// Nothing was found in it.
    is_clean: bool,
}

impl Exchange<'_> {
    /// Takes the secrets out of target and fields.
    pub(super) fn sanitize_envelope(&mut self, scan: &mut RequestScan) -> Result<(), ExchangeError> {
        let target = self.hash(TARGET, self.buffers.request.path.as_bytes());
        if !self.shard.clean.contains(target) && self.sanitize_target(scan)? {
            self.shard.clean.insert(target);
        }
        if self.fields_hold_something(scan) {
            self.check_names(scan)?;
            self.sanitize_fields(scan)?;
        }
        Ok(())
    }

    /// Whether a scan of all fields together finds something, of those that are not remembered to hold nothing. What it
    /// cannot do, the scan of each field does or refuses.
    fn fields_hold_something(&mut self, scan: &RequestScan) -> bool {
        let mut text = std::mem::take(&mut self.buffers.scratch);
        text.clear();
        let mut scanned = [None; MOST_REMEMBERED];
        let mut free = scanned.iter_mut();
        for (name, value) in self.suspect_fields() {
            let hash = self.hash(name, value);
            if !self.shard.clean.contains(hash) {
                text.extend_from_slice(name);
                text.extend_from_slice(NAME_END);
                text.extend_from_slice(value);
                text.push(b'\n');
                if let Some(place) = free.next() {
                    *place = Some(hash);
                }
            }
        }
        let names = self.buffers.request.fields.spelled_names();
        if !names.is_empty() {
            let hash = self.hash(NAMES, names);
            if !self.shard.clean.contains(hash) {
                text.extend_from_slice(names);
                if let Some(place) = free.next() {
                    *place = Some(hash);
                }
            }
        }
        let holds = !text.is_empty() && self.holds_something(scan, &text);
        if !holds {
            scanned.into_iter().flatten().for_each(|hash| self.shard.clean.insert(hash));
        }
        self.buffers.scratch = text;
        holds
    }

    /// The parts of the fields that are scanned, each with its name.
    fn suspect_fields(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let has_body = self.has_body();
        self.buffers.request.fields.iter().flat_map(move |(name, value)| {
            let [before, _, behind] = suspect_parts(name, value, has_body).unwrap_or_default();
            [before, behind].into_iter().filter(|part| !part.is_empty()).map(move |part| (name, part))
        })
    }

    fn has_body(&self) -> bool {
        !matches!(self.parse.framing.length(), BodyLength::Empty | BodyLength::Known(0))
    }

    /// What the shard remembers a part of the head by. A request that shows a gateway key is searched for it, and the
    /// name of the key is in the hash.
    fn hash(&self, name: &[u8], value: &[u8]) -> FieldHash {
        self.shard.clean.hash(self.snapshot.generation, self.record.owner(), name, value)
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

    /// Replaces the secrets in the target, and says whether there were none.
    fn sanitize_target(&mut self, scan: &mut RequestScan) -> Result<bool, ExchangeError> {
        let target = self.buffers.request.path.clone();
        let (place, query) = target.split_once('?').unwrap_or((&target, ""));
        let Sanitized { mut out, mut is_clean } = self.sanitize_path(scan, place)?;
        out.reserve(target.len() - place.len() + TOKEN_ROOM);
        let mut separator = '?';
        for (index, parameter) in query.split('&').enumerate().filter(|_| target.contains('?')) {
            out.push(separator);
            separator = '&';
            if is_suspect_parameter(parameter) {
                let replaced = self.sanitize_parameter(scan, parameter, &format!("query[{index}]"))?;
                out.push_str(&replaced.out);
                is_clean &= replaced.is_clean;
            } else {
                out.push_str(parameter);
            }
        }
        self.buffers.request.path = out;
        Ok(is_clean)
    }

    /// The path is scanned as a whole, then each segment alone: a secret may end with what a slash, a digit of base64,
    /// seems to go on.
    fn sanitize_path(
        &mut self,
        scan: &mut RequestScan,
        path: &str,
    ) -> Result<Sanitized<String>, ExchangeError> {
        let whole = self.sanitize_text(scan, path, Format::Text, "path")?;
        let mut sanitized = Sanitized { out: String::with_capacity(whole.out.len()), ..whole };
        for (index, segment) in whole.out.split('/').enumerate() {
            if index > 0 {
                sanitized.out.push('/');
            }
            if !segment.is_empty() {
                let replaced = self.sanitize_text(scan, segment, Format::Text, "path")?;
                sanitized.out.push_str(&replaced.out);
                sanitized.is_clean &= replaced.is_clean;
            }
        }
        Ok(sanitized)
    }

    /// The name of a parameter is scanned alone, then all of it: padding of base64 looks like the sign behind a name.
    fn sanitize_parameter(
        &mut self,
        scan: &mut RequestScan,
        parameter: &str,
        place: &str,
    ) -> Result<Sanitized<String>, ExchangeError> {
        let Some((name, value)) = parameter.rsplit_once('=').filter(|(name, _)| !name.is_empty()) else {
            return self.sanitize_text(scan, parameter, Format::Form, place);
        };
        let name = self.sanitize_text(scan, name, Format::Form, place)?;
        let whole = self.sanitize_text(scan, &[&name.out, "=", value].concat(), Format::Form, place)?;
        Ok(Sanitized { is_clean: whole.is_clean && name.is_clean, ..whole })
    }

    /// Refuses a request in which the name of a field, as it came, holds a secret: nothing could be put in its place.
    fn check_names(&mut self, scan: &mut RequestScan) -> Result<(), ExchangeError> {
        let names = self.buffers.request.fields.spelled_names().to_vec();
        let mut is_clean = true;
        for name in names.split(|&byte| byte == b'\n').filter(|name| !name.is_empty()) {
            let scanned = self.sanitize(scan, name, Format::Text, "header {id}")?;
            if scanned.out != name {
                return Err(SECRET_NAME.into());
            }
            is_clean &= scanned.is_clean;
        }
        if is_clean {
            self.shard.clean.insert(self.hash(NAMES, &names));
        }
        Ok(())
    }

    fn sanitize_fields(&mut self, scan: &mut RequestScan) -> Result<(), ExchangeError> {
        let has_body = self.has_body();
        let fields = std::mem::take(&mut self.buffers.request.fields);
        for (name, value) in fields.iter() {
            let kept = match suspect_parts(name, value, has_body) {
                Some([before, boundary, behind]) => {
                    let before = self.sanitize_field(scan, name, before)?;
                    let behind = self.sanitize_field(scan, name, behind)?;
                    self.buffers.request.fields.push(name, &[&before[..], boundary, &behind].concat())
                }
                None => self.buffers.request.fields.push(name, value),
            };
            kept.map_err(|_| UNSENDABLE)?;
        }
        Ok(())
    }

    /// Replaces the secrets in a part of a field's value.
    fn sanitize_field(
        &mut self,
        scan: &mut RequestScan,
        name: &[u8],
        value: &[u8],
    ) -> Result<Vec<u8>, Failure> {
        let hash = self.hash(name, value);
        if value.is_empty() || self.shard.clean.contains(hash) {
            return Ok(value.to_vec());
        }
        let shown = if is_plain_header(name) { String::from_utf8_lossy(name) } else { "{id}".into() };
        let start = [name, NAME_END].concat();
        let field =
            self.sanitize(scan, &[&start, value].concat(), Format::Text, &format!("header {shown}"))?;
        if field.is_clean {
            self.shard.clean.insert(hash);
        }
        Ok(field.out.strip_prefix(start.as_slice()).ok_or(SECRET_NAME)?.to_vec())
    }

    /// A target is ASCII, and so is what takes the place of a secret.
    fn sanitize_text(
        &mut self,
        scan: &mut RequestScan,
        text: &str,
        format: Format,
        name: &str,
    ) -> Result<Sanitized<String>, ExchangeError> {
        let Sanitized { out, is_clean } = self.sanitize(scan, text.as_bytes(), format, name)?;
        Ok(Sanitized { out: String::from_utf8_lossy(&out).into_owned(), is_clean })
    }

    /// Replaces the secrets in a part of the head, which the record calls `name`.
    fn sanitize(
        &mut self,
        scan: &mut RequestScan,
        text: &[u8],
        format: Format,
        name: &str,
    ) -> Result<Sanitized<Vec<u8>>, Failure> {
        scan.tokenizer.begin(format);
        let scanned = self.scan_text(&mut scan.tokenizer, text);
        let report = scan.tokenizer.take_report();
        self.record.add_findings(&report, name);
        scanned?;
        let mut out = Vec::with_capacity(text.len());
        self.buffers.splice.write_to(text, &mut out);
        Ok(Sanitized { out, is_clean: report.total() == 0 })
    }
}
