//! The reading half of a connection: one reader that lives as long as the connection does.
//!
//! A read handed to the kernel owns its buffer, and dropping it loses the bytes it had already moved. So the future that
//! reads is made once per connection and kept; whoever wants bytes polls it, and whoever stops waiting leaves the read in
//! flight for the next one who asks. That makes three things safe that would otherwise lose data: waiting for two
//! connections at once, leaving a pooled connection with a read pending (a close or unexpected bytes then show at the
//! next look), and watching a client while its reply runs.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use monoio::buf::IoBufMut;
use monoio::io::{AsyncReadRent, OwnedReadHalf};

use super::buffers::{SMALL, wipe};
use super::listener::Stream;
use super::tls::Secure;

/// Where a reply says of which class its status is: behind `HTTP/1.1 `.
const STATUS_CLASS: usize = 9;

/// What passes between the owner of a connection and its reader.
enum Turn {
    /// The reader has nothing to do.
    Rest,
    /// Read behind what the buffer holds, up to so many bytes in all.
    Read(Vec<u8>, usize),
    /// The read has ended.
    Done(io::Result<usize>, Vec<u8>),
}

/// Reads from `half` whenever the owner asks. Never woken for a new turn: only its owner polls it.
async fn read_forever(mut half: OwnedReadHalf<Stream>, turn: Rc<Cell<Turn>>) -> Infallible {
    loop {
        let (buffer, end) = poll_fn(|_| match turn.replace(Turn::Rest) {
            Turn::Read(buffer, end) => Poll::Ready((buffer, end)),
            other => {
                turn.set(other);
                Poll::Pending
            }
        })
        .await;
        let begin = buffer.len();
        let (result, buffer) = half.read(buffer.slice_mut(begin..end)).await;
        turn.set(Turn::Done(result, buffer.into_inner()));
    }
}

/// The reader and its one read.
struct Reader {
    future: Pin<Box<dyn Future<Output = Infallible>>>,
    turn: Rc<Cell<Turn>>,
    in_flight: bool,
}

impl Reader {
    fn new(half: OwnedReadHalf<Stream>) -> Self {
        let turn = Rc::new(Cell::new(Turn::Rest));
        Self { future: Box::pin(read_forever(half, Rc::clone(&turn))), turn, in_flight: false }
    }

    /// Polls the read in flight, or begins one behind what `buffer` holds, up to `end` bytes in all. While it is in flight
    /// the buffer is away.
    fn poll(&mut self, cx: &mut Context<'_>, buffer: &mut Vec<u8>, end: usize) -> Poll<io::Result<usize>> {
        if !self.in_flight {
            self.turn.set(Turn::Read(std::mem::take(buffer), end));
            self.in_flight = true;
        }
        let Poll::Pending = self.future.as_mut().poll(cx);
        match self.turn.replace(Turn::Rest) {
            Turn::Done(result, read) => {
                self.in_flight = false;
                *buffer = read;
                Poll::Ready(result)
            }
            other => {
                self.turn.set(other);
                Poll::Pending
            }
        }
    }
}

/// Bytes as they come from a connection, without TLS, unconsumed ones first.
pub(crate) struct Inbound {
    reader: Reader,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
    finished: bool,
    filled: bool,
    secure: Option<(Secure, Vec<u8>)>,
}

impl Inbound {
    /// A reader over `half` with a buffer of [`SMALL`] bytes.
    pub(crate) fn new(half: OwnedReadHalf<Stream>) -> Self {
        Self {
            reader: Reader::new(half),
            buffer: Vec::with_capacity(SMALL),
            start: 0,
            ended: false,
            finished: false,
            filled: false,
            secure: None,
        }
    }

    /// From now on everything passes through TLS.
    pub(crate) fn secure(&mut self, secure: Secure) {
        debug_assert!(!self.reader.in_flight);
        self.secure = Some((secure, Vec::with_capacity(SMALL)));
    }

    /// The bytes that have come and were not consumed. Without TLS it is empty while a read is in flight, because the buffer
    /// is then with the kernel.
    pub(crate) fn data(&self) -> &[u8] {
        &self.buffer[self.start..]
    }

    /// Drops the first `count` bytes of [`Self::data`].
    pub(crate) fn consume(&mut self, count: usize) {
        debug_assert!(count <= self.data().len());
        self.start += count;
        if self.start == self.buffer.len() {
            self.buffer.clear();
            self.start = 0;
        }
    }

    /// Whether the peer has ended its side in good order: the end of the stream was read, not a reset.
    pub(crate) fn peer_finished(&self) -> bool {
        self.finished
    }

    /// Whether the buffer is with the kernel.
    pub(crate) fn is_away(&self) -> bool {
        self.reader.in_flight && self.secure.is_none()
    }

    /// Bytes the buffer can hold in all.
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Whether no byte could be read behind the ones that are there.
    pub(crate) fn is_full(&self) -> bool {
        self.data().len() >= self.capacity()
    }

    /// Whether the last read filled its buffer, so that there is likely more to come.
    pub(crate) fn was_filled(&self) -> bool {
        self.filled
    }

