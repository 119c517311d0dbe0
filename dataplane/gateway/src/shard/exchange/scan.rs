//! How one request is scanned: its target, its fields and its body with the same settings and into the same vault.

use std::sync::Arc;

use aegis_detect::OwnValue;
use aegis_shield::{Documents, Format, Report, Splice, Tokenizer, Vault, places};
use aegis_wire::head::RequestHead;

use super::super::exchange_buffers::RESTORING;
use super::super::session::{SESSION_FIELD, SessionFull, Sessions};
use super::super::state::Shard;
use super::memory::Memory;
use super::state::Exchange;
use crate::auth;
use crate::config::settings::FailMode;
use crate::error_body::{ErrorKind, Failure};
use crate::route::{self, UploadStep};
use crate::shared_table::TableKey;
use crate::snapshot::{Snapshot, Upstream};

/// Google's resumable uploads say what kind of file it is in a field of their own.
const UPLOAD_TYPE: &[u8] = b"x-goog-upload-header-content-type";

/// Most bytes that are scanned of one body before other tasks of the shard have their turn: half a millisecond's work.
const SCANNED_AT_ONCE: usize = 256 * 1024;

const TWO_TYPES: Failure = Failure::invalid("the request has two content types");
const MOVED: Failure = Failure::invalid(
    "this piece of a file holds something to be replaced, which would move every piece behind it: upload the file in one \
     piece (upload, finalize at offset 0), or allow what was found by policy",
);
const SESSION_FULL: Failure = Failure::new(
    413,
    ErrorKind::PayloadTooLarge,
    "the session holds too many different secrets; begin a new one",
);
const NO_ROOM_TO_RESTORE: Failure = Failure::overloaded("the gateway has no room for this request's reply");

/// The scan of a request whose body has not begun.
pub(super) struct RequestScan {
    /// Takes out the secrets of head and body alike, and knows those of the session.
    pub(super) tokenizer: Tokenizer,
    /// The gateway key of this request, where no rule finds it in a text.
    gateway_key: Option<OwnValue>,
    /// Where the secrets are remembered for the session's next request.
    session: Option<TableKey>,
    /// Where values are remembered for the client's next request.
    memory: Option<Memory>,
    /// The path leads to what the provider keeps of earlier requests.
    has_history_path: bool,
}

impl RequestScan {
    /// The scan of a body that is only looked at: no session and no memory knows of it.
    pub(super) fn of_preview(snapshot: &Snapshot, gateway_key: Option<OwnValue>) -> Self {
        let tokenizer = Self::configured(snapshot, Vault::default(), gateway_key.clone());
        Self { tokenizer, gateway_key, session: None, memory: None, has_history_path: false }
    }

    /// The one place that configures a tokenizer.
    fn configured(snapshot: &Snapshot, vault: Vault, gateway_key: Option<OwnValue>) -> Tokenizer {
        let tokenizer = Tokenizer::with_vault(Arc::clone(&snapshot.shield), Format::Text, vault);
        tokenizer.hiding(gateway_key).in_head()
    }

    /// A tokenizer for a text that is only looked at: what it finds is not recorded.
    pub(super) fn probe(&self, snapshot: &Snapshot) -> Tokenizer {
        Self::configured(snapshot, Vault::default(), self.gateway_key.clone())
    }
}

/// Takes the secrets out of a body, step by step.
pub(super) struct BodyScanner {
    tokenizer: Tokenizer,
    session: Option<TableKey>,
    memory: Option<Memory>,
    has_history_path: bool,
    /// The body is a piece of a file whose other pieces have their places, so its length must stay.
    keeps_length: bool,
    /// The body passes unscanned: it cannot be scanned, and the configuration says that passing is more important.
    passes_unscanned: bool,
    /// Bytes at the front of the window that were scanned; the list says what becomes of them.
    scanned: usize,
    /// Bytes that were scanned since others had their turn.
    since_pause: usize,
}

impl BodyScanner {
    /// Goes on with the scan of `window`, which holds what was scanned before and what came behind it, as far as can be,
    /// with a pause behind every [`SCANNED_AT_ONCE`] bytes of a body, however they came. `splice` gathers what becomes of all of it.
    pub(super) fn scan(
        &mut self,
        shard: &Shard,
        snapshot: &Snapshot,
        window: &[u8],
        last: bool,
        splice: &mut Splice,
    ) -> Result<Scanned, Failure> {
        loop {
            let consumed = self.step(shard, snapshot, &window[self.scanned..], last, splice)?;
            self.scanned += consumed;
            self.since_pause += consumed;
            if last && self.scanned == window.len() {
                return Ok(Scanned::Done);
            }
            if consumed == 0 {
                return Ok(Scanned::NeedsClient);
            }
            if self.since_pause >= SCANNED_AT_ONCE {
                self.since_pause = 0;
                return Ok(Scanned::Paused);
            }
        }
    }

