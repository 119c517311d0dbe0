//! The HTTP/1.0 and HTTP/1.1 codec, server and client side (RFC 9112), as strict as the strictest of the usual proxies.
//!
//! A message whose length two readers could understand differently is refused, not repaired: that is how request
//! smuggling is kept out. The parsers find the end of a head by themselves (remembering how far they looked, so that a
//! head that arrives byte by byte costs no more than one that arrives whole), let `httparse` split it, and then make
//! the one framing decision, a [`BodyKind`], that everything after follows.
//!
//! The verdict on a message never depends on how it was cut: errors are found in the order of the bytes that cause
//! them.

mod body;
mod framing;
mod request;
mod response;
mod scan;
mod write;

pub use body::{
    BodyDecoder, BodyProgress, MAX_CHUNK_EXCESS, MAX_CHUNK_EXTENSION, MAX_CHUNK_SIZE_DIGITS,
    MAX_TRAILER_BYTES, MAX_TRAILER_FIELDS,
};
pub use framing::BodyKind;
pub use request::{Parse, RequestParse, RequestParser, parse_request};
pub use response::{MAX_INTERIM_REPLIES, ResponseParse, ResponseParser, ResponseVerdict, parse_response};
pub use scan::{MAX_FIELDS, MAX_HEAD, MAX_LEADING_LINES};
pub use write::{
    CHUNK_END, CONTINUE, ChunkHeader, LAST_CHUNK, Peer, chunk_header, write_chunk, write_request,
    write_response,
};

#[cfg(test)]
mod tests;
