//! Content codings taken off a body in steps of bounded size.

use aegis_wire::coding::{Coding, CodingError, Decoder, DecoderLimits};

use super::super::net::buffers::wipe;
use crate::error_body::{ErrorKind, Failure};

/// A body that is being decoded.
pub(super) struct ContentDecoder {
    decoder: Decoder,
    /// Coded bytes that were not used yet.
    held: Vec<u8>,
    start: usize,
    needs_input: bool,
}

impl ContentDecoder {
    /// A decoder for a body with these codings, in the order they were applied.
    pub(super) fn new(codings: &[Coding], limits: DecoderLimits) -> Result<Self, CodingError> {
        Ok(Self { decoder: Decoder::new(codings, limits)?, held: Vec::new(), start: 0, needs_input: true })
    }

    /// Whether nothing more comes out before something is put in.
    pub(super) fn needs_input(&self) -> bool {
        self.needs_input
    }

    /// Puts coded bytes in. Only a decoder that needs some is fed, so that little is ever held.
    pub(super) fn feed(&mut self, coded: &[u8]) {
        debug_assert!(self.needs_input);
        self.held.clear();
        self.held.extend_from_slice(coded);
        self.start = 0;
        self.needs_input = coded.is_empty();
    }

    /// Overwrites the coded bytes that were used.
    pub(super) fn wipe(&mut self) {
        wipe(&mut self.held, self.start);
    }

    /// Appends at most `room` decoded bytes to `out`.
    pub(super) fn drain(&mut self, out: &mut Vec<u8>, room: usize) -> Result<(), CodingError> {
        let progress = self.decoder.decode(&self.held[self.start..], out, room)?;
        self.start += progress.consumed;
        self.needs_input = progress.done;
        Ok(())
    }

    /// The body has ended: an error unless its codings have.
    pub(super) fn finish(&self) -> Result<(), CodingError> {
        self.decoder.finish()
    }
}

/// The answer to a request whose coding cannot be taken off.
pub(super) fn undecodable(error: CodingError) -> Failure {
    let kind = match error.status() {
        415 => ErrorKind::UnsupportedEncoding,
        413 => ErrorKind::PayloadTooLarge,
        _ => ErrorKind::InvalidRequest,
    };
    Failure { status: error.status(), kind, message: error.to_string().into() }
}
