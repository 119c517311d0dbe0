//! One TLS connection: ciphertext in, plaintext out, and the other way round.

use std::sync::Arc;
use std::{fmt, io};

#[cfg(test)]
use rustls::HandshakeKind;
use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, InsufficientSizeError, UnbufferedStatus,
    WriteTraffic,
};
use rustls::{ClientConfig, CommonState, ServerConfig};
use rustls_pki_types::{CertificateDer, ServerName};

/// The most plaintext of one record (RFC 8446 section 5.1).
const MAX_RECORD: usize = 16 * 1024;

/// No less than what a record adds to its plaintext, whatever the version and the cipher.
const RECORD_OVERHEAD: usize = 40;

/// Why a TLS connection cannot go on.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TlsError {
    /// The peer broke the protocol, or its certificate was not accepted, or it refused ours.
    #[error("{0}")]
    Protocol(rustls::Error),
    /// The transport ended without the peer's `close_notify`: what was received may have been cut short by anyone.
    #[error("the connection was cut off without a close notification")]
    Truncated,
    /// Data was to be sent before the handshake was complete.
    #[error("the handshake is not complete")]
    Handshaking,
    /// Data was to be sent after this side had closed.
    #[error("this side has closed the connection")]
    Closed,
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

enum RustlsConnection {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
}

/// A client's or server's end of one connection.
///
/// Whatever a call appends to `out` must be sent to the peer, in order, also after an error (it is the alert that
/// gives the peer the reason). There is nothing else to ask: what wants to be written is in `out`.
pub struct TlsStream {
    engine: RustlsConnection,
    /// Ciphertext that waits for the rest of its record.
    pending: Vec<u8>,
    peer_closed: bool,
    closed: bool,
    failed: Option<TlsError>,
}

/// What the states of rustls read from and write to.
struct Io<'a> {
    plaintext: &'a mut Vec<u8>,
    out: &'a mut Vec<u8>,
    task: StreamTask<'a>,
}

/// What to do once data can be sent.
enum StreamTask<'a> {
    Nothing,
    Send(&'a [u8]),
    Close,
    /// The task is done.
    Done,
}

/// Where a state leaves the connection.
enum TlsStep {
    Again,
    Blocked,
    PeerClosed,
}

impl TlsStream {
    /// The server's end. It has nothing to say until the client has spoken.
    pub fn server(config: Arc<ServerConfig>) -> Result<Self, TlsError> {
        let connection = UnbufferedServerConnection::new(config).map_err(TlsError::Protocol)?;
        Ok(Self::new(RustlsConnection::Server(Box::new(connection))))
    }

    /// The client's end of a connection to `name`. Its first message is appended to `out`.
    pub fn client(
        config: Arc<ClientConfig>,
        name: ServerName<'static>,
        out: &mut Vec<u8>,
    ) -> Result<Self, TlsError> {
        let connection = UnbufferedClientConnection::new(config, name).map_err(TlsError::Protocol)?;
        let mut stream = Self::new(RustlsConnection::Client(Box::new(connection)));
        stream.receive(&mut [], &mut Vec::new(), out)?;
        Ok(stream)
    }

    fn new(engine: RustlsConnection) -> Self {
        Self { engine, pending: Vec::new(), peer_closed: false, closed: false, failed: None }
    }

    /// Takes ciphertext from the socket. Decrypts in place: the content of `ciphertext` is of no use afterwards.
    ///
    /// All of it is taken. Plaintext is appended to `plaintext`, never more than there was ciphertext; what must go to
    /// the peer is appended to `out`. What follows the peer's `close_notify` is dropped.
    pub fn receive(
        &mut self,
        ciphertext: &mut [u8],
        plaintext: &mut Vec<u8>,
        out: &mut Vec<u8>,
    ) -> Result<(), TlsError> {
        self.check()?;
        let mut io = Io { plaintext, out, task: StreamTask::Nothing };
        if self.pending.is_empty() {
            let used = self.drive(Some(ciphertext), &mut io)?;
            self.pending.extend_from_slice(&ciphertext[used..]);
        } else {
            self.pending.extend_from_slice(ciphertext);
            self.drive_pending(&mut io)?;
        }
        if self.peer_closed || self.pending.is_empty() {
            // An idle connection keeps no buffer.
            self.pending = Vec::new();
        }
        Ok(())
    }

