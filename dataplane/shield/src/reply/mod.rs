//! The way back: puts secrets in the place of tokens in a provider's reply, streaming or not.
//!
//! # How a reply passes
//!
//! ```text
//!  bytes, cut anywhere
//!    |
//!    |-- server-sent events, JSON lines,
//!    |   documents, items of an array ----> frames  (sse, lines,     one event at a time, at most MAX_EVENT
//!    |                                        |      values)
//!    |                                        |
//!    |                                      values   (json_index)        where its strings stand
//!    |                                        |
//!    |                                      plan     (dialect)       piece of a channel | complete | opaque
//!    |                                        |                      and: which channels end here
//!    |                                        v
//!    |        channel (choice, content)     [restorer: nesting + held]  --+
//!    |        channel (choice, tool call)   [restorer: nesting + held]  --+--> the event, edited in place; before it
//!    |        channel (block, text)         [restorer: nesting + held]  --+    one more delta for each tail that ends
//!    |
//!    `-- text, a frame or document that is too large --> one restorer for all of it
//! ```
//!
//! A **restorer** carries one text to the client. Its states, for the text `key: AEGIS-KEY-..`:
//!
//! ```text
//!            a suffix that begins a token of this vault
//!   passing ----------------------------------------------> holding (the suffix, as it was written)
//!      ^                                                       |
//!      |-- token complete: the secret goes out ----------------|   escaped for the depth that `nesting` counts
//!      |-- it is no token after all: goes out as it came ------|
//!      `-- the channel ends: goes out as it came, once --------'   in the event that ends it, or in one before
//! ```
//!
//! # What it must never do
//!
//! Guess: only a token that is spelled out in full and is in this vault is replaced. Lose or repeat a byte, or
//! change one outside of tokens. Hold back ordinary text. Touch signed, encrypted or binary values. Fail:
//! what is not what it claims to be is treated as text.
//!
//! # What changes beside tokens
//!
//! Numbers, in place: those that point into a text in which a token was replaced, be it the reply's or a document of
//! the request (`citations`), and, behind an event that was put in, the `sequence_number` of Responses, so that each is
//! there once and they ascend. (To put a tail into no event of its own, whole events of other channels would have to
//! wait for it, and ordinary text with them. A client that resumes a stream by such a number names one that is too high
//! by the events put in before.)
//!
//! # What stays although it holds tokens
//!
//! Signed text, from its first byte: Anthropic's thinking and compaction, the reasoning items of Responses, Gemini's
//! thoughts, and what aggregators hand on of these. The client must send it back as it was, and the way out does not
//! look into it. Where the signature never comes (a Gemini thought without one in its own part) the way out scans it,
//! and finds the tokens that stayed: so nothing leaks.
//! Not signed are the arguments and texts that stand beside a signature of Gemini: it seals the model's thoughts, not
//! its part, and the way out gives the same tokens again. `logprobs` stay, too, and with them `text_offset`: they
//! speak of the tokens that the model sampled, one entry each, with its bytes and its probability. A secret has
//! none, and there are no entries to spread it over. They agree with each other, and with what the provider wrote.
//! [`RestoreStats::kept`] counts both.
//!
//! What goes back unsearched for another reason gets no secret either: links that the provider fetches, page tokens,
//! credentials, and media, which are known by the table of places and by their first bytes.
//!
//! # What a policy withholds
//!
//! A [`RestorePolicy`] is asked once for each channel. It can except kinds of text and tools, and it guards addresses: in
//! a text, a token inside an address of a host that it does not name stays, since a client may fetch that by itself
//! (`address` has the rules). For that each text is read along, from its first byte to its last and at every depth of JSON
//! that it may be read at; nothing is held back for it. Addresses beside the tokens that a tool gets are only counted.
//!
//! # Where it stops
//!
//! A token in JSON of more than five layers stays as it is, unless its secret is the same at every layer: the way out
//! follows no more, so what was restored deeper would not be found there again.
//!
//! A document of more than [`MAX_EVENT`] bytes is restored as it passes. What points into its texts stays, and that
//! a text is signed must stand before it (`type`), or in its path.
//!
//! A token in a nested JSON string with its characters written as escapes of that inner string stays as it is.
//! So does one that the model broke up by anything but backslashes before its hyphens. Pieces of a token that
//! are split between an event of more than [`MAX_EVENT`] bytes and its neighbours stay as they are, and after
//! such an event the nesting of its channel's JSON is not known.
//!
//! Where a stream does not say that a channel ends before another begins (thinking and content of a chat
//! completion), a held tail of the first comes out only when the choice finishes: late, but once and in its own
//! channel.

mod address;
mod event;
mod format;
mod framing;
mod limits;
mod policy;
mod rehydrator;
mod stats;
mod text;
mod token_counter;

pub use address::{HostNames, InvalidHostName};
pub use format::ReplyFormat;
pub use limits::MAX_EVENT;
pub use policy::{Lane, RestorePolicy, ToolNames, UnnamedHosts};
pub use rehydrator::Rehydrator;
pub use stats::RestoreStats;
pub use token_counter::TokenCounter;
