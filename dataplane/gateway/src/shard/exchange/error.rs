//! Why an exchange, or a part of it, does not run to its end.

use super::super::restorer::Panicked;
use super::local_request::LocalRequest;
use crate::error_body::Failure;
use crate::events::Ending;

const BROKE_OFF: Failure = Failure::upstream("the upstream broke off inside its reply");
const FELL_SILENT: Failure = Failure::timeout("the upstream fell silent inside its reply");
const NO_REPLY: Failure = Failure::upstream("the upstream closed the connection without a reply");
const HALF_SENT: Failure = Failure::upstream("the upstream closed the connection inside the request");

/// Why an exchange did not run to its end.
#[derive(Debug)]
pub(super) enum ExchangeError {
    /// The gateway answers the client: no reply has begun.
    Answer(Failure),
    /// The request is about the gateway itself, not about an upstream.
    Local(LocalRequest),
    /// The client went away or stopped reading.
    ClientGone,
    /// The client has a part of the reply, and there will be no more.
    ReplyCut(Ending),
}

impl From<Failure> for ExchangeError {
    fn from(failure: Failure) -> Self {
        Self::Answer(failure)
    }
}

/// Why an attempt to send a request brought no reply.
#[derive(Debug)]
pub(super) enum SendError {
    /// The upstream closed the connection. What was written is still in the buffer and can be put on another one.
    Stale,
    /// The upstream closed the connection, and the request, which was written whole, is gone.
    Unanswered,
    /// The upstream closed the connection, and parts of the request are gone.
    Lost,
    /// Another connection would change nothing.
    Failed(ExchangeError),
}

impl<E: Into<ExchangeError>> From<E> for SendError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl SendError {
    /// What the error means when the request is not sent again.
    pub(super) fn give_up(self) -> ExchangeError {
        match self {
            Self::Stale | Self::Unanswered => NO_REPLY.into(),
            Self::Lost => HALF_SENT.into(),
            Self::Failed(error) => error,
        }
    }
}

/// Why a reply did not come to its end.
#[derive(Debug)]
pub(super) enum ReplyError {
    /// The client went away or stopped reading.
    ClientGone,
    /// The upstream closed the connection, or sent what cannot be read or restored.
    BrokenOff,
    /// The upstream sent nothing for too long.
    FellSilent,
}

impl ReplyError {
    /// What the error means while the client has nothing of the reply.
    pub(super) fn before_head(self) -> ExchangeError {
        match self {
            Self::ClientGone => ExchangeError::ClientGone,
            Self::BrokenOff => BROKE_OFF.into(),
            Self::FellSilent => FELL_SILENT.into(),
        }
    }

    /// What the error means once the client has the head of the reply.
    pub(super) fn inside_body(self) -> ExchangeError {
        match self {
            Self::ClientGone => ExchangeError::ClientGone,
            Self::BrokenOff => ExchangeError::ReplyCut(Ending::UpstreamAborted),
            Self::FellSilent => ExchangeError::ReplyCut(Ending::TimedOut),
        }
    }
}

impl From<Panicked> for ReplyError {
    fn from(_: Panicked) -> Self {
        Self::BrokenOff
    }
}

/// The client took no more of what was written to it.
pub(super) struct ClientGone;

impl From<ClientGone> for ExchangeError {
    fn from(_: ClientGone) -> Self {
        Self::ClientGone
    }
}

impl From<ClientGone> for ReplyError {
    fn from(_: ClientGone) -> Self {
        Self::ClientGone
    }
}
