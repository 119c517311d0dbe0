//! The head of a reply, and the decision what must be done to its body.
//!
//! A reply to a request in which nothing was found passes as it is, but for the links in it.

use std::sync::Arc;
use std::time::Duration;

use aegis_shield::reply::{Rehydrator, ReplyFormat, TokenCounter};
use aegis_wire::coding::{self, Coding};
use aegis_wire::h1::ResponseParse;
use aegis_wire::head::{BodyLength, ResponseHead, list};

use super::super::answer::REQUEST_ID;
use super::super::exchange_buffers::ExchangeBuffers;
use super::super::net::buffers::LARGE;
use super::super::pool::UpstreamConn;
use super::super::restorer::Restorer;
use super::content_decoder::ContentDecoder;
use super::error::ExchangeError;
use super::head::FINDINGS;
use super::keep_alive::KeepAlive;
use super::response_body::ResponseBody;
use super::scan::Secrets;
use super::send::{Answered, Sent};
use super::state::Exchange;
use crate::error_body::Failure;
use crate::snapshot::Upstream;

const UNREADABLE: Failure = Failure::upstream(
    "the upstream's reply has a content coding that cannot be taken off to restore what was replaced",
);

/// A reply that can be passed on: what must be done to it is decided, and the client has nothing of it yet.
pub(super) struct Replying {
    pub(super) upstream_conn: Box<UpstreamConn>,
    pub(super) body: ResponseBody,
    pub(super) head: HeadPlan,
    /// Longest silence of the upstream.
    pub(super) gap: Duration,
    /// What keeps a silent event stream alive towards the client, where that is wanted.
    pub(super) keep_alive: Option<KeepAlive>,
    /// Whether the connection can carry another exchange behind the body.
    pub(super) is_reusable: bool,
}

/// When the head is written to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HeadPlan {
    /// Before the body, which will be so long.
    First(BodyLength),
    /// When the body is complete, so that its new length is known.
    BehindBody,
}

/// Whether a reply may be a stream, which is silent as long as a model thinks. Labels show few of them: arrays that
/// grow (Gemini without `alt=sse`), lines labelled as JSON, event streams without a label. None of them knows its
/// length beforehand, and what does is no stream.
fn may_stream(format: ReplyFormat, length: BodyLength) -> bool {
    matches!(format, ReplyFormat::Sse | ReplyFormat::JsonLines) || length == BodyLength::Unknown
}

