//! The reading half of a connection: one reader that lives as long as the connection does.
//!
//! A read that was given to the kernel owns its buffer, and dropping it loses the bytes that it had already moved. So
//! the future that reads is made once per connection and kept. A caller who wants bytes polls it; one who stops waiting
//! leaves the read in flight for the next caller. Three things depend on that: waiting for two connections at once,
//! leaving a read in flight on a pooled connection (a close, or bytes that nobody asked for, show at the next poll),
//! and watching a client while its reply is sent.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use monoio::buf::IoBufMut;
use monoio::io::{AsyncReadRent, OwnedReadHalf};

use super::buffers::{LARGE, SMALL, wipe_written};
use super::listener::Stream;
use super::tls::TlsHalf;

/// Where the first digit of a reply's status lies: behind `HTTP/1.1 `.
const STATUS_CLASS_AT: usize = 9;

/// A buffer that reads fill.
enum ReadBuffer {
    /// No read into it is in flight.
    Here(Vec<u8>),
    /// A read into it is in flight, with all that it already held.
    InKernel,
}

/// What the owner of a connection and its reader pass to each other.
enum ReadSlot {
    /// The reader has nothing to do, or a read is in flight.
    Empty,
    /// The reader is to read behind what the buffer holds, up to so many bytes in all.
    Wanted(Vec<u8>, usize),
    /// The read has ended.
    Done(io::Result<usize>, Vec<u8>),
}

/// Reads from `half` whenever the owner asks. Never woken for a new read: only its owner polls it.
async fn read_forever(mut half: OwnedReadHalf<Stream>, slot: Rc<Cell<ReadSlot>>) -> Infallible {
    loop {
        let (buffer, end) = poll_fn(|_| match slot.replace(ReadSlot::Empty) {
            ReadSlot::Wanted(buffer, end) => Poll::Ready((buffer, end)),
            other => {
                slot.set(other);
                Poll::Pending
            }
        })
        .await;
        let begin = buffer.len();
        let (result, buffer) = half.read(buffer.slice_mut(begin..end)).await;
        slot.set(ReadSlot::Done(result, buffer.into_inner()));
    }
}

/// The reader of a connection. It reads into one buffer at a time.
struct HalfReader {
    future: Pin<Box<dyn Future<Output = Infallible>>>,
    slot: Rc<Cell<ReadSlot>>,
}

impl HalfReader {
    fn new(half: OwnedReadHalf<Stream>) -> Self {
        let slot = Rc::new(Cell::new(ReadSlot::Empty));
        Self { future: Box::pin(read_forever(half, Rc::clone(&slot))), slot }
    }

    /// Polls the read in flight, or begins one behind what `buffer` holds, up to `end` bytes in all.
    fn poll(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuffer, end: usize) -> Poll<io::Result<usize>> {
        if let ReadBuffer::Here(bytes) = buffer {
            self.slot.set(ReadSlot::Wanted(std::mem::take(bytes), end));
            *buffer = ReadBuffer::InKernel;
        }
        let Poll::Pending = self.future.as_mut().poll(cx);
        match self.slot.replace(ReadSlot::Empty) {
            ReadSlot::Done(result, bytes) => {
                *buffer = ReadBuffer::Here(bytes);
                Poll::Ready(result)
            }
            other => {
                self.slot.set(other);
                Poll::Pending
            }
        }
    }
}

/// The bytes that come from a connection, in plaintext, those that were not consumed first.
pub(crate) struct ReadHalf {
    reader: HalfReader,
    /// What the owner of the connection reads. With TLS it never leaves for the kernel.
    plain: ReadBuffer,
    /// Where in `plain` the first byte lies that was not consumed.
    start: usize,
    /// The most bytes that `plain` ever held.
    written: usize,
    has_ended: bool,
    /// Why TLS has ended it, until somebody asks.
    fault: Option<io::Error>,
    is_peer_finished: bool,
    has_filled_buffer: bool,
    /// With TLS, its state and the buffer for what the socket gives.
    tls: Option<(TlsHalf, ReadBuffer)>,
}

impl ReadHalf {
    /// A reader over `half` with a buffer of [`SMALL`] bytes.
    pub(crate) fn new(half: OwnedReadHalf<Stream>) -> Self {
        Self {
            reader: HalfReader::new(half),
            plain: ReadBuffer::Here(Vec::with_capacity(SMALL)),
            start: 0,
            written: 0,
            has_ended: false,
            fault: None,
            is_peer_finished: false,
            has_filled_buffer: false,
            tls: None,
        }
    }

    /// From now on everything passes through TLS.
    pub(crate) fn start_tls(&mut self, tls: TlsHalf) {
        debug_assert!(!self.is_in_kernel());
        self.tls = Some((tls, ReadBuffer::Here(Vec::with_capacity(SMALL))));
    }

