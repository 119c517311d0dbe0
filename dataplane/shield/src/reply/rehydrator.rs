//! Restores one reply, whatever its format.

use std::fmt;
use std::sync::Arc;

use memchr::memchr2;

use crate::documents::Documents;
use crate::keyring::Keyring;
use crate::reply::format::{self, ReplyFormat, Sniffed};
use crate::reply::framing::lines::JsonLines;
use crate::reply::framing::sse::{self, Sse};
use crate::reply::framing::values::Values;
use crate::reply::limits::KEPT_CAPACITY;
use crate::reply::policy::{RestorePolicy, TextKind};
use crate::reply::stats::RestoreStats;
use crate::reply::text::context::ReplyContext;
use crate::reply::text::nesting::NestingTracker;
use crate::reply::text::output::{RestoredText, WritePosition};
use crate::reply::text::restorer::TextRestorer;
use crate::vault::Vault;

/// How the body is taken apart.
enum ReplyBody {
    Transparent,
    /// Bytes that do not yet say what they are.
    Undecided(ReplyFormat, Vec<u8>),
    Sse(Box<Sse>),
    Lines(Box<JsonLines>),
    Values(Box<Values>),
    Whole(Box<TextRestorer>),
    /// Text as far as is known. The first byte that is in no text ends that.
    Untyped(Box<TextRestorer>),
    Preamble(Preamble),
}

/// Text that may turn out to be events: comments stand before them. Its lines go on as text does; only what may begin
/// an event waits.
struct Preamble {
    restorer: Box<TextRestorer>,
    /// What the current line begins with, until it is known for what it is.
    head: Vec<u8>,
    known: bool,
}

impl ReplyBody {
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
    context: ReplyContext,
    format: ReplyFormat,
    body: ReplyBody,
    /// What goes to the client and has not gone yet.
    text: RestoredText,
    written: WritePosition,
}

impl Rehydrator {
    /// For a reply of this format to the request that filled `vault`.
    pub fn new(vault: Vault, format: ReplyFormat) -> Self {
        let body = if vault.is_empty() { ReplyBody::Transparent } else { ReplyBody::new(format) };
        Self {
            context: ReplyContext::new(vault),
            format,
            body,
            text: RestoredText::default(),
            written: WritePosition::default(),
        }
    }

    /// Moves the positions of citations to where they stand in the documents that the client sent, in which the request
    /// replaced what `documents` lists. Call it before the first push.
    #[must_use]
    pub fn with_documents(mut self, documents: Documents) -> Self {
        if self.is_transparent() && !documents.is_empty() {
            // Secrets that were redacted are in no vault.
            self.body = ReplyBody::new(self.format);
        }
        self.context.documents = documents;
        self
    }

    /// The same, for the texts, tools and hosts that `policy` allows. It is asked once for each channel of a stream, for
    /// each complete string with a token, and once for a body that is restored as a whole. Without a policy all tokens
    /// are replaced.
    #[must_use]
    pub fn with_policy(mut self, policy: Arc<RestorePolicy>) -> Self {
        self.context.policy = Some(policy);
        self
    }

    /// Counts tokens of `keyring` that the vault does not know as unresolved. What is restored does not depend on it.
    #[must_use]
    pub fn with_keyring(mut self, keyring: Arc<Keyring>) -> Self {
        self.context.keyring = Some(keyring);
        self
    }

    /// Whether nothing will ever be changed or held back, so that the caller may pass the bytes itself.
    pub fn is_transparent(&self) -> bool {
        matches!(self.body, ReplyBody::Transparent)
    }

    /// Takes the next bytes of the body, cut anywhere, and appends to `out` what may go to the client now.
    pub fn push(&mut self, input: &[u8], out: &mut Vec<u8>) {
        self.push_within(input, out, usize::MAX);
    }

