//! The writing half of a connection.

use std::io;
use std::ops::Range;
use std::time::Duration;

use monoio::buf::IoBuf;
use monoio::io::{AsyncWriteRent, OwnedWriteHalf};

use super::deadline::{Deadline, Phase};
use super::listener::Stream;
use super::tls::Secure;

/// How long one write may make no progress, and whose fault it then is.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// The phase that is missed.
    pub(crate) phase: Phase,
    /// The longest time without progress; zero is no limit.
    pub(crate) gap: Duration,
}

/// The writing half.
pub(crate) struct Outbound {
    half: OwnedWriteHalf<Stream>,
    secure: Option<Secure>,
    /// Bytes given to the socket so far, sealed ones where there is TLS.
    sent: u64,
}

impl Outbound {
    /// A writer over `half`, without TLS.
    pub(crate) fn new(half: OwnedWriteHalf<Stream>) -> Self {
        Self { half, secure: None, sent: 0 }
    }

    /// From now on everything passes through TLS.
    pub(crate) fn secure(&mut self, secure: Secure) {
        self.secure = Some(secure);
    }

    /// Has TLS say, with the next write, that this side sends no more. False without TLS.
    pub(crate) fn close_tls(&self) -> bool {
        self.secure.as_ref().map(Secure::close).is_some()
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
        patience: Patience,
    ) -> (io::Result<()>, Vec<u8>) {
        let Some(secure) = self.secure.clone() else {
            return self.write_raw(bytes, range, deadline, patience).await;
        };
        let sealed = match secure.seal(&bytes[range]) {
            Ok(sealed) => sealed,
            Err(error) => return (Err(error), bytes),
        };
        let all = 0..sealed.len();
        let (result, sealed) = self.write_raw(sealed, all, deadline, patience).await;
        secure.reuse(sealed);
        (result, bytes)
    }

    async fn write_raw(
        &mut self,
        mut bytes: Vec<u8>,
        range: Range<usize>,
        deadline: &Deadline,
        patience: Patience,
    ) -> (io::Result<()>, Vec<u8>) {
        let mut at = range.start;
        while at < range.end {
            deadline.arm(patience.phase, patience.gap);
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
