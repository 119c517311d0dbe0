//! JSON inside strings of JSON: a stack of lexers.
//!
//! ```text
//!   raw bytes --> layer 0 --content of a string value--> layer 1 --> layer 2 ... --> the sink
//!                 (document)                            (tentative)
//! ```
//!
//! The content of a string value that begins, after white space, with `{` or `[` is tentatively a document of its
//! own: its decoded bytes run through the lexer of the next layer. More objects and arrays may follow it. As soon as they are
//! no JSON, the rest of the string is text. Nothing is looked ahead and nothing taken back, so that cuts of the input cannot matter.
//!
//! Every lexeme says at which layer it stands: the number of JSON strings around it, which is how often a value
//! put there must be escaped. Layers are bounded by [`MAX_LAYERS`]; deeper content is text.

#![expect(
    clippy::cast_possible_truncation,
    reason = "offsets within one word and layers up to `MAX_LAYERS` are small"
)]

use super::find;
use super::lexer::{Container, LexFault, LexStep, Lexer, StringRole, SyntaxError};
use super::unescape::{double_escape_at, simple_escape_at, unicode_escape_at};

/// Lexers on top of each other: a document and four documents inside its strings.
pub const MAX_LAYERS: usize = 5;

/// What a lexeme is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexemeKind {
    /// White space between lexemes.
    Space,
    /// `{` or `[`.
    Open(Container),
    /// `}` or `]`.
    Close(Container),
    /// `,`
    Comma,
    /// `:`
    Colon,
    /// The opening quote of a string.
    StringStart(StringRole),
    /// Content of a string, or bytes of a channel, that is no document of its own.
    Text,
    /// The closing quote of a string.
    StringEnd(StringRole),
    /// A number, `true`, `false` or `null`; all of it, or the part that is here.
    Scalar,
}

/// Some bytes, what they are and where they stand.
#[derive(Debug, Clone, Copy)]
pub struct Lexeme<'a> {
    /// What the bytes are.
    pub kind: LexemeKind,
    /// The bytes, with all escapes around them undone.
    pub bytes: &'a [u8],
    /// Where they begin, counted in bytes from the first byte ever fed.
    pub start: u64,
    /// Where they end. `end - start == bytes.len()` if and only if they stand there as they are; otherwise they
    /// are one escape. An escape that yields parts of two lexemes belongs to the first; the second is empty.
    pub end: u64,
    /// String layers around the bytes: 0 for the structure of a document, 1 for the text in its strings.
    pub layer: u8,
    /// Text behind the beginning of a document that broke off in one of its strings: quotes are those of that document.
    pub is_broken: bool,
}

impl Lexeme<'_> {
    /// Whether the bytes stand in the input as they are.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.end - self.start == self.bytes.len() as u64
    }
}

/// Receives the lexemes, in order. Together their ranges cover the input without a gap.
pub trait Sink {
    /// One more lexeme.
    fn lexeme(&mut self, lexeme: Lexeme<'_>);

    /// Whether no more lexemes are wanted. Asked at the start of each string; once true, the stack is of no more
    /// use.
    #[inline]
    fn is_done(&self) -> bool {
        false
    }
}

/// What the bytes of a layer are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LayerContent {
    /// Only white space so far.
    Undecided,
    /// A document whose errors end it as a document, not as text.
    Tentative,
    /// A document that must be one.
    Strict,
    /// Text, to the end of the string.
    Text,
    /// The same, behind a document that was none from within one of its strings on.
    Broken,
}

/// Where bytes come from: from as many bytes of the input, or all from one escape.
#[derive(Clone, Copy)]
enum Origin {
    Plain(u64),
    Escape(u64, u64),
}

impl Origin {
    /// The offset in the input at which the byte `pos` begins, or the byte before it ends.
    #[inline]
    fn at(self, pos: usize) -> u64 {
        match self {
            Self::Plain(base) => base + pos as u64,
            Self::Escape(start, end) => {
                if pos == 0 {
                    start
                } else {
                    end
                }
            }
        }
    }

    #[inline]
    fn part(self, pos: usize, end: usize) -> Self {
        match self {
            Self::Plain(base) => Self::Plain(base + pos as u64),
            Self::Escape(..) => Self::Escape(self.at(pos), self.at(end)),
        }
    }
}

