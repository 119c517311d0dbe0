//! The end of an exchange: what the client is answered after an error, what becomes of its connection, and the record.

use aegis_wire::h1::Peer;
use aegis_wire::head::Method;

use super::super::answer::{Recipient, write_failure};
use super::error::{ClientGone, ExchangeError};
use super::state::Exchange;
use crate::error_body::{ErrorKind, Failure};
use crate::events::{Ending, LogEventLevel};

const FAILED_OPEN: &str = "its body cannot be scanned, and policy.fail_mode is open";

/// What becomes of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::shard) enum Disposition {
    /// It takes the next request.
    Keep,
    /// It is closed.
    Close,
    /// It is closed once the client has had a chance to read the answer: what it still sends is thrown away.
    Linger,
    /// It is cut, so that the client does not take a part for the whole.
    Cut,
}

impl Disposition {
    /// What becomes of the connection behind a complete reply. Behind a body that was not read to its end it is not
    /// known where the next request begins.
    fn behind_reply(keep_alive: bool, all_read: bool) -> Self {
        match (keep_alive, all_read) {
            (true, _) => Self::Keep,
            (false, true) => Self::Close,
            (false, false) => Self::Linger,
        }
    }
}

impl Exchange<'_> {
    /// Reports the outcome and decides what happens to the client's connection.
    pub(super) async fn conclude(&mut self, outcome: Result<(), ExchangeError>) -> Disposition {
        self.record.request_bytes = self.body.received(self.client);
        let all_read = self.body.is_last(self.client);
        // What is left of it goes nowhere: behind a body that was not read to its end the connection ends.
        self.body.discard(self.client);
        self.wipe_request();
        let disposition = match outcome {
            Ok(()) => Disposition::behind_reply(self.peer.keep_alive, all_read),
            Err(error) => self.conclude_error(error, all_read).await,
        };
        self.record.note_stop(disposition != Disposition::Cut);
        if self.record.failed_open {
            self.shard
                .log_event(LogEventLevel::Error, "a request passed unscanned", || FAILED_OPEN.to_owned());
        }
        if self.record.findings_total > 0 || self.has_earlier_values {
            self.buffers.wipe();
        }
        self.record.close();
        disposition
    }

    async fn conclude_error(&mut self, error: ExchangeError, all_read: bool) -> Disposition {
        let is_missed = self.client.deadline.is_missed();
        match error {
            ExchangeError::ClientGone => {
                self.record.ended = if is_missed { Ending::TimedOut } else { Ending::ClientAborted };
                Disposition::Cut
            }
            ExchangeError::ReplyCut(ending) => {
                self.record.ended = ending;
                Disposition::Cut
            }
            ExchangeError::Local(request) => {
                let keep_alive = self.peer.keep_alive && all_read;
                let answered = self.answer_local(request, keep_alive).await;
                answered.map_or(Disposition::Cut, |()| Disposition::behind_reply(keep_alive, all_read))
            }
            ExchangeError::Answer(failure) => {
                let keep_alive = self.peer.keep_alive && all_read && !is_missed && failure.status != 408;
                let answered = self.answer_failure(&failure, keep_alive).await;
                answered.map_or(Disposition::Cut, |()| Disposition::behind_reply(keep_alive, all_read))
            }
        }
    }

    /// Answers with the gateway's own error, and records it.
    async fn answer_failure(&mut self, failure: &Failure, keep_alive: bool) -> Result<(), ClientGone> {
        self.record.note_failure(failure);
        if failure.kind == ErrorKind::Overloaded {
            self.shard.metrics.overloaded.inc();
        }
        let recipient = Recipient {
            provider: self.provider,
            peer: Peer { keep_alive, ..self.peer },
            id: self.record.id.to_hex(),
            head_only: self.method == Method::Head,
            sites: Some(&self.snapshot.sites),
        };
        write_failure(self.buffers, failure, &recipient);
        self.flush().await
    }
}
