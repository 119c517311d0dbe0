//! Private keys, line by line: PEM in all its kinds, OpenSSH, `OpenPGP`, SSH2 and `PuTTY`.
//!
//! ```text
//!     12→-----BEGIN RSA PRIVATE KEY-----      opens the key, stays
//!     13→MIIEpAIBAAKCAQEA1vUzV+0rQ...         a line of its body, found from its first character to its last
//!     14→kq7mY2xw==
//!     15→-----END RSA PRIVATE KEY-----        closes it, stays
//! ```
//!
//! `format` knows what the formats look like, `state` reads a key line by line, `search` finds where keys begin and
//! follows those of which only the end is there back to their first line. A key may be longer than any window: what is
//! known of it is handed from window to window ([`KeyState`]).

mod format;
mod search;
mod state;

pub(crate) use format::marks;
pub(crate) use search::{KeyPlace, KeySearch, find};
pub(crate) use state::KeyState;
