//! `POST /aegis/v1/preview`: what would be sent of a body. Nothing is sent, counted as a finding or recorded with one.
//!
//! The body passes the same scanner, policy and limits as that of a request, and the same key is asked for.

use aegis_detect::OwnValue;
use aegis_wire::h1;
use aegis_wire::head::{BodyLength, Method};
use zeroize::Zeroizing;

use super::super::answer::REQUEST_ID;
use super::error::{ClientGone, ExchangeError};
use super::hold::HeldExtent;
use super::local_request::PREVIEW_PATH;
use super::scan::RequestScan;
use super::state::Exchange;
use crate::auth;
use crate::error_body::{ErrorKind, Failure};
use crate::preview::Preview;

/// The parameter that names an upstream: its key, its errors.
const PROVIDER: &[u8] = b"provider";
/// Bytes of the answer that are written at once.
const PIECE: usize = 64 * 1024;
/// The answer holds the body once more, with escapes.
const COPIES: usize = 3;

const NO_POST: Failure = Failure::new(
    405,
    ErrorKind::InvalidRequest,
    "a preview is asked with POST: send the body of a request, with its content-type",
);
const NO_SUCH_PROVIDER: Failure =
    Failure::invalid("the parameter provider names no configured upstream: leave it out, or name one");
const UNLISTED_PAGE: Failure = Failure::new(
    403,
    ErrorKind::Forbidden,
    "a web page asks for a preview, and its origin is not listed: add it to server.origins",
);
const NO_ROOM: Failure = Failure::overloaded("the gateway has no room for a preview of this body");
const TOO_LONG: Failure = Failure::new(
    413,
    ErrorKind::PayloadTooLarge,
    "the body is longer than limits.hold: such a one is not looked at before it is sent",
);
const NO_ANSWER: Failure = Failure::internal("the preview cannot be written");

impl Exchange<'_> {
    /// Decides whether the client may ask. Gives the gateway key that it came with, where no rule finds it in a text.
    pub(super) fn admit_preview(&mut self) -> Result<Option<OwnValue>, ExchangeError> {
        self.record.path = PREVIEW_PATH.into();
        let name = provider_of(&self.buffers.request.path);
        let upstream = name.as_deref().map(|name| self.snapshot.upstream(name).cloned());
        if let Some(Some(upstream)) = &upstream {
            self.provider = upstream.provider;
        }
        self.record.reserve(self.snapshot.fail_mode)?;
        let fields = &self.buffers.request.fields;
        // A page that leads the gateway's name or address to itself must not learn which token a value has. Browsers say
        // with every POST where it comes from.
        if !fields.get_all(b"origin").all(|origin| self.snapshot.sites.is_listed(origin)) {
            return Err(UNLISTED_PAGE.into());
        }
        let key = match &upstream {
            Some(Some(upstream)) => auth::check(&self.snapshot.auth, fields, upstream)?,
            Some(None) | None => auth::check_own(&self.snapshot.auth, fields)?,
        };
        let mut own = None;
        if let Some(key) = key {
            self.record.set_key(key);
            own = auth::own_key_of_client(fields);
        }
        if upstream.is_some_and(|found| found.is_none()) {
            return Err(NO_SUCH_PROVIDER.into());
        }
        if self.method != Method::Post {
            return Err(NO_POST.into());
        }
        Ok(own)
    }

    /// Scans the body and answers with what would be sent.
    pub(super) async fn preview(&mut self, gateway_key: Option<OwnValue>) -> Result<(), ExchangeError> {
        let answered = self.answer_preview(gateway_key).await;
        self.shard.scanner.wipe();
        self.body.wipe(self.client);
        self.buffers.wipe();
        answered
    }

    async fn answer_preview(&mut self, gateway_key: Option<OwnValue>) -> Result<(), ExchangeError> {
        let format = self.body_format()?;
        self.reserve_body()?;
        self.answer_expectation().await?;
        let scan = RequestScan::of_preview(&self.snapshot, gateway_key);
        let mut scanner = self.body_scanner(scan, format);
        let refusal = match self.hold(&mut scanner).await {
            Ok(HeldExtent::Whole) => None,
            Ok(HeldExtent::Beginning) => return Err(TOO_LONG.into()),
            Err(ExchangeError::Answer(failure)) if failure.kind == ErrorKind::PolicyViolation => {
                Some(failure)
            }
            Err(error) => return Err(error),
        };
        if !self.memory.cover(self.buffers.held_bytes() + COPIES * self.buffers.splice.len()) {
            return Err(NO_ROOM.into());
        }
        let mut out = Zeroizing::new(Vec::new());
        let used = &self.body.window(self.client)[..scanner.scanned()];
        self.buffers.splice.write_to(used, &mut out);
        let is_unscanned = scanner.passes_unscanned();
        let report = scanner.into_report();
        let answer = Preview {
            body: refusal.is_none().then_some(&out[..]),
            request_bytes: self.body.received(self.client),
            report: &report,
            rules: &self.snapshot.shield.rules,
            refusal: refusal.as_ref(),
            is_unscanned,
        };
        let answer = answer.to_json().map_err(|_| NO_ANSWER)?;
        self.write_preview(&answer).await?;
        Ok(())
    }

    async fn write_preview(&mut self, answer: &[u8]) -> Result<(), ClientGone> {
        // Behind a body that was not read to its end it is not known where the next request begins.
        self.peer.keep_alive &= self.has_all();
        let reply = &mut self.buffers.reply;
        reply.clear();
        reply.status = 200;
        for (name, value) in [
            (&b"content-type"[..], &b"application/json"[..]),
            (REQUEST_ID, &self.record.id.to_hex()[..]),
            (b"cache-control", b"no-store"),
        ] {
            // Fixed names and values of the gateway's own are always accepted.
            let _ = reply.fields.push(name, value);
        }
        self.snapshot.sites.open_reply(&self.buffers.request.fields, &mut reply.fields);
        self.record.status = reply.status;
        self.buffers.out.clear();
        let length = BodyLength::Known(answer.len() as u64);
        h1::write_response(&self.buffers.reply, length, self.peer, self.buffers.out.tail());
        for piece in answer.chunks(PIECE) {
            self.buffers.out.tail().extend_from_slice(piece);
            self.flush().await?;
        }
        Ok(())
    }
}

/// The name of the upstream that the query gives, as it stands there.
fn provider_of(path: &str) -> Option<String> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        (aegis_wire::target::decoded(name) == PROVIDER)
            .then(|| String::from_utf8_lossy(&aegis_wire::target::decoded(value)).into_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_parameter_is_read() {
        for (path, expected) in [
            ("/x?provider=openai", Some("openai")),
            ("/x?a=1&pro%76ider=my%2Dllm&provider=z", Some("my-llm")),
            ("/x?provider", None),
            ("/x", None),
        ] {
            assert_eq!(provider_of(path).as_deref(), expected, "{path}");
        }
    }
}