impl Exchange<'_> {
    /// Decides what must be done to the reply whose head has been read, and makes its head one for the client.
    pub(super) fn begin_reply(
        &mut self,
        upstream: &Upstream,
        answered: Answered,
        secrets: Secrets,
    ) -> Result<Replying, ExchangeError> {
        let Answered { mut upstream_conn, parse, sent } = answered;
        upstream_conn.conn.rx.consume(parse.consumed);
        self.record.upstream_status = Some(self.buffers.reply.status);
        // The rest of a body that nobody reads any more stands before the next request.
        self.peer.keep_alive &= self.has_all() && !self.shard.is_leaving();
        self.rewrite_links(upstream)?;
        self.add_own_fields();
        let format = ReplyFormat::of(self.buffers.reply.fields.content_type());
        let length = parse.framing.length();
        let timeouts = &upstream.timeouts;
        let gap =
            if may_stream(format, length) { timeouts.stream_read_gap } else { timeouts.upstream_read_gap };
        let body = self.response_body(upstream, &parse, format, secrets)?;
        let is_collected = body.decoder.is_none()
            && format != ReplyFormat::Sse
            && matches!(length, BodyLength::Known(bytes) if bytes <= LARGE as u64);
        let head = match body.is_plain() {
            true => HeadPlan::First(length),
            false if is_collected => HeadPlan::BehindBody,
            false => HeadPlan::First(BodyLength::Unknown),
        };
        Ok(Replying {
            keep_alive: self.comments(format, length),
            is_reusable: parse.keep_alive && sent == Sent::All,
            upstream_conn,
            body,
            head,
            gap,
        })
    }

    /// Puts the fields into the reply's head that the gateway adds to every reply.
    fn add_own_fields(&mut self) {
        let ExchangeBuffers { request, reply, .. } = &mut *self.buffers;
        self.snapshot.sites.open_reply(&request.fields, &mut reply.fields);
        reply.fields.retain(|name, _| name != REQUEST_ID && name != FINDINGS);
        // Fixed names and values of the gateway's own are always accepted.
        let _ = reply.fields.push(REQUEST_ID, &self.record.id.to_hex());
        if self.record.is_reported() {
            let _ = reply.fields.push(FINDINGS, self.record.summary().as_bytes());
        }
    }

    /// The body with all that must be done to it, and the head without what is not true of it any more.
    fn response_body(
        &mut self,
        upstream: &Upstream,
        parse: &ResponseParse,
        format: ReplyFormat,
        secrets: Secrets,
    ) -> Result<ResponseBody, ExchangeError> {
        let mut body = ResponseBody::plain(parse.framing);
        if parse.framing.length() == BodyLength::Empty {
            return Ok(body);
        }
        let keyring = &self.snapshot.shield.keyring;
        body.links = self.result_links(upstream);
        body.restorer = (!secrets.is_empty())
            .then(|| Rehydrator::new(secrets.vault, format).with_documents(secrets.documents))
            .filter(|rehydrator| !rehydrator.is_transparent())
            .map(|rehydrator| rehydrator.with_keyring(Arc::clone(keyring)))
            .map(|rehydrator| Restorer::new(rehydrator.with_policy(Arc::clone(&self.snapshot.restore))));
        let head = &mut self.buffers.reply;
        let is_edited = !body.is_plain();
        if is_edited {
            // They describe bytes that the client will not see.
            head.fields
                .retain(|name, _| !matches!(name, b"content-md5" | b"content-digest" | b"digest" | b"etag"));
        }
        if head.fields.contains(b"content-encoding") {
            body.decoder = decoder_for(head, &self.buffers.accepts, is_edited)?;
        }
        let is_readable = !head.fields.contains(b"content-encoding");
        body.tokens = (body.restorer.is_none() && is_readable && format != ReplyFormat::Binary)
            .then(|| TokenCounter::new(Arc::clone(keyring)));
        Ok(body)
    }

    /// What keeps the client's connection alive while the upstream is silent, where comments can be put into the body.
    fn comments(&self, format: ReplyFormat, length: BodyLength) -> Option<KeepAlive> {
        let every = self.snapshot.sse_keep_alive;
        let is_readable = format == ReplyFormat::Sse
            && length != BodyLength::Empty
            && !self.buffers.reply.fields.contains(b"content-encoding");
        (is_readable && !every.is_zero()).then(|| KeepAlive::new(every))
    }
}

/// The decoder of a reply that is compressed although nobody asked for it: needed when there is something to restore in
/// it, or when the client does not read its coding.
fn decoder_for(
    head: &mut ResponseHead,
    accepts: &[u8],
    restoring: bool,
) -> Result<Option<ContentDecoder>, Failure> {
    let codings = coding::parse(head.fields.get_all(b"content-encoding"));
    let readable = |coding: &Coding| {
        list(accepts).any(|item| {
            let mut parts = item.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
            let name = parts.next().unwrap_or_default();
            (name == b"*" || name.eq_ignore_ascii_case(coding.as_str().as_bytes()))
                && !parts.any(|part| matches!(part, b"q=0" | b"q=0.0" | b"q=0.00" | b"q=0.000"))
        })
    };
    match codings {
        Ok(codings) if !restoring && codings.iter().all(readable) => Ok(None),
        Ok(codings) => {
            head.fields.remove(b"content-encoding");
            if codings.is_empty() {
                return Ok(None);
            }
            // Passed on piece by piece, a body may grow as it likes.
            let limits = coding::DecoderLimits { output: u64::MAX, ratio: u64::MAX, ratio_floor: u64::MAX };
            ContentDecoder::new(&codings, limits).map(Some).map_err(|_| UNREADABLE)
        }
        Err(_) if restoring => Err(UNREADABLE),
        Err(_) => Ok(None),
    }
}
