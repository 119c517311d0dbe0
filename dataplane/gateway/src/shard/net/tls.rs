//! TLS between a connection's bytes and its socket, shared by its two halves.
//!
//! The state machine is [`TlsStream`]. This module keeps the order of what it writes: what was sealed first leaves
//! first.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;

use aegis_wire::tls::TlsStream;

use super::buffers::SMALL;

/// One half's access to the TLS state that both halves of a connection share. Borrowed between two operations, never
/// across one.
#[derive(Clone)]
pub(crate) struct TlsHalf(Rc<RefCell<TlsState>>);

struct TlsState {
    stream: TlsStream,
    /// Sealed and not yet written.
    out: Vec<u8>,
}

impl TlsHalf {
    /// Wraps a stream whose first bytes to write, if any, are in `out`.
    pub(crate) fn new(stream: TlsStream, out: Vec<u8>) -> Self {
        Self(Rc::new(RefCell::new(TlsState { stream, out })))
    }

    /// Opens what came from the socket and appends it to `plaintext`. False when the peer has ended its side.
    pub(crate) fn open(&self, sealed: &mut [u8], plaintext: &mut Vec<u8>) -> io::Result<bool> {
        let TlsState { stream, out } = &mut *self.0.borrow_mut();
        stream.receive(sealed, plaintext, out).map_err(io::Error::from)?;
        Ok(!stream.is_peer_closed())
    }

    /// The socket has ended; an error if the peer had not said so.
    pub(crate) fn end_of_input(&self) -> io::Result<()> {
        self.0.borrow().stream.end_of_input().map_err(io::Error::from)
    }

    /// Seals `plaintext`.
    pub(crate) fn put(&self, plaintext: &[u8]) -> io::Result<()> {
        let TlsState { stream, out } = &mut *self.0.borrow_mut();
        if plaintext.is_empty() { Ok(()) } else { stream.send(plaintext, out).map_err(io::Error::from) }
    }

    /// Takes all that is to be written.
    pub(crate) fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().out)
    }

    /// Gives a written buffer back for reuse, unless it is large or something was sealed meanwhile.
    pub(crate) fn reuse(&self, mut written: Vec<u8>) {
        let out = &mut self.0.borrow_mut().out;
        if out.is_empty() && written.capacity() <= 2 * SMALL {
            written.clear();
            *out = written;
        }
    }

    /// Says that this side sends no more.
    pub(crate) fn close(&self) {
        let TlsState { stream, out } = &mut *self.0.borrow_mut();
        stream.close(out);
    }

    /// Whether nothing can be sent yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.0.borrow().stream.is_handshaking()
    }
}
