//! Secrets outside of the body: in the query, in the path, in header values.
//!
//! Two kinds of values are left alone, because they are meant for the upstream and it would refuse the request without
//! them: query parameters in which providers take keys and signatures, and header fields whose *name* says that they hold
//! credentials (`authorization`, `x-api-key`, `cookie`, ...). Everything else is treated as the body is. The usual request has
//! nothing here that is long enough to be a secret, and is told apart without a scan.

use std::sync::Arc;

use aegis_shield::{Format, Outcome, Tokenizer};

use super::{Exchange, Stop};
use crate::error_body::Failure;

/// No secret that a rule finds is shorter.
const SHORTEST: usize = 8;

/// Query parameters that authenticate the client at the upstream.
const CREDENTIAL_PARAMETERS: [&str; 8] =
    ["key", "api_key", "api-key", "apikey", "access_token", "sig", "signature", "x-amz-signature"];

/// Parts of the names of fields that hold credentials for the upstream.
const CREDENTIAL_WORDS: [&[u8]; 8] =
    [b"auth", b"key", b"token", b"secret", b"signature", b"cookie", b"session", b"credential"];

/// Fields of the protocol and of the providers' own libraries, which hold nothing of the user's.
const USUAL_FIELDS: [&[u8]; 16] = [
    b"accept",
    b"accept-encoding",
    b"accept-language",
    b"anthropic-beta",
    b"anthropic-version",
    b"cache-control",
    b"content-type",
    b"date",
    b"openai-beta",
    b"openai-organization",
    b"openai-project",
    b"traceparent",
    b"tracestate",
    b"user-agent",
    b"x-goog-api-client",
    b"x-request-id",
];
const USUAL_PREFIXES: [&[u8]; 2] = [b"x-stainless-", b"sec-"];

const BAD_TARGET: Failure = Failure::internal("the scanner did not finish the request's target");

impl Exchange<'_> {
    /// Takes the secrets out of target and fields. A path of plain words holds none.
    pub(super) fn sanitize_envelope(&mut self, plain_path: bool) -> Result<(), Stop> {
        let query = self.bench.request.path.split_once('?').map_or("", |(_, query)| query);
        if !plain_path || query.split('&').any(is_suspect_parameter) {
            self.sanitize_target()?;
        }
        let suspect = self.bench.request.fields.iter().any(|(name, value)| is_suspect_field(name, value));
        if suspect { self.sanitize_fields() } else { Ok(()) }
    }

    fn sanitize_target(&mut self) -> Result<(), Stop> {
        let target = self.bench.request.path.clone();
        let (place, query) = target.split_once('?').unwrap_or((&target, ""));
        let mut out = String::with_capacity(target.len() + 64);
        out.push_str(&self.sanitize(place, Format::Text, "path")?);
        let mut separator = '?';
        for (index, parameter) in query.split('&').enumerate().filter(|_| target.contains('?')) {
            out.push(separator);
            separator = '&';
            if is_suspect_parameter(parameter) {
                out.push_str(&self.sanitize(parameter, Format::Form, &format!("query[{index}]"))?);
            } else {
                out.push_str(parameter);
            }
        }
        self.bench.request.path = out;
        Ok(())
    }

    fn sanitize_fields(&mut self) -> Result<(), Stop> {
        let fields = std::mem::take(&mut self.bench.request.fields);
        for (name, value) in fields.iter() {
            let kept = match std::str::from_utf8(value) {
                Ok(text) if is_suspect_field(name, value) => {
                    let place = format!("header {}", String::from_utf8_lossy(name));
                    let text = self.sanitize(text, Format::Text, &place)?;
                    self.bench.request.fields.push(name, text.as_bytes())
                }
                _ => self.bench.request.fields.push(name, value),
            };
            kept.map_err(|_| BAD_TARGET)?;
        }
        Ok(())
    }

    /// Replaces the secrets in one short text.
    fn sanitize(&mut self, text: &str, format: Format, place: &str) -> Result<String, Stop> {
        let shield = Arc::clone(&self.snapshot.shield);
        let vault = self.vault.take().unwrap_or_default();
        let mut tokenizer =
            Tokenizer::with_vault(Arc::clone(&shield), format, vault).hiding(self.own_key.clone());
        let mut out = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        loop {
            let pieces = &mut self.bench.pieces;
            let step = self.shard.scratch.push(&shield, &mut tokenizer, rest, true, pieces);
            let consumed = match step {
                Ok(consumed) => consumed,
                Err(failure) => {
                    self.settle_at(tokenizer.finish(), place);
                    return Err(failure.into());
                }
            };
            pieces.write_to(rest, &mut out);
            rest = &rest[consumed..];
            if rest.is_empty() {
                break;
            }
            if consumed == 0 {
                return Err(BAD_TARGET.into());
            }
        }
        self.settle_at(tokenizer.finish(), place);
        String::from_utf8(out).map_err(|_| BAD_TARGET.into())
    }

    fn settle_at(&mut self, outcome: Outcome, place: &str) {
        self.draft.found(&outcome.report, place);
        self.vault = Some(outcome.vault);
    }
}

fn is_suspect_parameter(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or(("", parameter));
    value.len() >= SHORTEST && !CREDENTIAL_PARAMETERS.iter().any(|known| name.eq_ignore_ascii_case(known))
}

fn is_suspect_field(name: &[u8], value: &[u8]) -> bool {
    value.len() >= SHORTEST
        && !USUAL_FIELDS.contains(&name)
        && !USUAL_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        && !CREDENTIAL_WORDS.iter().any(|word| memchr::memmem::find(name, word).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_meant_for_the_upstream_is_left_alone() {
        for (parameter, suspect) in [
            ("key=AIzaSyD3kX9vQ2mT7bW1nR5cY8hJ4gF6pL0aZuE", false),
            ("Api-Key=0123456789abcdef", false),
            ("alt=sse", false),
            ("beta=true", false),
            ("q=0123456789abcdef", true),
            ("0123456789abcdef", true),
        ] {
            assert_eq!(is_suspect_parameter(parameter), suspect, "{parameter}");
        }
        for (name, suspect) in [
            ("authorization", false),
            ("x-api-key", false),
            ("x-auth-token", false),
            ("cookie", false),
            ("x-stainless-runtime-version", false),
            ("user-agent", false),
            ("x-title", true),
            ("metadata", true),
        ] {
            assert_eq!(is_suspect_field(name.as_bytes(), b"0123456789"), suspect, "{name}");
        }
        assert!(!is_suspect_field(b"x-title", b"short"));
    }
}
