//! How one request is scanned: its target, its fields and its body with the same settings and into the same vault.

use std::sync::Arc;

use aegis_detect::OwnValue;
use aegis_shield::{Documents, Format, Tokenizer, Vault};
use aegis_wire::head::RequestHead;

use super::super::exchange_buffers::RESTORING;
use super::super::net::Conn;
use super::super::scanner::ScanStep;
use super::super::session::{SESSION_FIELD, SessionFull, SessionKey, Sessions};
use super::super::state::Shard;
use super::request_body::RequestBody;
use super::state::Exchange;
use crate::auth;
use crate::config::settings::FailMode;
use crate::error_body::{ErrorKind, Failure};
use crate::route::{self, UploadStep};
use crate::snapshot::{Snapshot, Upstream};

/// Google's resumable uploads say what kind of file it is in a field of their own.
const UPLOAD_TYPE: &[u8] = b"x-goog-upload-header-content-type";

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
    /// The secrets that were taken out so far, and those of the session.
    vault: Vault,
    /// The gateway key of this request, where no rule finds it in a text.
    gateway_key: Option<OwnValue>,
    /// Where the secrets are remembered for the session's next request.
    session: Option<SessionKey>,
}

impl RequestScan {
    /// The one place that configures a tokenizer.
    fn tokenizer(&self, snapshot: &Snapshot, format: Format, vault: Vault) -> Tokenizer {
        Tokenizer::with_vault(Arc::clone(&snapshot.shield), format, vault).hiding(self.gateway_key.clone())
    }

    /// A tokenizer for a text that is only looked at: what it finds is not recorded.
    pub(super) fn probe(&self, snapshot: &Snapshot) -> Tokenizer {
        self.tokenizer(snapshot, Format::Text, Vault::default())
    }

    /// A tokenizer for a part of the head. [`Exchange::settle_part`] takes it back.
    pub(super) fn part(&mut self, snapshot: &Snapshot, format: Format) -> Tokenizer {
        let vault = std::mem::take(&mut self.vault);
        self.tokenizer(snapshot, format, vault)
    }
}

/// Takes the secrets out of a body, step by step.
pub(super) struct BodyScanner {
    tokenizer: Tokenizer,
    session: Option<SessionKey>,
    /// The body is a piece of a file whose other pieces have their places, so its length must stay.
    keeps_length: bool,
    /// The body passes unscanned: it cannot be scanned, and the configuration says that passing is more important.
    passes_unscanned: bool,
}

impl BodyScanner {
    /// Takes one step through the body.
    pub(super) fn step(
        &mut self,
        shard: &Shard,
        snapshot: &Snapshot,
        window: &[u8],
        last: bool,
    ) -> Result<ScanStep, Failure> {
        if !self.passes_unscanned {
            match shard.scanner.push(&snapshot.shield, &mut self.tokenizer, window, last) {
                Ok(step) if step.is_changed && self.keeps_length => return Err(MOVED),
                Ok(step) => return Ok(step),
                Err(failure) if snapshot.fail_mode == FailMode::Open && failure.kind.is_unscannable() => {
                    self.passes_unscanned = true;
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(ScanStep::unchanged(window.len()))
    }

    /// Appends what the last step made of the bytes it used.
    pub(super) fn write_to(&self, shard: &Shard, used: &[u8], out: &mut Vec<u8>) {
        if self.passes_unscanned {
            out.extend_from_slice(used);
        } else {
            shard.scanner.write_to(used, out);
        }
    }

    /// Appends to `out` what becomes of the window, as far as it can be scanned, and adds its length to `sent_bytes`.
    pub(super) fn scan_window(
        &mut self,
        shard: &Shard,
        snapshot: &Snapshot,
        client: &mut Conn,
        body: &mut RequestBody,
        out: &mut Vec<u8>,
        sent_bytes: &mut u64,
    ) -> Result<Scanned, Failure> {
        loop {
            let last = body.is_last(client);
            let window = body.window(client);
            let step = self.step(shard, snapshot, window, last)?;
            let is_end = last && step.consumed == window.len();
            self.write_to(shard, &window[..step.consumed], out);
            *sent_bytes += step.produced as u64;
            body.consume(client, step.consumed);
            if is_end {
                return Ok(Scanned::Done);
            }
            if step.consumed == 0 {
                return Ok(Scanned::NeedsClient);
            }
        }
    }

    /// Whether the body passes unscanned.
    pub(super) fn passes_unscanned(&self) -> bool {
        self.passes_unscanned
    }
}

/// How far a window was scanned.
#[must_use]
pub(super) enum Scanned {
    /// To the end of the body.
    Done,
    /// As far as it can be before the client sends more.
    NeedsClient,
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
        self.is_session_recalled = !vault.is_empty();
        RequestScan { vault, gateway_key, session }
    }

    fn session_key(&self, upstream: &Upstream) -> Option<SessionKey> {
        let fields = &self.buffers.request.fields;
        let name = fields.get(SESSION_FIELD).filter(|_| self.snapshot.session.enabled)?;
        let credentials = auth::CREDENTIAL_FIELDS.map(|field| fields.get(field).unwrap_or_default());
        let (organisation, key) = self.record.owner();
        let mut parts = vec![organisation.as_bytes(), key.as_bytes(), upstream.name.as_bytes(), name];
        parts.extend(credentials);
        Some(SessionKey::new(&parts))
    }

    /// Takes the verdict on a part of the head, which the record calls `name`.
    pub(super) fn settle_part(&mut self, scan: &mut RequestScan, tokenizer: Tokenizer, name: &str) {
        let outcome = tokenizer.finish();
        self.record.add_findings(&outcome.report, name);
        scan.vault = outcome.vault;
    }

    /// How the body is read.
    pub(super) fn body_format(&self) -> Result<Format, Failure> {
        body_format(&self.buffers.request)
    }

    /// Goes on from the head to the body.
    pub(super) fn body_scanner(&self, mut scan: RequestScan, format: Format) -> BodyScanner {
        BodyScanner {
            tokenizer: scan.part(&self.snapshot, format),
            session: scan.session,
            keeps_length: route::upload_of(&self.buffers.request) == UploadStep::Piece,
            passes_unscanned: self.body.is_undecoded(),
        }
    }

    /// Takes the verdict on the body, as far as it was scanned.
    pub(super) fn settle(&mut self, scanner: BodyScanner) -> Secrets {
        let outcome = scanner.tokenizer.finish();
        self.record.add_findings(&outcome.report, "");
        Secrets { vault: outcome.vault, documents: outcome.documents }
    }

    /// Takes the verdict on the whole body. Before the upstream has all of it the session must remember its secrets,
    /// and there must be room to restore its reply.
    pub(super) fn complete(&mut self, scanner: BodyScanner) -> Result<Secrets, Failure> {
        let session = scanner.session;
        let secrets = self.settle(scanner);
        if let Some(key) = session {
            let settings = &self.snapshot.session;
            let kept = Sessions::shared(settings).remember(key, &secrets.vault, settings);
            kept.map_err(|SessionFull| SESSION_FULL)?;
        }
        if !secrets.is_empty() && !self.memory.reserve(RESTORING) {
            return Err(NO_ROOM_TO_RESTORE);
        }
        Ok(secrets)
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
        UploadStep::File | UploadStep::Piece => {
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
