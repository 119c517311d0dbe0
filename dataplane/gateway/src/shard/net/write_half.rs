//! The writing half of a connection.

use std::io::{self, IoSlice};
use std::ops::Range;
use std::time::Duration;

use monoio::buf::IoBuf;
use monoio::io::{AsyncWriteRent, OwnedWriteHalf};

use super::deadline::{Deadline, WaitPhase};
use super::listener::Stream;
use super::socket_handle::SocketHandle;
use super::tls::TlsHalf;

/// How long a write may make no progress, and which wait is missed then.
#[derive(Clone, Copy)]
pub(crate) struct WriteTimeout {
    /// The wait that is missed.
    pub(crate) phase: WaitPhase,
    /// The longest time without progress; zero is no limit.
    pub(crate) gap: Duration,
}

/// Slices in one write.
const MAX_SLICES: usize = 64;

/// Bytes that are put together where the socket has no room: little beside what it takes once it has some.
const STAGED: usize = 4 * 1024;

/// Plaintext that is sealed before it is written.
const SEALED_AT_ONCE: usize = 64 * 1024;

/// Bytes that lie in several places and are written without being put together.
pub(crate) trait Slices {
    /// The slice at `index`, from 0; none behind the last.
    fn slice(&self, index: usize) -> Option<&[u8]>;
}

/// How far slices have been written.
#[derive(Clone, Copy, Default)]
struct SlicePosition {
    index: usize,
    /// Bytes of the slice at `index` that are written.
    offset: usize,
}

impl SlicePosition {
    /// What is left of the slice at the position; none at the end. It may be empty.
    fn rest(self, slices: &impl Slices) -> Option<&[u8]> {
        slices.slice(self.index).map(|slice| &slice[self.offset..])
    }

    /// The position `count` bytes further on.
    fn advanced(mut self, slices: &impl Slices, mut count: usize) -> Self {
        while let Some(left) = self.rest(slices).map(<[u8]>::len) {
            if count < left {
                self.offset += count;
                break;
            }
            count -= left;
            self = Self { index: self.index + 1, offset: 0 };
        }
        self
    }

    /// Calls `take` with what follows, at most `most` bytes in all.
    fn take(self, slices: &impl Slices, mut most: usize, mut take: impl FnMut(&[u8])) {
        let mut at = self;
        while let Some(rest) = at.rest(slices).filter(|_| most > 0) {
            let part = &rest[..rest.len().min(most)];
            take(part);
            most -= part.len();
            at = Self { index: at.index + 1, offset: 0 };
        }
    }
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
        if let Err(error) = tls.put(&bytes[range]) {
            return (Err(error), bytes);
        }
        let sealed = tls.take();
        let all = 0..sealed.len();
        let (result, sealed) = self.write_raw(sealed, all, deadline, timeout).await;
        tls.reuse(sealed);
        (result, bytes)
    }

    /// Writes `slices` to the end. What is to be sent is copied only where the socket had no room, [`STAGED`] bytes each
    /// time; with TLS it is sealed. Nothing of the slices is with the kernel when the write is given up.
    pub(crate) async fn write_slices(
        &mut self,
        slices: &impl Slices,
        handle: Option<&SocketHandle>,
        deadline: &Deadline,
        timeout: WriteTimeout,
    ) -> io::Result<()> {
        let mut at = SlicePosition::default();
        let mut staged = Vec::new();
        while at.rest(slices).is_some() {
            let mut taken = 0;
            let sealed = self.tls.clone();
            if let Some(tls) = &sealed {
                let mut outcome = Ok(());
                at.take(slices, SEALED_AT_ONCE, |part| {
                    taken += part.len();
                    outcome = std::mem::replace(&mut outcome, Ok(())).and_then(|()| tls.put(part));
                });
                outcome?;
                staged = tls.take();
            } else {
                at = self.write_now(slices, at, handle)?;
                staged.clear();
                at.take(slices, STAGED, |part| staged.extend_from_slice(part));
                taken = staged.len();
            }
            let all = 0..staged.len();
            let result;
            (result, staged) = self.write_raw(staged, all, deadline, timeout).await;
            result?;
            if let Some(tls) = &sealed {
                tls.reuse(std::mem::take(&mut staged));
            }
            at = at.advanced(slices, taken);
        }
        Ok(())
    }

    /// Writes from `at` on as much as the socket has room for. Gives the position behind it.
    fn write_now(
        &mut self,
        slices: &impl Slices,
        mut at: SlicePosition,
        handle: Option<&SocketHandle>,
    ) -> io::Result<SlicePosition> {
        let Some(handle) = handle else { return Ok(at) };
        loop {
            let mut parts = [IoSlice::new(&[]); MAX_SLICES];
            let (mut used, mut next) = (0, at);
            while used < MAX_SLICES
                && let Some(rest) = next.rest(slices)
            {
                parts[used] = IoSlice::new(rest);
                used += 1;
                next = SlicePosition { index: next.index + 1, offset: 0 };
            }
            let wanted: usize = parts[..used].iter().map(|part| part.len()).sum();
            if wanted == 0 {
                return Ok(next);
            }
            match handle.write_now(&parts[..used]) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => {
                    self.sent += count as u64;
                    at = at.advanced(slices, count);
                    // A part of a write means that the socket is full.
                    if count < wanted {
                        return Ok(at);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(at),
                Err(error) => return Err(error),
            }
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Parts([&'static [u8]; 5]);

    impl Slices for Parts {
        fn slice(&self, index: usize) -> Option<&[u8]> {
            self.0.get(index).copied()
        }
    }

    #[test]
    fn every_position_takes_what_follows_it() {
        let parts = Parts([b"ab", b"", b"c", b"defg", b""]);
        let whole = b"abcdefg";
        for first in 0..=whole.len() {
            for second in 0..=whole.len() - first {
                let at = SlicePosition::default().advanced(&parts, first).advanced(&parts, second);
                for most in 0..=whole.len() + 1 {
                    let mut taken = Vec::new();
                    at.take(&parts, most, |part| taken.extend_from_slice(part));
                    let end = whole.len().min(first + second + most);
                    assert_eq!(taken, whole[first + second..end], "{first} and {second}, then {most}");
                }
                assert_eq!(at.rest(&parts).is_none(), first + second == whole.len());
            }
        }
    }
}