    /// Encrypts `plaintext` and appends the records to `out`.
    ///
    /// Every call makes a record of its own (of at most 16 KiB), so pieces that are at hand together belong in one
    /// call.
    pub fn send(&mut self, plaintext: &[u8], out: &mut Vec<u8>) -> Result<(), TlsError> {
        self.check()?;
        if self.closed {
            return Err(TlsError::Closed);
        }
        if plaintext.is_empty() {
            return Ok(());
        }
        let mut io = Io { plaintext: &mut Vec::new(), out, task: StreamTask::Send(plaintext) };
        self.drive_pending(&mut io)?;
        match io.task {
            StreamTask::Done => Ok(()),
            _ => Err(TlsError::Handshaking),
        }
    }

    /// Says that this side sends no more: appends a `close_notify`, once. Receiving goes on until the peer has closed.
    pub fn close(&mut self, out: &mut Vec<u8>) {
        if self.closed || self.failed.is_some() {
            return;
        }
        self.closed = true;
        let mut io = Io { plaintext: &mut Vec::new(), out, task: StreamTask::Close };
        // A failure is remembered, and there is nothing left to send it to.
        let _ = self.drive_pending(&mut io);
    }

    /// The transport has ended. An error unless the peer had said so before: without that, anyone on the way may have
    /// cut the data short.
    pub fn end_of_input(&self) -> Result<(), TlsError> {
        self.check()?;
        if self.peer_closed { Ok(()) } else { Err(TlsError::Truncated) }
    }

    /// Whether the handshake is still under way, and nothing can be sent.
    pub fn is_handshaking(&self) -> bool {
        self.state().is_handshaking()
    }

    /// Whether the peer has said that it sends no more. It may still receive.
    pub fn is_peer_closed(&self) -> bool {
        self.peer_closed
    }

    /// The protocol that was agreed on by ALPN.
    pub fn alpn(&self) -> Option<&[u8]> {
        self.state().alpn_protocol()
    }

    /// Whether the session of an earlier connection was resumed; `None` until that is known.
    #[cfg(test)]
    pub(crate) fn resumed(&self) -> Option<bool> {
        self.state().handshake_kind().map(|kind| kind == HandshakeKind::Resumed)
    }

    /// The protocol version, once agreed on.
    pub fn version(&self) -> Option<rustls::ProtocolVersion> {
        self.state().protocol_version()
    }

    /// The verified certificates of the peer, its own first.
    pub fn peer_certificates(&self) -> Option<&[CertificateDer<'static>]> {
        self.state().peer_certificates()
    }

    /// Bytes of memory held for incomplete records.
    #[cfg(test)]
    pub(super) fn pending_bytes(&self) -> usize {
        self.pending.capacity()
    }

    fn state(&self) -> &CommonState {
        match &self.engine {
            RustlsConnection::Client(connection) => connection,
            RustlsConnection::Server(connection) => connection,
        }
    }

