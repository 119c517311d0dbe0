//! HTTP/1.1, TLS and content codings as state machines over byte slices.
//!
//! Everything here takes bytes and gives bytes: no sockets, no timers, no runtime. That is what lets each machine be
//! fed one byte at a time in tests, fuzzed, and driven by any runtime. Four rules hold throughout:
//!
//! * one framing decision is made per message, by the parser, and reader and writer both follow it;
//! * messages are written from their parsed form, raw header bytes are never forwarded;
//! * every buffer has a named limit;
//! * nothing here prints a field value, because values hold credentials.
//!
//! [`head`] and [`error`] are free of HTTP/1 details and serve HTTP/2 as they are; [`h1`] is the HTTP/1 codec.

#![forbid(unsafe_code)]

pub mod coding;
pub mod error;
pub mod h1;
pub mod head;
pub mod target;
pub mod tls;