    fn step(
        &mut self,
        shard: &Shard,
        snapshot: &Snapshot,
        input: &[u8],
        last: bool,
        splice: &mut Splice,
    ) -> Result<usize, Failure> {
        if !self.passes_unscanned {
            match shard.scanner.push(&snapshot.shield, &mut self.tokenizer, input, last, splice) {
                Ok(_) if self.keeps_length && !splice.unchanged() => return Err(MOVED),
                Ok(consumed) => return Ok(consumed),
                Err(failure) if snapshot.fail_mode == FailMode::Open && failure.kind.is_unscannable() => {
                    self.passes_unscanned = true;
                }
                Err(failure) => return Err(failure),
            }
        }
        splice.pass_unread(input.len());
        Ok(input.len())
    }

    /// Begins the body again if values were found in it that may stand elsewhere in it, too; says whether it does. What
    /// the scan made of it so far is to be forgotten.
    pub(super) fn rewind(&mut self) -> bool {
        let rewinds = !self.passes_unscanned && self.tokenizer.rewind();
        if rewinds {
            self.scanned = 0;
        }
        rewinds
    }

    /// From now on the body is read once only: its beginning is about to be sent.
    pub(super) fn read_once(&mut self) {
        self.tokenizer.read_once();
    }

    /// What was found and done so far, for a body that is only looked at.
    pub(super) fn into_report(self) -> Report {
        self.tokenizer.finish().report
    }

    /// Whether the body passes unscanned.
    pub(super) fn passes_unscanned(&self) -> bool {
        self.passes_unscanned
    }

    /// Whether something was found so far.
    pub(super) fn has_found(&self) -> bool {
        self.tokenizer.report().total() > 0
    }

    /// Bytes at the front of the window that were scanned.
    pub(super) fn scanned(&self) -> usize {
        self.scanned
    }

    /// What was scanned leaves the window: the next one begins behind it.
    pub(super) fn leave_scanned(&mut self) -> usize {
        std::mem::take(&mut self.scanned)
    }
}

/// How far a window was scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Scanned {
    /// To the end of the body.
    Done,
    /// As far as it can be before the client sends more.
    NeedsClient,
    /// As far as may be before others have their turn.
    Paused,
}

/// What the scan of a request leaves behind for its reply.
#[derive(Default)]
pub(super) struct Secrets {
    /// The secrets that were taken out: what the reply is restored from.
    pub(super) vault: Vault,
    /// Where in the documents of the request they were: what positions in the reply are moved by.
    pub(super) documents: Documents,
}

impl Secrets {
    /// Whether a reply is the same with and without them.
    pub(super) fn is_empty(&self) -> bool {
        self.vault.is_empty() && self.documents.is_empty()
    }
}

