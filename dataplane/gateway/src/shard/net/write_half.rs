//! The writing half of a connection.

use std::io;
use std::ops::Range;
use std::time::Duration;

use monoio::buf::IoBuf;
use monoio::io::{AsyncWriteRent, OwnedWriteHalf};

use super::deadline::{Deadline, WaitPhase};
use super::listener::Stream;
use super::tls::TlsHalf;

/// How long a write may make no progress, and which wait is missed then.
#[derive(Clone, Copy)]
pub(crate) struct WriteTimeout {
    /// The wait that is missed.
    pub(crate) phase: WaitPhase,
    /// The longest time without progress; zero is no limit.
    pub(crate) gap: Duration,
}

/// Writes what its owner gives it, sealed where there is TLS.
pub(crate) struct WriteHalf {
    half: OwnedWriteHalf<Stream>,
    tls: Option<TlsHalf>,
    sent: u64,
}

impl WriteHalf {
    /// A writer over `half`, without TLS.
    pub(crate) fn new(half: OwnedWriteHalf<Stream>) -> Self {
        Self { half, tls: None, sent: 0 }
    }

    /// From now on everything passes through TLS.
    pub(crate) fn start_tls(&mut self, tls: TlsHalf) {
        self.tls = Some(tls);
    }

    /// Makes the next write end with TLS's notification that this side sends no more. False without TLS.
    pub(crate) fn close_tls(&self) -> bool {
        self.tls.as_ref().map(TlsHalf::close).is_some()
    }

    /// Bytes given to the socket so far, sealed ones where there is TLS.
    pub(crate) fn sent(&self) -> u64 {
        self.sent
    }

    /// Writes `range` of `bytes` to the end. Gives the bytes back in any case.
    pub(crate) async fn write(
        &mut self,
        bytes: Vec<u8>,
        range: Range<usize>,
        deadline: &Deadline,
        timeout: WriteTimeout,
    ) -> (io::Result<()>, Vec<u8>) {
        let Some(tls) = self.tls.clone() else {
            return self.write_raw(bytes, range, deadline, timeout).await;
        };
        let sealed = match tls.seal(&bytes[range]) {
            Ok(sealed) => sealed,
            Err(error) => return (Err(error), bytes),
        };
        let all = 0..sealed.len();
        let (result, sealed) = self.write_raw(sealed, all, deadline, timeout).await;
        tls.reuse(sealed);
        (result, bytes)
    }

    async fn write_raw(
        &mut self,
        mut bytes: Vec<u8>,
        range: Range<usize>,
        deadline: &Deadline,
        timeout: WriteTimeout,
    ) -> (io::Result<()>, Vec<u8>) {
        let mut at = range.start;
        while at < range.end {
            let _wait = deadline.within(timeout.phase, timeout.gap);
            let (result, slice) = self.half.write(bytes.slice(at..range.end)).await;
            bytes = slice.into_inner();
            match result {
                Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), bytes),
                Ok(count) => {
                    at += count;
                    self.sent += count as u64;
                }
                Err(error) => return (Err(error), bytes),
            }
        }
        (Ok(()), bytes)
    }
}