    /// Whether everything passes through TLS. What comes may then be more than was asked for, by what one read holds.
    pub(crate) fn has_tls(&self) -> bool {
        self.tls.is_some()
    }

    /// Returns the bytes that have come and were not consumed. Without TLS there are none while a read is in flight,
    /// because the buffer is then with the kernel.
    pub(crate) fn data(&self) -> &[u8] {
        match &self.plain {
            ReadBuffer::Here(buffer) => &buffer[self.start..],
            ReadBuffer::InKernel => &[],
        }
    }

    /// Drops the first `count` bytes of [`Self::data`].
    pub(crate) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.data().len());
        let ReadBuffer::Here(buffer) = &mut self.plain else { return };
        self.start += count;
        if self.start == buffer.len() {
            buffer.clear();
            self.start = 0;
        }
    }

    /// Whether the peer has ended its side gracefully: the end of the stream was read, not a reset.
    pub(crate) fn is_peer_finished(&self) -> bool {
        self.is_peer_finished
    }

    /// Takes the error that has ended a connection with TLS. Reads tell its kind only, and whoever writes has other errors.
    pub(crate) fn take_fault(&mut self) -> Option<io::Error> {
        self.fault.take()
    }

    /// Whether there is such an error.
    pub(crate) fn has_fault(&self) -> bool {
        self.fault.is_some()
    }

    /// Whether the buffer is with the kernel.
    pub(crate) fn is_in_kernel(&self) -> bool {
        matches!(self.plain, ReadBuffer::InKernel)
    }

    /// Bytes that the buffer can hold in all; none while it is with the kernel.
    pub(crate) fn capacity(&self) -> usize {
        match &self.plain {
            ReadBuffer::Here(buffer) => buffer.capacity(),
            ReadBuffer::InKernel => 0,
        }
    }

    /// Whether there is no room to read behind the bytes that are there.
    pub(crate) fn is_full(&self) -> bool {
        self.data().len() >= self.capacity()
    }

    /// Whether the last read filled its buffer, so that there is likely more to come.
    pub(crate) fn has_filled_buffer(&self) -> bool {
        self.has_filled_buffer
    }

    /// Overwrites all memory but what was not consumed, unless it is with the kernel.
    pub(crate) fn wipe(&mut self) {
        if let ReadBuffer::Here(buffer) = &mut self.plain {
            wipe_written(buffer, self.start, self.written);
        }
    }

    /// Moves what is there into `buffer` and gives the old buffer back. `buffer` must be able to hold it, and the
    /// present one must not be with the kernel.
    pub(crate) fn exchange_buffer(&mut self, mut buffer: Vec<u8>) -> Vec<u8> {
        debug_assert!(!self.is_in_kernel() && buffer.capacity() >= self.data().len());
        let ReadBuffer::Here(before) = &mut self.plain else { return buffer };
        buffer.clear();
        buffer.extend_from_slice(&before[self.start..]);
        self.start = 0;
        // It held the beginning of a body that was not scanned yet, and may have held more before.
        wipe_written(before, usize::MAX, self.written);
        self.written = buffer.len();
        std::mem::replace(before, buffer)
    }

    /// Takes the buffer with all that is in it, to be written from it, and the offset of its first unconsumed byte. The
    /// buffer must be brought back with [`Self::put_buffer`] before the next read.
    pub(crate) fn take_buffer(&mut self) -> (Vec<u8>, usize) {
        debug_assert!(!self.is_in_kernel());
        let ReadBuffer::Here(buffer) = &mut self.plain else { return (Vec::new(), 0) };
        (std::mem::take(buffer), std::mem::take(&mut self.start))
    }

    /// Brings a buffer back whose first `consumed` bytes are done with.
    pub(crate) fn put_buffer(&mut self, buffer: Vec<u8>, consumed: usize) {
        debug_assert!(!self.is_in_kernel());
        self.written = self.written.max(buffer.len());
        self.plain = ReadBuffer::Here(buffer);
        self.start = 0;
        self.consume(consumed);
    }

    /// Polls for more bytes, starting a read when none is in flight. Without TLS at most `most` come, so that nothing
    /// of a following message is taken along. `Ok(0)` is the end of the stream.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        if self.has_ended {
            return Poll::Ready(Ok(0));
        }
        if self.tls.is_some() {
            return self.poll_sealed(cx);
        }
        self.make_room(most.min(self.capacity() / 2));
        let end = match &self.plain {
            ReadBuffer::Here(buffer) => {
                let end = buffer.len().saturating_add(most).min(buffer.capacity());
                if end == buffer.len() {
                    return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
                }
                end
            }
            ReadBuffer::InKernel => 0,
        };
        let polled = self.reader.poll(cx, &mut self.plain, end);
        if let (Poll::Ready(result), ReadBuffer::Here(buffer)) = (&polled, &self.plain) {
            self.has_ended = !matches!(result, Ok(count) if *count > 0);
            self.is_peer_finished = matches!(result, Ok(0));
            self.has_filled_buffer = buffer.len() == buffer.capacity();
            self.written = self.written.max(buffer.len());
        }
        polled
    }

    /// Reads more bytes, at most `most`. Stopping to wait for it loses nothing.
    pub(crate) async fn fill(&mut self, most: usize) -> io::Result<usize> {
        poll_fn(|cx| self.poll_fill(cx, most)).await
    }

    /// As [`Self::poll_fill`], for a connection with TLS: reads ciphertext until there is plaintext.
    fn poll_sealed(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            // The buffer may be moved up on the way: what counts is what is not consumed.
            let before = self.data().len();
            match self.poll_record(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(true)) if self.data().len() == before => {}
                Poll::Ready(Ok(true)) => return Poll::Ready(Ok(self.data().len() - before)),
                Poll::Ready(Ok(false)) => {
                    self.has_ended = true;
                    return Poll::Ready(Ok(self.data().len() - before));
                }
                Poll::Ready(Err(error)) => {
                    let kind = error.kind();
                    (self.has_ended, self.fault) = (true, Some(error));
                    return Poll::Ready(Err(kind.into()));
                }
            }
        }
    }

    /// Takes one read's worth of ciphertext and opens it, whatever it holds. False at the end of the stream.
    pub(crate) fn poll_record(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.make_room(self.capacity() / 2);
        let (Some((tls, sealed)), ReadBuffer::Here(plain)) = (&mut self.tls, &mut self.plain) else {
            return Poll::Ready(Ok(false));
        };
        let mut end = 0;
        if let ReadBuffer::Here(buffer) = sealed {
            buffer.clear();
            // A large buffer behind the connection means a large body: fewer and larger reads.
            if plain.capacity() > 2 * SMALL {
                buffer.reserve_exact(plain.capacity().min(LARGE));
            }
            end = buffer.capacity();
        }
        let polled = self.reader.poll(cx, sealed, end);
        let (Poll::Ready(result), ReadBuffer::Here(buffer)) = (polled, sealed) else { return Poll::Pending };
        Poll::Ready(match result {
            Ok(count) if count > 0 => {
                self.has_filled_buffer = buffer.len() == buffer.capacity();
                let opened = tls.open(buffer, plain);
                self.written = self.written.max(plain.len());
                self.is_peer_finished = matches!(opened, Ok(false));
                opened
            }
            Ok(_) => {
                self.is_peer_finished = true;
                tls.end_of_input().map(|()| false)
            }
            Err(error) => Err(error),
        })
    }

    /// Gives back what a large body made TLS hold.
    pub(crate) fn trim(&mut self) {
        if let Some((_, ReadBuffer::Here(sealed))) = &mut self.tls
            && sealed.capacity() > SMALL
        {
            *sealed = Vec::with_capacity(SMALL);
        }
        if self.capacity() > 2 * SMALL && self.data().len() <= SMALL {
            self.exchange_buffer(Vec::with_capacity(SMALL));
        }
    }

    /// Polls for the beginning of a final reply; interim ones (1xx) do not count. False when the peer has closed
    /// without one.
    pub(crate) fn poll_response_started(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            match self.data().get(STATUS_CLASS_AT) {
                Some(b'1') => return Poll::Pending,
                Some(_) => return Poll::Ready(true),
                None => {}
            }
            match self.poll_fill(cx, usize::MAX) {
                Poll::Ready(Ok(count)) if count > 0 => {}
                Poll::Ready(_) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    /// Whether the peer of an idle connection has neither closed it nor sent anything. Does not wait, and leaves a read
    /// in flight.
    pub(crate) fn is_idle_open(&mut self) -> bool {
        if !self.data().is_empty() {
            return false;
        }
        let mut cx = Context::from_waker(Waker::noop());
        self.poll_fill(&mut cx, usize::MAX).is_pending()
    }

    /// Moves the data to the front when fewer than `wanted` bytes are free behind it.
    fn make_room(&mut self, wanted: usize) {
        let ReadBuffer::Here(buffer) = &mut self.plain else { return };
        if self.start > 0 && buffer.capacity() - buffer.len() < wanted {
            buffer.copy_within(self.start.., 0);
            buffer.truncate(buffer.len() - self.start);
            self.start = 0;
        }
    }
}