/// A stack of lexers, resumable at any byte of the input. About 700 bytes; cloning it makes a checkpoint.
#[derive(Clone)]
pub struct Nested {
    fed: u64,
    lexers: [Lexer; MAX_LAYERS],
    content: [LayerContent; MAX_LAYERS + 1],
    /// Where the unfinished escape of each layer began.
    escape_start: [u64; MAX_LAYERS],
}

impl Nested {
    /// For a whole JSON document.
    pub fn document() -> Self {
        Self::with(LayerContent::Strict, Lexer::new())
    }

    /// For a sequence of JSON documents, such as JSON lines.
    pub fn documents() -> Self {
        Self::with(LayerContent::Strict, Lexer::many())
    }

    /// For the decoded content of one string, which may be a document or text.
    pub fn channel() -> Self {
        Self::with(LayerContent::Undecided, Lexer::containers())
    }

    /// For bytes that may be a sequence of documents, and are text from where they are not.
    pub fn tentative() -> Self {
        Self::with(LayerContent::Undecided, Lexer::many())
    }

    fn with(content: LayerContent, lexer: Lexer) -> Self {
        let mut lexers = std::array::from_fn(|_| Lexer::containers());
        lexers[0] = lexer;
        let mut nested = Self {
            fed: 0,
            lexers,
            content: [LayerContent::Text; MAX_LAYERS + 1],
            escape_start: [0; MAX_LAYERS],
        };
        nested.content[0] = content;
        nested
    }

    /// Whether all bytes so far are of documents, and one has begun.
    pub fn is_document(&self) -> bool {
        matches!(self.content[0], LayerContent::Strict | LayerContent::Tentative)
    }

    /// Bytes fed so far.
    pub fn position(&self) -> u64 {
        self.fed
    }

    /// Where an escape began that is not complete yet, counted like [`Lexeme::start`].
    pub fn pending(&self) -> Option<u64> {
        let open = |layer: &usize| !self.lexers[*layer].partial_escape().is_empty();
        (0..MAX_LAYERS).filter(open).map(|layer| self.escape_start[layer]).min()
    }

    /// Reads `bytes`, all of them. Only a document can fail, and then for good: a channel becomes text.
    #[inline]
    pub fn feed<S: Sink>(&mut self, bytes: &[u8], sink: &mut S) -> Result<(), LexFault> {
        let origin = Origin::Plain(self.fed);
        self.fed += bytes.len() as u64;
        self.read(0, bytes, origin, sink)
    }

    /// The input ends. Bytes of an unfinished escape of a channel come out as text; an unfinished document is an
    /// error.
    pub fn finish<S: Sink>(&mut self, sink: &mut S) -> Result<(), LexFault> {
        if self.content[0] == LayerContent::Strict && !self.lexers[0].may_end() {
            return Err(LexFault { what: SyntaxError::End, at: 0 });
        }
        self.end_content(0, self.fed, sink);
        Ok(())
    }

    /// Reads bytes of `layer`. The layers call each other, [`MAX_LAYERS`] deep at most.
    fn read<S: Sink>(
        &mut self,
        layer: usize,
        bytes: &[u8],
        origin: Origin,
        sink: &mut S,
    ) -> Result<(), LexFault> {
        match self.content[layer] {
            LayerContent::Text => {
                text(layer, bytes, origin, sink);
                Ok(())
            }
            LayerContent::Broken => {
                broken(layer, bytes, origin, sink);
                Ok(())
            }
            LayerContent::Strict | LayerContent::Tentative => self.lex(layer, bytes, origin, sink),
            LayerContent::Undecided => {
                let Some(first) = bytes.iter().position(|byte| !byte.is_ascii_whitespace()) else {
                    text(layer, bytes, origin, sink);
                    return Ok(());
                };
                if !matches!(bytes[first], b'{' | b'[') {
                    self.content[layer] = LayerContent::Text;
                    text(layer, bytes, origin, sink);
                    return Ok(());
                }
                self.content[layer] = LayerContent::Tentative;
                self.lexers[layer].reset();
                text(layer, &bytes[..first], origin.part(0, first), sink);
                self.lex(layer, &bytes[first..], origin.part(first, bytes.len()), sink)
            }
        }
    }