    fn check(&self) -> Result<(), TlsError> {
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Runs on the pending bytes and drops those that were used.
    fn drive_pending(&mut self, io: &mut Io<'_>) -> Result<(), TlsError> {
        let used = self.drive(None, io)?;
        self.pending.drain(..used);
        Ok(())
    }

    /// Steps through the states until more ciphertext is needed; says how much of `input` (or else of the pending
    /// bytes) was used up.
    fn drive(&mut self, input: Option<&mut [u8]>, io: &mut Io<'_>) -> Result<usize, TlsError> {
        let input = input.unwrap_or(&mut self.pending);
        let mut used = 0;
        loop {
            let rest = &mut input[used..];
            let (discard, step) = match &mut self.engine {
                RustlsConnection::Client(connection) => advance(connection.process_tls_records(rest), io),
                RustlsConnection::Server(connection) => advance(connection.process_tls_records(rest), io),
            };
            used += discard;
            match step {
                Ok(TlsStep::Again) => {}
                Ok(TlsStep::Blocked) => return Ok(used),
                Ok(TlsStep::PeerClosed) => self.peer_closed = true,
                Err(error) => {
                    self.failed = Some(error.clone());
                    send_alert(&mut self.engine, &mut input[used..], io);
                    self.pending = Vec::new();
                    return Err(error);
                }
            }
        }
    }
}

/// Appends the alert that rustls has queued with an error, if it has.
fn send_alert(engine: &mut RustlsConnection, rest: &mut [u8], io: &mut Io<'_>) {
    // The error counts; whether the peer got an alert does not.
    let _ = match engine {
        RustlsConnection::Client(connection) => alert(connection.process_tls_records(rest), io.out),
        RustlsConnection::Server(connection) => alert(connection.process_tls_records(rest), io.out),
    };
}

fn alert<D>(status: UnbufferedStatus<'_, '_, D>, out: &mut Vec<u8>) -> Result<(), TlsError> {
    match status.state {
        Ok(ConnectionState::EncodeTlsData(state)) => encode(state, out),
        _ => Ok(()),
    }
}

/// Handles one state: gives back how many bytes are used up and how to go on.
fn advance<D>(status: UnbufferedStatus<'_, '_, D>, io: &mut Io<'_>) -> (usize, Result<TlsStep, TlsError>) {
    let mut discard = status.discard;
    let step = match status.state {
        Err(error) => Err(TlsError::Protocol(error)),
        Ok(ConnectionState::ReadTraffic(mut state)) => loop {
            match state.next_record() {
                Some(Ok(record)) => {
                    discard += record.discard;
                    io.plaintext.extend_from_slice(record.payload);
                }
                Some(Err(error)) => break Err(TlsError::Protocol(error)),
                None => break Ok(TlsStep::Again),
            }
        },
        Ok(ConnectionState::EncodeTlsData(state)) => encode(state, io.out).map(|()| TlsStep::Again),
        Ok(ConnectionState::TransmitTlsData(state)) => {
            state.done();
            Ok(TlsStep::Again)
        }
        Ok(ConnectionState::PeerClosed) => Ok(TlsStep::PeerClosed),
        Ok(ConnectionState::WriteTraffic(state)) => perform(state, io).map(|()| TlsStep::Blocked),
        // Early data is never offered, and any other state that a later rustls may add is not one to go on from.
        Ok(_) => Ok(TlsStep::Blocked),
    };
    (discard, step)
}

fn encode<D>(mut state: EncodeTlsData<'_, D>, out: &mut Vec<u8>) -> Result<(), TlsError> {
    append(out, 0, |space| match state.encode(space) {
        Ok(written) => Ok(Ok(written)),
        Err(EncodeError::InsufficientSize(size)) => Ok(Err(size)),
        Err(EncodeError::AlreadyEncoded) => Ok(Ok(0)),
    })
}

/// Does what was to be done once data can be sent.
fn perform<D>(mut state: WriteTraffic<'_, D>, io: &mut Io<'_>) -> Result<(), TlsError> {
    let sized = |outcome| match outcome {
        Ok(written) => Ok(Ok(written)),
        Err(EncryptError::InsufficientSize(size)) => Ok(Err(size)),
        Err(EncryptError::EncryptExhausted) => Err(TlsError::Protocol(rustls::Error::EncryptError)),
    };
    match io.task {
        StreamTask::Send(plaintext) => {
            let records = plaintext.len().div_ceil(MAX_RECORD);
            let room = plaintext.len() + records * RECORD_OVERHEAD;
            append(io.out, room, |space| sized(state.encrypt(plaintext, space)))?;
        }
        StreamTask::Close => append(io.out, 0, |space| sized(state.queue_close_notify(space)))?,
        StreamTask::Nothing | StreamTask::Done => return Ok(()),
    }
    io.task = StreamTask::Done;
    Ok(())
}

/// Lets `write` fill space behind `out`, `room` bytes at first and as many as it asks for if those are too few.
fn append(
    out: &mut Vec<u8>,
    room: usize,
    mut write: impl FnMut(&mut [u8]) -> Result<Result<usize, InsufficientSizeError>, TlsError>,
) -> Result<(), TlsError> {
    let start = out.len();
    let mut room = room;
    loop {
        out.resize(start + room, 0);
        match write(&mut out[start..]) {
            Ok(Ok(written)) => {
                out.truncate(start + written);
                return Ok(());
            }
            Ok(Err(size)) if size.required_size > room => room = size.required_size,
            Ok(Err(_)) | Err(_) => {
                out.truncate(start);
                return Err(TlsError::Protocol(rustls::Error::EncryptError));
            }
        }
    }
}

impl fmt::Debug for TlsStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsStream")
            .field("handshaking", &self.is_handshaking())
            .field("peer_closed", &self.peer_closed)
            .field("closed", &self.closed)
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
