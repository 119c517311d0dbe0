//! The first window of a request: what is received and scanned before anything is sent. Most requests fit it.

use std::time::Instant;

use aegis_shield::WINDOW;
use aegis_wire::h1::{self, BodyKind};
use aegis_wire::head::BodyLength;

use super::super::answer::http_failure;
use super::error::ExchangeError;
use super::framing::Framing;
use super::scan::{BodyScanner, Scanned, Secrets};
use super::state::Exchange;
use crate::error_body::Failure;

/// A request whose first part is in the write buffer, ready to be sent.
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of it in each exchange, and it stays where it is"
)]
pub(super) enum Sending {
    /// All of the request is in the buffer. It has a content length, and can be sent again.
    Whole(Secrets),
    /// Its head and the first chunk are. The rest of the body is scanned while it is sent.
    Streamed(BodyScanner),
}

impl Default for Sending {
    /// A request in which nothing was found.
    fn default() -> Self {
        Self::Whole(Secrets::default())
    }
}

impl Exchange<'_> {
    /// Waits until the first window is full, or holds the whole body.
    pub(super) async fn receive_first_window(&mut self) -> Result<(), ExchangeError> {
        if !self.has_all() {
            self.body.fill(self.client, self.shard, &self.snapshot.timeouts).await?;
            self.in_hand = Instant::now();
        }
        Ok(())
    }

    /// Scans the first window and puts head and window together.
    pub(super) fn scan_first_window(&mut self, mut scanner: BodyScanner) -> Result<Sending, ExchangeError> {
        let progress = self.put_first_window(&mut scanner);
        Ok(self.settle_progress(scanner, progress)?)
    }

    /// Scans the first window and puts it behind the head. A body that fits it is scanned to its end, however many
    /// steps that takes, since nothing of a request that is refused may have been sent then.
    fn put_first_window(&mut self, scanner: &mut BodyScanner) -> Result<Scanned, Failure> {
        let (shard, snapshot) = (self.shard, &*self.snapshot);
        let out = &mut self.buffers.out;
        let last = self.body.is_last(self.client);
        let window = self.body.window(self.client);
        out.clear();
        let first = scanner.step(shard, snapshot, window, last)?;
        let (mut consumed, mut produced) = (first.consumed, first.produced);
        // The usual body takes one step, and its length is known before it is copied behind the head.
        let takes_more_steps = last && window.len() <= WINDOW && consumed < window.len();
        if takes_more_steps {
            scanner.write_to(shard, &window[..consumed], out.tail());
            while consumed < window.len() {
                let rest = &window[consumed..];
                let step = scanner.step(shard, snapshot, rest, last)?;
                scanner.write_to(shard, &rest[..step.consumed], out.tail());
                (consumed, produced) = (consumed + step.consumed, produced + step.produced);
            }
        }
        let is_whole = last && consumed == window.len();
        let length = match (is_whole, self.parse.framing) {
            (true, BodyKind::None) => BodyLength::Empty,
            (true, _) => BodyLength::Known(produced as u64),
            (false, _) => BodyLength::Unknown,
        };
        let written = h1::write_request(&self.buffers.request, length, out.tail());
        let framing = Framing::announced(written.map_err(|error| http_failure(&error))?);
        if takes_more_steps {
            out.bring_forward(produced);
        } else {
            framing.part(out, |out| scanner.write_to(shard, &window[..consumed], out.tail()));
        }
        self.record.sent_bytes += produced as u64;
        self.body.consume(self.client, consumed);
        Ok(if is_whole { Scanned::Done } else { Scanned::NeedsClient })
    }

    /// Takes the verdict on the body once it was scanned to its end, or cannot be.
    pub(super) fn settle_progress(
        &mut self,
        scanner: BodyScanner,
        progress: Result<Scanned, Failure>,
    ) -> Result<Sending, Failure> {
        self.record.failed_open |= scanner.passes_unscanned();
        match progress {
            Ok(Scanned::Done) => Ok(Sending::Whole(self.complete(scanner)?)),
            Ok(Scanned::NeedsClient) => Ok(Sending::Streamed(scanner)),
            Err(failure) => {
                self.settle(scanner);
                Err(failure)
            }
        }
    }
}
