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
//!    |                                      tape     (tape)          where its strings stand
//!    |                                        |
//!    |                                      plan     (dialect)       piece of a channel | complete | opaque
//!    |                                        |                      and: which channels end here
//!    |                                        v
//!    |        channel (choice, content)     [lane: nest + held]  --+
//!    |        channel (choice, tool call)   [lane: nest + held]  --+--> the event, edited in place; before it
//!    |        channel (block, text)         [lane: nest + held]  --+    one more delta for each tail that ends
//!    |
//!    `-- text, a frame or document that is too large --> one lane for all of it
//! ```
//!
//! A **lane** is one text on its way. Its states, for the text `key: AEGIS-KEY-..`:
//!
//! ```text
//!            a suffix that begins a token of this vault
//!   passing ----------------------------------------------> holding (the suffix, as it was written)
//!      ^                                                       |
//!      |-- token complete: the secret goes out ----------------|   escaped for the depth that `nest` counts
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
//! Numbers, in place: those that point into a text in which a token was replaced, be it the reply's or a document of the
//! request (`citations`), and, behind an event
//! that was put in, the `sequence_number` of Responses, so that each is there once and they ascend. (To put a tail
//! into no event of its own, whole events of other channels would have to wait for it, and ordinary text with them.
//! A client that resumes a stream by such a number names one that is too high by the events put in before.)
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
//! [`Tally::kept`] counts both.
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

mod backlog;
mod channels;
mod citations;
mod dialect;
mod event;
mod format;
mod handling;
mod keys;
mod lane;
mod lines;
mod matcher;
mod members;
mod nest;
pub(crate) mod ruler;
mod sse;
mod tape;
mod template;
mod text;
mod values;

use std::fmt;
use std::sync::Arc;

use memchr::memchr2;

pub use format::ReplyFormat;
pub use sse::MAX_EVENT;

use crate::documents::Documents;
use crate::token::Keyring;
use crate::vault::Vault;
use format::Looks;
use lane::{Kit, Lane};
use lines::JsonLines;
use nest::Nest;
use sse::Sse;
use text::{Cursor, Text};
use values::Values;

/// What a text in a reply is to the client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub enum LaneKind {
    /// What the user reads.
    #[default]
    Text,
    /// What the model thought before.
    Thinking,
    /// Why the model refuses.
    Refusal,
    /// The arguments of a tool call, which are JSON.
    ToolArguments,
    /// What a tool gets otherwise: free input, code.
    ToolInput,
    /// Any other string.
    Other,
    /// A whole body, or an event that is too large to look into.
    Document,
}

/// Decides what is restored. Asked once for each channel of a stream, for each complete string that may hold a
/// token, and once for a body that is restored as a whole.
pub trait RestoreGate: Send {
    /// Whether tokens in this lane are replaced by their secrets. `tool` is the name of the tool that the text
    /// goes to, where the reply has told it by then.
    fn allow(&mut self, lane: LaneKind, tool: Option<&str>) -> bool;
}

/// What happened to the tokens of one reply.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Tally {
    /// Tokens replaced by their secrets.
    pub restored: u64,
    /// Tokens left as they are: minted by this organisation but not in this vault (needs [`Rehydrator::with_keyring`]), begun
    /// like one of the vault and then mangled or cut off, or in JSON of more layers than are followed. A word whose keyed
    /// check is wrong is text, and not counted.
    pub unresolved: u64,
    /// Tokens of this vault left on purpose: in signed text, and in what speaks of the tokens that the model sampled
    /// (`logprobs`).
    pub kept: u64,
    /// Pieces of text passed unread, because too many channels were open.
    pub skipped: u64,
}

/// How the body is taken apart.
enum Body {
    Transparent,
    /// Bytes that do not yet say what they are.
    Undecided(ReplyFormat, Vec<u8>),
    Sse(Box<Sse>),
    Lines(Box<JsonLines>),
    Values(Box<Values>),
    Whole(Box<Lane>),
    /// Text as far as is known. The first byte that is in no text ends that.
    Untyped(Box<Lane>),
    Preamble(Preamble),
}

/// Text that may turn out to be events: comments stand before them. Its lines go on as text does; only what may begin an
/// event waits.
struct Preamble {
    lane: Box<Lane>,
    /// What the current line begins with, until it is known for what it is.
    head: Vec<u8>,
    known: bool,
}

impl Body {
    fn new(format: ReplyFormat) -> Self {
        match format {
            ReplyFormat::Binary => Self::Transparent,
            _ => Self::Undecided(format, Vec::new()),
        }
    }
}

/// Memory that a text keeps when it has been written: that of a few events.
const KEPT_TEXT: usize = sse::KEPT_CAPACITY;