    /// The body ended, well or not: what is held back goes out literally. Further calls do nothing.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        self.finish_within(out, usize::MAX);
    }

    /// As [`push`](Self::push), but appends no more once `out` is `limit` bytes long. False when there is more to come
    /// by [`resume`](Self::resume): do that before the next push, or what waits grows with every one.
    ///
    /// A limit is kept but for the last few bytes of a secret, which may be escaped: at most 8 KiB more.
    pub fn push_within(&mut self, input: &[u8], out: &mut Vec<u8>, limit: usize) -> bool {
        self.take(input);
        self.resume(out, limit)
    }

    /// As [`finish`](Self::finish), within a limit, as [`push_within`](Self::push_within).
    pub fn finish_within(&mut self, out: &mut Vec<u8>, limit: usize) -> bool {
        let (context, text) = (&mut self.context, &mut self.text);
        match &mut self.body {
            ReplyBody::Transparent => {}
            ReplyBody::Undecided(_, head) => text.extend_from_slice(&std::mem::take(head)),
            ReplyBody::Sse(sse) => sse.finish(context, text),
            ReplyBody::Lines(lines) => lines.finish(context, text),
            ReplyBody::Values(values) => values.finish(context, text),
            ReplyBody::Whole(restorer) | ReplyBody::Untyped(restorer) => restorer.flush(context, text),
            ReplyBody::Preamble(Preamble { restorer, head, .. }) => {
                restorer.pass(context, &std::mem::take(head), text);
                restorer.flush(context, text);
            }
        }
        self.resume(out, limit)
    }

    /// Appends what waits, until `out` is `limit` bytes long. False when there is still more.
    pub fn resume(&mut self, out: &mut Vec<u8>, limit: usize) -> bool {
        let all = self.written.write(&self.text, &self.context.vault, out, limit);
        if all {
            self.text.clear(KEPT_TEXT);
            self.written = WritePosition::default();
        }
        all
    }

    /// Bytes of memory that this reply's pieces take at present, the vault not counted. Whatever the secrets' sizes, it
    /// is bounded by what was pushed at once and by [`MAX_EVENT`](super::limits::MAX_EVENT).
    pub fn held_bytes(&self) -> usize {
        let body = match &self.body {
            ReplyBody::Transparent | ReplyBody::Whole(_) | ReplyBody::Untyped(_) => 0,
            ReplyBody::Undecided(_, head) | ReplyBody::Preamble(Preamble { head, .. }) => head.capacity(),
            ReplyBody::Sse(sse) => sse.held_bytes(),
            ReplyBody::Lines(lines) => lines.held_bytes(),
            ReplyBody::Values(values) => values.held_bytes(),
        };
        body + self.text.capacity()
    }

    /// What happened to tokens so far.
    pub fn stats(&self) -> RestoreStats {
        self.context.stats
    }

    fn take(&mut self, input: &[u8]) {
        match &mut self.body {
            ReplyBody::Transparent => self.text.extend_from_slice(input),
            ReplyBody::Undecided(..) => self.decide(input),
            ReplyBody::Sse(sse) => sse.push(&mut self.context, input, &mut self.text),
            ReplyBody::Lines(lines) => lines.push(&mut self.context, input, &mut self.text),
            ReplyBody::Values(values) => values.push(&mut self.context, input, &mut self.text),
            ReplyBody::Whole(restorer) => restorer.pass(&mut self.context, input, &mut self.text),
            ReplyBody::Untyped(restorer) => {
                let known = input.iter().position(|&byte| format::is_binary(byte)).unwrap_or(input.len());
                restorer.pass(&mut self.context, &input[..known], &mut self.text);
                if known < input.len() {
                    restorer.flush(&mut self.context, &mut self.text);
                    self.text.extend_from_slice(&input[known..]);
                    self.body = ReplyBody::Transparent;
                }
            }
            ReplyBody::Preamble(_) => self.look_for_events(input),
        }
    }

    /// Passes lines on until one says that it is an event, or that all is text.
    fn look_for_events(&mut self, input: &[u8]) {
        let ReplyBody::Preamble(Preamble { restorer, head, known }) = &mut self.body else { return };
        let (mut at, context) = (0, &mut self.context);
        let sniffed = loop {
            let Some(&byte) = input.get(at) else { return };
            if *known {
                let end = memchr2(b'\n', b'\r', &input[at..]).map(|found| at + found + 1);
                restorer.pass(context, &input[at..end.unwrap_or(input.len())], &mut self.text);
                (*known, at) = (end.is_none(), end.unwrap_or(input.len()));
                continue;
            }
            at += 1;
            if head.is_empty() && matches!(byte, b'\n' | b'\r') {
                restorer.pass(context, &[byte], &mut self.text);
                continue;
            }
            head.push(byte);
            match Sniffed::of(head, ReplyFormat::Text) {
                Sniffed::Preamble => {
                    restorer.pass(context, head, &mut self.text);
                    head.clear();
                    *known = true;
                }
                Sniffed::Undecided if !matches!(head[0], b'{' | b'[') => {}
                sniffed => break sniffed,
            }
        };
        let events = sniffed == Sniffed::Sse;
        if events {
            restorer.flush(context, &mut self.text);
            context.line_head = sse::DATA_HEAD;
        }
        let body = std::mem::replace(&mut self.body, ReplyBody::Transparent);
        let ReplyBody::Preamble(Preamble { restorer, head, .. }) = body else { return };
        // Otherwise it is one text from its first line on.
        self.body =
            if events { ReplyBody::Sse(Box::new(Sse::new(false))) } else { ReplyBody::Whole(restorer) };
        self.take(&head);
        self.take(&input[at..]);
    }

    /// Looks at the first bytes. What comes before them (white space, a byte order mark) goes on at once.
    fn decide(&mut self, input: &[u8]) {
        let ReplyBody::Undecided(format, head) = &mut self.body else { return };
        let mut input = input;
        if head.is_empty() {
            let blank = input.iter().take_while(|&&byte| format::is_blank(byte)).count();
            self.text.extend_from_slice(&input[..blank]);
            input = &input[blank..];
        }
        head.extend_from_slice(input);
        let sniffed = if head.is_empty() { Sniffed::Undecided } else { Sniffed::of(head, *format) };
        let body = match (sniffed, *format) {
            (Sniffed::Undecided, _) => return,
            (Sniffed::Sse, _) => ReplyBody::Sse(Box::new(Sse::new(*format == ReplyFormat::Sse))),
            (Sniffed::Other, ReplyFormat::Sse) if head[0] != b'<' => ReplyBody::Sse(Box::new(Sse::new(true))),
            (Sniffed::Preamble, _) => {
                let restorer = self.whole(NestingTracker::text());
                ReplyBody::Preamble(Preamble { restorer, head: Vec::new(), known: false })
            }
            (_, ReplyFormat::JsonLines) => ReplyBody::Lines(Box::new(JsonLines::new())),
            (Sniffed::Json, ReplyFormat::Text) | (Sniffed::Other, ReplyFormat::Json) => {
                ReplyBody::Whole(self.whole(NestingTracker::document()))
            }
            (Sniffed::Json | Sniffed::Chunks, _) => ReplyBody::Values(Box::new(Values::new())),
            (Sniffed::Pdf, _) => ReplyBody::Transparent,
            (Sniffed::Other, ReplyFormat::Unknown) => ReplyBody::Untyped(self.whole(NestingTracker::text())),
            (Sniffed::Other, _) => ReplyBody::Whole(self.whole(NestingTracker::text())),
        };
        if matches!(body, ReplyBody::Sse(_)) {
            self.context.line_head = sse::DATA_HEAD;
        }
        if let ReplyBody::Undecided(_, head) = std::mem::replace(&mut self.body, body) {
            self.take(&head);
        }
    }

    fn whole(&mut self, nesting: NestingTracker) -> Box<TextRestorer> {
        let allowed = self.context.decide(TextKind::Document, None);
        Box::new(TextRestorer::new(nesting, allowed))
    }
}

impl fmt::Debug for Rehydrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rehydrator").field("stats", &self.context.stats).finish_non_exhaustive()
    }
}