impl Exchange<'_> {
    /// Begins the scan, with the secrets of the session that the request names, if the configuration has sessions.
    pub(super) fn open_scan(&mut self, upstream: &Upstream, gateway_key: Option<OwnValue>) -> RequestScan {
        let session = self.session_key(upstream);
        let settings = &self.snapshot.session;
        let vault = session.map(|key| Sessions::shared(settings).recall(key, settings)).unwrap_or_default();
        self.has_earlier_values = !vault.is_empty();
        let tokenizer = RequestScan::configured(&self.snapshot, vault, gateway_key.clone());
        let memory = self.client_memory(upstream);
        let has_history_path = memory.is_some() && places::is_history_path(&self.buffers.request.path);
        RequestScan { tokenizer, gateway_key, session, memory, has_history_path }
    }

    fn session_key(&self, upstream: &Upstream) -> Option<TableKey> {
        let fields = &self.buffers.request.fields;
        let name = fields.get(SESSION_FIELD).filter(|_| self.snapshot.session.enabled)?;
        let credentials = auth::CREDENTIAL_FIELDS.map(|field| fields.get(field).unwrap_or_default());
        let (organisation, key) = self.record.owner();
        let mut parts = vec![organisation.as_bytes(), key.as_bytes(), upstream.name.as_bytes(), name];
        parts.extend(credentials);
        Some(TableKey::new(&parts))
    }

    /// How the body is read.
    pub(super) fn body_format(&self) -> Result<Format, Failure> {
        body_format(&self.buffers.request)
    }

    /// Goes on from the head to the body.
    pub(super) fn body_scanner(&self, scan: RequestScan, format: Format) -> BodyScanner {
        let RequestScan { mut tokenizer, session, memory, has_history_path, .. } = scan;
        tokenizer.begin_body(format, self.recall(memory.as_ref()));
        BodyScanner {
            tokenizer,
            session,
            memory,
            has_history_path,
            keeps_length: route::upload_of(&self.buffers.request) == UploadStep::Chunk,
            passes_unscanned: self.body.is_undecoded(),
            scanned: 0,
            since_pause: 0,
        }
    }

    /// Makes sure, before the upstream has all of a request, that its secrets are there for later ones, those of earlier
    /// ones for its reply, and room to restore it.
    pub(super) fn prepare_to_restore(&mut self, scanner: &mut BodyScanner) -> Result<(), Failure> {
        let vault = scanner.tokenizer.vault();
        if let Some(key) = scanner.session {
            let settings = &self.snapshot.session;
            let kept = Sessions::shared(settings).remember(key, vault, settings);
            kept.map_err(|SessionFull| SESSION_FULL)?;
        }
        if let Some(memory) = &scanner.memory {
            self.seal(memory, vault);
            if scanner.has_history_path || scanner.tokenizer.refers_to_history() {
                let offered = self.offer_sealed(memory, scanner.tokenizer.vault_mut());
                self.has_earlier_values |= offered > 0;
            }
        }
        if !scanner.tokenizer.leaves_nothing() && !self.memory.reserve(RESTORING) {
            return Err(NO_ROOM_TO_RESTORE);
        }
        Ok(())
    }

    /// Takes down what was found in the body, however far it was scanned.
    pub(super) fn settle(&mut self, scanner: BodyScanner) -> Secrets {
        self.record.failed_open |= scanner.passes_unscanned;
        let outcome = scanner.tokenizer.finish();
        self.record.add_findings(&outcome.report, "");
        self.remember(scanner.memory.as_ref(), outcome.found.as_deref(), &outcome.met);
        Secrets { vault: outcome.vault, documents: outcome.documents }
    }
}

/// How the body is read that `head` announces. The label of an upload says nothing about the file.
fn body_format(head: &RequestHead) -> Result<Format, Failure> {
    let content_type = head.fields.content_type();
    if head.fields.get_all(b"content-type").any(|other| Some(other) != content_type) {
        return Err(TWO_TYPES);
    }
    match route::upload_of(head) {
        // Clients label a file and what is said about it alike.
        UploadStep::File | UploadStep::Chunk => {
            Ok(Format::of_file(head.fields.get(UPLOAD_TYPE).or(content_type)))
        }
        UploadStep::About | UploadStep::None => Ok(Format::of_request(content_type)),
    }
}

#[cfg(test)]
mod tests {
    use aegis_wire::head::Method;

    use super::*;

    #[test]
    fn files_are_not_believed_their_labels() {
        let format = |path: &str, fields: &[(&str, &str)]| {
            let mut head =
                RequestHead { method: Method::Post, path: path.to_owned(), ..RequestHead::default() };
            for (name, value) in fields {
                head.fields.push(name.as_bytes(), value.as_bytes()).unwrap();
            }
            body_format(&head).ok()
        };
        let json = ("content-type", "application/json");
        let upload = ("x-goog-upload-command", "upload, finalize");
        let start = ("x-goog-upload-command", "start");
        let png = ("x-goog-upload-header-content-type", "image/png");
        let files = "/upload/v1beta/files?upload_id=x&upload_protocol=resumable";
        for (path, fields, expected) in [
            (files, &[json, upload][..], Some(Format::Unknown)),
            (files, &[json, upload, png], Some(Format::Binary)),
            ("/base/upload/v1beta/files", &[json, upload], Some(Format::Unknown)),
            ("/upload/v1beta/files?uploadType=media", &[json], Some(Format::Unknown)),
            ("/upload/v1beta/files", &[json, start, png], Some(Format::Json)),
            ("/v1beta/models/x:generateContent", &[json, upload], Some(Format::Json)),
            ("/v1beta/files?path=/upload/", &[json], Some(Format::Json)),
            ("/v1/messages", &[json, json], Some(Format::Json)),
            ("/v1/messages", &[json, ("content-type", "image/png")], None),
        ] {
            assert_eq!(format(path, fields), expected, "{path} {fields:?}");
        }
    }
}