/// Restores one reply. See the module's documentation.
pub struct Rehydrator {
    kit: Kit,
    format: ReplyFormat,
    body: Body,
    /// What goes to the client and has not gone yet.
    text: Text,
    written: Cursor,
}

impl Rehydrator {
    /// For a reply of this format to the request that filled `vault`.
    pub fn new(vault: Vault, format: ReplyFormat) -> Self {
        let body = if vault.is_empty() { Body::Transparent } else { Body::new(format) };
        Self { kit: Kit::new(vault), format, body, text: Text::default(), written: Cursor::default() }
    }

    /// Moves the positions of citations to where they stand in the documents that the client sent, in which the request
    /// replaced what `documents` tells. Call it before the first push.
    #[must_use]
    pub fn with_documents(mut self, documents: Documents) -> Self {
        if self.is_transparent() && !documents.is_empty() {
            // Secrets that were redacted are in no vault.
            self.body = Body::new(self.format);
        }
        self.kit.documents = documents;
        self
    }

    /// The same, with a decision of its own for each channel. Without a gate everything is restored.
    #[must_use]
    pub fn with_gate(mut self, gate: Box<dyn RestoreGate>) -> Self {
        self.kit.gate = Some(gate);
        self
    }

    /// Counts tokens of `keyring` that the vault does not know as unresolved. What is restored does not depend on it.
    #[must_use]
    pub fn with_keyring(mut self, keyring: Arc<Keyring>) -> Self {
        self.kit.keyring = Some(keyring);
        self
    }

    /// Whether nothing will ever be changed or held back, so that the caller may pass the bytes itself.
    pub fn is_transparent(&self) -> bool {
        matches!(self.body, Body::Transparent)
    }