    fn lex<S: Sink>(
        &mut self,
        layer: usize,
        bytes: &[u8],
        origin: Origin,
        sink: &mut S,
    ) -> Result<(), LexFault> {
        let mut pos = 0;
        while pos < bytes.len() {
            if self.lexers[layer].is_in_text() {
                if self.is_text(layer + 1, bytes[pos]) {
                    pos = read_text::<1, S>(layer + 1, bytes, pos, origin, sink);
                } else if self.is_inner_text(layer + 1) {
                    pos = read_text::<2, S>(layer + 2, bytes, pos, origin, sink);
                }
                if pos == bytes.len() {
                    break;
                }
            }
            let lexer = &mut self.lexers[layer];
            let continued = !lexer.partial_escape().is_empty();
            let (step, end) = match lexer.step(bytes, pos) {
                Ok(read) => read,
                Err(fault) if self.content[layer] == LayerContent::Strict => return Err(fault),
                Err(_) => {
                    let breaks_string = lexer.is_in_string();
                    self.end_content(layer, origin.at(pos), sink);
                    self.content[layer] =
                        if breaks_string { LayerContent::Broken } else { LayerContent::Text };
                    return self.read(layer, &bytes[pos..], origin.part(pos, bytes.len()), sink);
                }
            };
            let kind = match step {
                LexStep::Run => {
                    self.read(layer + 1, &bytes[pos..end], origin.part(pos, end), sink)?;
                    pos = end;
                    continue;
                }
                LexStep::Escape(decoded) => {
                    let start = if continued { self.escape_start[layer] } else { origin.at(pos) };
                    let origin = Origin::Escape(start, origin.at(end));
                    self.read(layer + 1, decoded.as_bytes(), origin, sink)?;
                    pos = end;
                    continue;
                }
                LexStep::More => {
                    if !continued {
                        self.escape_start[layer] = origin.at(pos);
                    }
                    pos = end;
                    continue;
                }
                LexStep::StringStart(role) => {
                    let nests = role == StringRole::Value && layer + 1 < MAX_LAYERS;
                    self.content[layer + 1] =
                        if nests { LayerContent::Undecided } else { LayerContent::Text };
                    LexemeKind::StringStart(role)
                }
                LexStep::StringEnd(role) => {
                    self.end_content(layer + 1, origin.at(pos), sink);
                    LexemeKind::StringEnd(role)
                }
                LexStep::Space => LexemeKind::Space,
                LexStep::Open(container) => LexemeKind::Open(container),
                LexStep::Close(container) => LexemeKind::Close(container),
                LexStep::Comma => LexemeKind::Comma,
                LexStep::Colon => LexemeKind::Colon,
                LexStep::Scalar => LexemeKind::Scalar,
            };
            emit(kind, layer, &bytes[pos..end], origin.part(pos, end), sink);
            pos = end;
            if matches!(kind, LexemeKind::StringStart(_)) && sink.is_done() {
                break;
            }
        }
        Ok(())
    }

    /// Whether the content of `layer`, which goes on with `next` or an escape, is text.
    #[inline]
    fn is_text(&mut self, layer: usize, next: u8) -> bool {
        let content = &mut self.content[layer];
        if *content == LayerContent::Undecided && !matches!(next, b'{' | b'[' | b'\\' | b'"' | 0..=b' ') {
            *content = LayerContent::Text;
        }
        *content == LayerContent::Text
    }

    /// Whether `layer` is a document, and is inside a string of which the content is text.
    #[inline]
    fn is_inner_text(&self, layer: usize) -> bool {
        layer < MAX_LAYERS
            && self.content[layer] == LayerContent::Tentative
            && self.lexers[layer].is_in_text()
            && self.content[layer + 1] == LayerContent::Text
    }

    /// The content of `layer` ends at `at`: what its lexers hold of unfinished escapes is text.
    fn end_content<S: Sink>(&mut self, layer: usize, at: u64, sink: &mut S) {
        let mut open = layer;
        while open < MAX_LAYERS
            && matches!(self.content[open], LayerContent::Tentative | LayerContent::Strict)
        {
            open += 1;
        }
        // The deepest layer holds the earliest bytes; those of the layer below it follow.
        for held in (layer..open).rev() {
            let partial = self.lexers[held].partial_escape();
            if partial.is_empty() {
                continue;
            }
            let below = (layer..held).rev().find(|&below| !self.lexers[below].partial_escape().is_empty());
            let end = below.map_or(at, |below| self.escape_start[below]);
            broken(held, partial, Origin::Escape(self.escape_start[held], end), sink);
            self.lexers[held].reset();
        }
    }
}