    /// Overwrites all memory but what was not consumed, unless it is away.
    pub(crate) fn wipe(&mut self) {
        if !self.is_away() {
            wipe(&mut self.buffer, self.start);
        }
    }

    /// Moves what is there into `buffer` and gives the old buffer back. `buffer` must be able to hold it, and the present
    /// one must not be away.
    pub(crate) fn exchange_buffer(&mut self, mut buffer: Vec<u8>) -> Vec<u8> {
        debug_assert!(!self.is_away() && buffer.capacity() >= self.data().len());
        buffer.clear();
        buffer.extend_from_slice(self.data());
        self.start = 0;
        // The beginning of a body is in it, of which nobody knows yet what it holds.
        self.buffer.fill(0);
        std::mem::replace(&mut self.buffer, buffer)
    }

    /// Takes the buffer with all that is in it, to be written from it, and the offset of its first unconsumed byte. The
    /// buffer must be brought back with [`Self::put_buffer`] before the next read.
    pub(crate) fn take_buffer(&mut self) -> (Vec<u8>, usize) {
        debug_assert!(!self.is_away());
        (std::mem::take(&mut self.buffer), std::mem::take(&mut self.start))
    }

    /// Brings a buffer back whose first `consumed` bytes are done with.
    pub(crate) fn put_buffer(&mut self, buffer: Vec<u8>, consumed: usize) {
        self.buffer = buffer;
        self.start = 0;
        self.consume(consumed);
    }

    /// Polls for more bytes, starting a read when none is in flight. Without TLS at most `most` come, so that nothing of a
    /// following message is taken along. `Ok(0)` is the end of the stream.
    pub(crate) fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        if self.ended {
            return Poll::Ready(Ok(0));
        }
        if self.secure.is_some() {
            return self.poll_sealed(cx);
        }
        if !self.reader.in_flight {
            self.make_room(most.min(self.buffer.capacity() / 2));
        }
        let end = self.buffer.len().saturating_add(most).min(self.buffer.capacity());
        if !self.reader.in_flight && end == self.buffer.len() {
            return Poll::Ready(Err(io::ErrorKind::OutOfMemory.into()));
        }
        let polled = self.reader.poll(cx, &mut self.buffer, end);
        if let Poll::Ready(result) = &polled {
            self.ended = !matches!(result, Ok(count) if *count > 0);
            self.finished = matches!(result, Ok(0));
            self.filled = self.buffer.len() == self.buffer.capacity();
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
                    self.ended = true;
                    return Poll::Ready(Ok(self.data().len() - before));
                }
                Poll::Ready(Err(error)) => {
                    self.ended = true;
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    /// Takes one read's worth of ciphertext and opens it, whatever it holds. False at the end of the stream.
    pub(crate) fn poll_record(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        self.make_room(self.buffer.capacity() / 2);
        let Some((secure, sealed)) = &mut self.secure else { return Poll::Ready(Ok(false)) };
        if !self.reader.in_flight {
            sealed.clear();
            // A large buffer behind the connection means a large body: fewer and larger reads.
            if self.buffer.capacity() > sealed.capacity() && self.buffer.capacity() > 2 * SMALL {
                sealed.reserve_exact(self.buffer.capacity());
            }
        }
        let end = sealed.capacity();
        match self.reader.poll(cx, sealed, end) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(count)) if count > 0 => {
                self.filled = sealed.len() == sealed.capacity();
                let opened = secure.open(sealed, &mut self.buffer);
                self.finished = matches!(opened, Ok(false));
                Poll::Ready(opened)
            }
            Poll::Ready(Ok(_)) => {
                self.finished = true;
                Poll::Ready(secure.end_of_input().map(|()| false))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        }
    }

    /// Gives back what a large body made TLS hold.
    pub(crate) fn trim(&mut self) {
        if let Some((_, sealed)) = &mut self.secure
            && !self.reader.in_flight
            && sealed.capacity() > SMALL
        {
            *sealed = Vec::with_capacity(SMALL);
        }
        if !self.is_away() && self.buffer.capacity() > 2 * SMALL && self.data().len() <= SMALL {
            self.exchange_buffer(Vec::with_capacity(SMALL));
        }
    }

    /// Polls for the beginning of a reply. An interim one (1xx) is none. False when the peer has closed without any.
    pub(crate) fn poll_spoken(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        loop {
            match self.data().get(STATUS_CLASS) {
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

    /// Looks at an idle connection without waiting: a read is left in flight, and false says that the peer has closed it or
    /// sent something nobody asked for.
    pub(crate) fn is_quiet(&mut self) -> bool {
        if !self.data().is_empty() {
            return false;
        }
        let mut cx = Context::from_waker(Waker::noop());
        self.poll_fill(&mut cx, usize::MAX).is_pending()
    }

    /// Moves the data to the front when fewer than `wanted` bytes are free behind it.
    fn make_room(&mut self, wanted: usize) {
        if self.start > 0 && self.buffer.capacity() - self.buffer.len() < wanted {
            self.buffer.copy_within(self.start.., 0);
            self.buffer.truncate(self.buffer.len() - self.start);
            self.start = 0;
        }
    }
}
