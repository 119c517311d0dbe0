//! The error of the HTTP codecs: the status to answer with and a fixed reason.
//!
//! It never carries bytes of the message, because those may hold credentials and end in logs and replies.

use std::fmt;

/// Why a message was refused.
///
/// For a request [`status`](Self::status) is what the client is answered with; for a reply from an upstream it is
/// always 502. After an error the connection cannot be used for another message, because its framing is no longer
/// known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpError {
    status: u16,
    reason: &'static str,
}

impl HttpError {
    /// An error answered with `status`; `reason` is shown to the client as it is.
    pub const fn new(status: u16, reason: &'static str) -> Self {
        Self { status, reason }
    }

    /// A malformed or ambiguous request (400).
    pub const fn bad_request(reason: &'static str) -> Self {
        Self::new(400, reason)
    }

    /// A reply of an upstream that cannot be trusted (502).
    pub const fn bad_reply(reason: &'static str) -> Self {
        Self::new(502, reason)
    }

    /// The HTTP status to answer with: 400, 405, 413, 417, 431, 501 or 505 for a request, 502 for an upstream's reply.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// What is wrong, in a few words that hold nothing of the message.
    pub const fn reason(&self) -> &'static str {
        self.reason
    }
}

impl fmt::Display for HttpError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.reason)
    }
}

impl std::error::Error for HttpError {}