/// Reads text of `layer` from `pos` on, up to the first byte that is neither plain nor an escape that is whole and
/// valid. `DEPTH` is the number of strings around the text as seen from `bytes`. This is what nearly all bytes of a
/// long prompt are read by, 64 at a time.
#[inline]
fn read_text<const DEPTH: usize, S: Sink>(
    layer: usize,
    bytes: &[u8],
    pos: usize,
    origin: Origin,
    sink: &mut S,
) -> usize {
    let mut pos = pos;
    let mut word_start = pos;
    // Most strings are short: keys and names. Half of what follows would be wasted on them.
    if let Some(at) = find::special_soon(bytes, pos) {
        text(layer, &bytes[pos..at], origin.part(pos, at), sink);
        if bytes[at] == b'"' {
            return at;
        }
        (pos, word_start) = (at, at);
    }
    while let Some(word) = bytes[word_start..].first_chunk() {
        let done = pos.max(word_start) - word_start;
        let mut bits = find::special_bits(word) & (!0u64).checked_shl(done as u32).unwrap_or(0);
        while bits != 0 {
            let at = word_start + bits.trailing_zeros() as usize;
            text(layer, &bytes[pos..at], origin.part(pos, at), sink);
            pos = read_escape::<DEPTH, S>(layer, bytes, at, origin, sink);
            if pos == at {
                return at;
            }
            // Quotes and backslashes inside the escape are special too, but end nothing.
            bits &= (!0u64).checked_shl((pos - word_start) as u32).unwrap_or(0);
        }
        word_start += find::WORD;
    }
    // Fewer bytes than a word are left.
    loop {
        let at = find::string_special(bytes, word_start.max(pos));
        text(layer, &bytes[pos..at], origin.part(pos, at), sink);
        pos = read_escape::<DEPTH, S>(layer, bytes, at, origin, sink);
        if pos == at {
            return at;
        }
    }
}

/// Reads the escape at `at`, if there is one that is whole and valid, and says where it ends.
#[inline]
fn read_escape<const DEPTH: usize, S: Sink>(
    layer: usize,
    bytes: &[u8],
    at: usize,
    origin: Origin,
    sink: &mut S,
) -> usize {
    let simple = if DEPTH == 1 { simple_escape_at(bytes, at) } else { double_escape_at(bytes, at) };
    if let Some((decoded, len)) = simple {
        text(layer, &[decoded], Origin::Escape(origin.at(at), origin.at(at + len)), sink);
        return at + len;
    }
    let Some((decoded, len)) = unicode_escape_at(bytes, at, DEPTH) else { return at };
    text(layer, decoded.as_bytes(), Origin::Escape(origin.at(at), origin.at(at + len)), sink);
    at + len
}

#[inline]
fn text<S: Sink>(layer: usize, bytes: &[u8], origin: Origin, sink: &mut S) {
    if !bytes.is_empty() {
        emit(LexemeKind::Text, layer, bytes, origin, sink);
    }
}

/// Text behind what [broke](LayerContent::Broken).
fn broken<S: Sink>(layer: usize, bytes: &[u8], origin: Origin, sink: &mut S) {
    if !bytes.is_empty() {
        let lexeme = lexeme(LexemeKind::Text, layer, bytes, origin);
        sink.lexeme(Lexeme { is_broken: true, ..lexeme });
    }
}

#[inline]
fn emit<S: Sink>(kind: LexemeKind, layer: usize, bytes: &[u8], origin: Origin, sink: &mut S) {
    sink.lexeme(lexeme(kind, layer, bytes, origin));
}

#[inline]
fn lexeme(kind: LexemeKind, layer: usize, bytes: &[u8], origin: Origin) -> Lexeme<'_> {
    let (start, end) = (origin.at(0), origin.at(bytes.len()));
    Lexeme { kind, bytes, start, end, layer: layer as u8, is_broken: false }
}

#[cfg(test)]
#[path = "nested_tests.rs"]
mod tests;
