//! Errors of the gateway, in the shape that the provider's own SDK understands.
//!
//! A tool must show the user what happened, and a tool parses errors the way its provider writes them. The message is
//! the gateway's own text; it never holds anything of the request.

use std::borrow::Cow;

use crate::config::settings::Provider;

/// What went wrong, as a word that programs can test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request breaks HTTP's rules or the gateway's.
    InvalidRequest,
    /// No gateway key, or an unknown one.
    Unauthorized,
    /// The gateway key was disabled.
    TokenRevoked,
    /// The gateway key may not use this upstream.
    Forbidden,
    /// The request holds something that policy says must not leave.
    PolicyViolation,
    /// The body is over the limit, as sent or as decoded.
    PayloadTooLarge,
    /// A content coding that the gateway cannot look into.
    UnsupportedEncoding,
    /// Nothing usable came from the upstream.
    UpstreamError,
    /// The upstream took too long.
    UpstreamTimeout,
    /// The gateway has no room for another request.
    Overloaded,
    /// A fault of the gateway itself.
    Internal,
}

impl ErrorKind {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::Unauthorized => "unauthorized",
            Self::TokenRevoked => "token_revoked",
            Self::Forbidden => "forbidden",
            Self::PolicyViolation => "policy_violation",
            Self::PayloadTooLarge => "payload_too_large",
            Self::UnsupportedEncoding => "unsupported_encoding",
            Self::UpstreamError => "upstream_error",
            Self::UpstreamTimeout => "upstream_timeout",
            Self::Overloaded => "overloaded",
            Self::Internal => "internal_error",
        }
    }
}

impl ErrorKind {
    /// Whether it says that something could not be looked into, as opposed to something that was found or is too much.
    pub fn is_unscannable(self) -> bool {
        matches!(self, Self::InvalidRequest | Self::Internal)
    }
}

/// An answer the gateway gives itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// HTTP status.
    pub status: u16,
    /// The word for it.
    pub kind: ErrorKind,
    /// A sentence for people.
    pub message: Cow<'static, str>,
}

impl Failure {
    /// An error with a fixed message.
    pub const fn new(status: u16, kind: ErrorKind, message: &'static str) -> Self {
        Self { status, kind, message: Cow::Borrowed(message) }
    }

    /// 400: the request breaks a rule.
    pub const fn invalid(message: &'static str) -> Self {
        Self::new(400, ErrorKind::InvalidRequest, message)
    }

    /// 502: the upstream gave nothing usable.
    pub const fn upstream(message: &'static str) -> Self {
        Self::new(502, ErrorKind::UpstreamError, message)
    }

    /// 504: the upstream took too long.
    pub const fn timeout(message: &'static str) -> Self {
        Self::new(504, ErrorKind::UpstreamTimeout, message)
    }

    /// 503: no room.
    pub const fn overloaded(message: &'static str) -> Self {
        Self::new(503, ErrorKind::Overloaded, message)
    }

    /// 500: a fault of the gateway. What could not be scanned was not sent.
    pub const fn internal(message: &'static str) -> Self {
        Self::new(500, ErrorKind::Internal, message)
    }

    /// Seconds after which trying again makes sense.
    pub fn retry_after(&self) -> Option<&'static [u8]> {
        (self.kind == ErrorKind::Overloaded).then_some(b"1")
    }

    /// Appends the JSON body in `provider`'s shape.
    pub fn write_body(&self, provider: Provider, out: &mut Vec<u8>) {
        let kind = self.kind.as_str().as_bytes();
        match provider {
            Provider::Anthropic => {
                out.extend_from_slice(br#"{"type":"error","error":{"type":""#);
                out.extend_from_slice(kind);
                out.extend_from_slice(br#"","message":""#);
                escape(&self.message, out);
                out.extend_from_slice(br#""}}"#);
            }
            Provider::Google => {
                out.extend_from_slice(br#"{"error":{"code":"#);
                out.extend_from_slice(self.status.to_string().as_bytes());
                out.extend_from_slice(br#","message":""#);
                escape(&self.message, out);
                out.extend_from_slice(br#"","status":""#);
                out.extend_from_slice(google_status(self.status).as_bytes());
                out.extend_from_slice(
                    br#"","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":""#,
                );
                out.extend_from_slice(kind);
                out.extend_from_slice(br#"","domain":"aegis"}]}}"#);
            }
            Provider::Openai | Provider::Generic => {
                out.extend_from_slice(br#"{"error":{"message":""#);
                escape(&self.message, out);
                out.extend_from_slice(br#"","type":""#);
                out.extend_from_slice(kind);
                out.extend_from_slice(br#"","param":null,"code":""#);
                out.extend_from_slice(kind);
                out.extend_from_slice(br#""}}"#);
            }
        }
    }
}

/// Google's canonical code for an HTTP status (google/rpc/code.proto).
fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        408 | 504 => "DEADLINE_EXCEEDED",
        429 => "RESOURCE_EXHAUSTED",
        501 => "UNIMPLEMENTED",
        500 => "INTERNAL",
        502 | 503 => "UNAVAILABLE",
        _ => "INVALID_ARGUMENT",
    }
}

/// JSON string escapes for the gateway's own texts.
fn escape(text: &str, out: &mut Vec<u8>) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            0..=0x1f => out.push(b' '),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn body(provider: Provider, failure: &Failure) -> Value {
        let mut out = Vec::new();
        failure.write_body(provider, &mut out);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn each_provider_gets_its_own_shape() {
        let failure = Failure::new(403, ErrorKind::PolicyViolation, "a \"key\" must not leave");
        let anthropic = body(Provider::Anthropic, &failure);
        assert_eq!(anthropic["type"], "error");
        assert_eq!(anthropic["error"]["type"], "policy_violation");
        assert_eq!(anthropic["error"]["message"], "a \"key\" must not leave");
        let openai = body(Provider::Openai, &failure);
        assert_eq!(openai["error"]["type"], "policy_violation");
        assert_eq!(openai["error"]["code"], "policy_violation");
        assert!(openai["error"]["param"].is_null());
        let google = body(Provider::Google, &failure);
        assert_eq!(google["error"]["code"], 403);
        assert_eq!(google["error"]["status"], "PERMISSION_DENIED");
        assert_eq!(google["error"]["details"][0]["reason"], "policy_violation");
        assert_eq!(body(Provider::Generic, &failure), openai);
    }

    #[test]
    fn a_message_cannot_break_out_of_its_string() {
        let failure = Failure { message: "a\\\"},\n\u{1}".into(), ..Failure::invalid("") };
        assert_eq!(body(Provider::Openai, &failure)["error"]["message"], "a\\\"},  ");
    }
}
