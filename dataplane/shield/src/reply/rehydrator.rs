//! Restores one reply, whatever its format.

use std::fmt;
use std::sync::Arc;

use memchr::memchr2;

use crate::documents::Documents;
use crate::keyring::Keyring;
use crate::reply::format::{self, Looks, ReplyFormat};
use crate::reply::framing::lines::JsonLines;
use crate::reply::framing::sse::{self, Sse};
use crate::reply::framing::values::Values;
use crate::reply::gate::{LaneKind, RestoreGate};
use crate::reply::limits::KEPT_CAPACITY;
use crate::reply::stats::Tally;
use crate::reply::text::context::Kit;
use crate::reply::text::nesting::Nest;
use crate::reply::text::output::{Cursor, Text};
use crate::reply::text::restorer::Lane;
use crate::vault::Vault;

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
const KEPT_TEXT: usize = KEPT_CAPACITY;

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