    /// Takes the next bytes of the body, cut anywhere, and appends to `out` what may go to the client now.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.push_within(input, out, usize::MAX);
    }

    /// The body ended, well or not: what is held back goes out literally. Further calls do nothing.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.finish_within(out, usize::MAX);
    }

    /// As [`push`](Self::push), but appends no more once `out` is `limit` bytes long. False when there is more to come by
    /// [`resume`](Self::resume): do that before the next push, or what waits grows with every one.
    ///
    /// A limit is kept but for the last few bytes of a secret, which may be escaped: at most 8 KiB more.
    pub fn push_within(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> bool {
        self.take(input);
        self.resume(out, limit)
    }

    /// As [`finish`](Self::finish), within a limit, as [`push_within`](Self::push_within).
    pub fn finish_within(&mut self, out: &mut Vec<u8>, limit: usize) -> bool {
        let (kit, text) = (&mut self.kit, &mut self.text);
        match &mut self.body {
            Body::Transparent => {}
            Body::Undecided(_, head) => text.extend_from_slice(&std::mem::take(head)),
            Body::Sse(sse) => sse.finish(kit, text),
            Body::Lines(lines) => lines.finish(kit, text),
            Body::Values(values) => values.finish(kit, text),
            Body::Whole(lane) | Body::Untyped(lane) => lane.flush(kit, text),
            Body::Preamble(Preamble { lane, head, .. }) => {
                lane.pass(kit, &std::mem::take(head), text);
                lane.flush(kit, text);
            }
        }
        self.resume(out, limit)
    }

    /// Appends what waits, until `out` is `limit` bytes long. False when there is still more.
    pub fn resume(&mut self, out: &mut Vec<u8>, limit: usize) -> bool {
        let all = self.written.write(&self.text, &self.kit.vault, out, limit);
        if all {
            self.text.clear(KEPT_TEXT);
            self.written = Cursor::default();
        }
        all
    }

    /// Bytes of memory that this reply's pieces take at present, the vault not counted. Whatever the secrets' sizes, it
    /// is bounded by what was pushed at once and by [`MAX_EVENT`].
    pub fn held_bytes(&self) -> usize {
        let body = match &self.body {
            Body::Transparent | Body::Whole(_) | Body::Untyped(_) => 0,
            Body::Undecided(_, head) | Body::Preamble(Preamble { head, .. }) => head.capacity(),
            Body::Sse(sse) => sse.held_bytes(),
            Body::Lines(lines) => lines.held_bytes(),
            Body::Values(values) => values.held_bytes(),
        };
        body + self.text.capacity()
    }

    /// What happened to tokens so far.
    pub fn tally(&self) -> Tally {
        self.kit.tally
    }

    /// Gives the vault back, for a session that lives longer than the reply.
    pub fn into_vault(self) -> Vault {
        self.kit.vault
    }

    fn take(&mut self, input: &[u8]) {
        match &mut self.body {
            Body::Transparent => self.text.extend_from_slice(input),
            Body::Undecided(..) => self.decide(input),
            Body::Sse(sse) => sse.push(&mut self.kit, input, &mut self.text),
            Body::Lines(lines) => lines.push(&mut self.kit, input, &mut self.text),
            Body::Values(values) => values.push(&mut self.kit, input, &mut self.text),
            Body::Whole(lane) => lane.pass(&mut self.kit, input, &mut self.text),
            Body::Untyped(lane) => {
                let known = input.iter().position(|&byte| format::is_binary(byte)).unwrap_or(input.len());
                lane.pass(&mut self.kit, &input[..known], &mut self.text);
                if known < input.len() {
                    lane.flush(&mut self.kit, &mut self.text);
                    self.text.extend_from_slice(&input[known..]);
                    self.body = Body::Transparent;
                }
            }
            Body::Preamble(_) => self.look_for_events(input),
        }
    }

    /// Passes lines on until one says that it is an event, or that all is text.
    fn look_for_events(&mut self, input: &[u8]) {
        let Body::Preamble(Preamble { lane, head, known }) = &mut self.body else { return };
        let (mut at, kit) = (0, &mut self.kit);
        let looks = loop {
            let Some(&byte) = input.get(at) else { return };
            if *known {
                let end = memchr2(b'\n', b'\r', &input[at..]).map(|found| at + found + 1);
                lane.pass(kit, &input[at..end.unwrap_or(input.len())], &mut self.text);
                (*known, at) = (end.is_none(), end.unwrap_or(input.len()));
                continue;
            }
            at += 1;
            if head.is_empty() && matches!(byte, b'\n' | b'\r') {
                lane.pass(kit, &[byte], &mut self.text);
                continue;
            }
            head.push(byte);
            match Looks::of(head, ReplyFormat::Text) {
                Looks::LikePreamble => {
                    lane.pass(kit, head, &mut self.text);
                    head.clear();
                    *known = true;
                }
                Looks::Undecided if !matches!(head[0], b'{' | b'[') => {}
                looks => break looks,
            }
        };
        let events = looks == Looks::LikeSse;
        if events {
            lane.flush(kit, &mut self.text);
            kit.line_head = sse::DATA_HEAD;
        }
        let body = std::mem::replace(&mut self.body, Body::Transparent);
        let Body::Preamble(Preamble { lane, head, .. }) = body else { return };
        // Otherwise it is one text from its first line on.
        self.body = if events { Body::Sse(Box::new(Sse::new(false))) } else { Body::Whole(lane) };
        self.take(&head);
        self.take(&input[at..]);
    }

    /// Looks at the first bytes. What comes before them (white space, a byte order mark) goes on at once.
    fn decide(&mut self, input: &[u8]) {
        let Body::Undecided(format, head) = &mut self.body else { return };
        let mut input = input;
        if head.is_empty() {
            let blank = input.iter().take_while(|&&byte| format::is_blank(byte)).count();
            self.text.extend_from_slice(&input[..blank]);
            input = &input[blank..];
        }
        head.extend_from_slice(input);
        let looks = if head.is_empty() { Looks::Undecided } else { Looks::of(head, *format) };
        let body = match (looks, *format) {
            (Looks::Undecided, _) => return,
            (Looks::LikeSse, _) => Body::Sse(Box::new(Sse::new(*format == ReplyFormat::Sse))),
            (Looks::Neither, ReplyFormat::Sse) if head[0] != b'<' => Body::Sse(Box::new(Sse::new(true))),
            (Looks::LikePreamble, _) => {
                let lane = self.whole(Nest::text());
                Body::Preamble(Preamble { lane, head: Vec::new(), known: false })
            }
            (_, ReplyFormat::JsonLines) => Body::Lines(Box::new(JsonLines::new())),
            (Looks::LikeJson, ReplyFormat::Text) | (Looks::Neither, ReplyFormat::Json) => {
                Body::Whole(self.whole(Nest::document()))
            }
            (Looks::LikeJson | Looks::LikeChunks, _) => Body::Values(Box::new(Values::new())),
            (Looks::LikePdf, _) => Body::Transparent,
            (Looks::Neither, ReplyFormat::Unknown) => Body::Untyped(self.whole(Nest::text())),
            (Looks::Neither, _) => Body::Whole(self.whole(Nest::text())),
        };
        if matches!(body, Body::Sse(_)) {
            self.kit.line_head = sse::DATA_HEAD;
        }
        if let Body::Undecided(_, head) = std::mem::replace(&mut self.body, body) {
            self.take(&head);
        }
    }

    fn whole(&mut self, nest: Nest) -> Box<Lane> {
        let allowed = self.kit.allows(LaneKind::Document, None);
        Box::new(Lane::new(nest, allowed))
    }
}

impl fmt::Debug for Rehydrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehydrator").field("tally", &self.kit.tally).finish_non_exhaustive()
    }
}
