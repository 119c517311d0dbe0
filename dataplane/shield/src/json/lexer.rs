//! One layer of JSON as RFC 8259 has it, one lexeme a step.
//!
//! ```text
//!   Value --{--> FirstKey --"--> string --> Colon --:--> Value
//!     |             `--}--.                                |
//!     |                   v                                |
//!     |--[--> FirstItem--]--> After <--- end of a value ---'
//!     |                         |--,--> Key | Value
//!     `--scalar, string-------->|--} ]--> After of the container around
//!                               `--(depth 0)--> Done
//! ```
//!
//! Bytes may come in pieces cut anywhere, in the middle of an escape or of a number too. Bytes beyond ASCII are
//! passed without a check of their UTF-8: that is the business of who reads the document.

use super::find;
use super::unescape::{EscapeCheck, MAX_ESCAPE, Unescaped, check_escape, simple_escape_at};

/// Containers that may stand inside each other.
pub const MAX_DEPTH: usize = 512;

/// What is wrong with a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    /// A byte that cannot stand where it stands.
    #[error("unexpected character")]
    Unexpected,
    /// A raw control character inside a string.
    #[error("control character in a string")]
    Control,
    /// A backslash followed by what is no escape.
    #[error("invalid escape")]
    Escape,
    /// A misspelt `true`, `false`, `null`, or a number that is none.
    #[error("invalid literal")]
    Literal,
    /// More than [`MAX_DEPTH`] containers inside each other.
    #[error("nested too deep")]
    TooDeep,
    /// The document ends too early.
    #[error("unexpected end")]
    End,
}

/// A syntax error and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LexFault {
    /// What is wrong.
    pub what: SyntaxError,
    /// The offset of the offending byte, in the bytes given to the call that failed.
    pub at: usize,
}

/// What a string is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StringRole {
    /// The name of an object's member.
    Key,
    /// A value.
    Value,
}

/// Object or array.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Container {
    /// `{}`
    Object,
    /// `[]`
    Array,
}

/// One step of the lexer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LexStep {
    /// The input is used up. The lexer remembers what it saw of an unfinished escape or literal.
    More,
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
    /// Bytes of a string that stand for themselves.
    Run,
    /// An escape has come to its end. It may have begun in an earlier piece.
    Escape(Unescaped),
    /// The closing quote of a string.
    StringEnd(StringRole),
    /// Bytes of a number, `true`, `false` or `null`; all of it, or the part that is here.
    Scalar,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum LexerState {
    Value,
    FirstItem,
    FirstKey,
    Key,
    Colon,
    After,
    Done,
    /// Behind a document, where only an object or an array may follow.
    Between,
    String,
    Escape,
    Number(Number),
    Word,
}

/// What may follow a document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DocumentSequence {
    /// Nothing.
    One,
    /// Documents of any kind.
    Values,
    /// Objects and arrays.
    Containers,
}

/// What was read of a number last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Number {
    Minus,
    Zero,
    Integer,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
}

/// The lexer of one layer. About a hundred bytes, whatever the document's size.
#[derive(Clone)]
pub struct Lexer {
    state: LexerState,
    role: StringRole,
    sequence: DocumentSequence,
    depth: u16,
    escape_len: u8,
    escape: [u8; MAX_ESCAPE],
    word: &'static [u8],
    /// One bit a container: set for an object.
    objects: [u64; MAX_DEPTH / 64],
}

impl Lexer {
    /// A lexer at the start of a document.
    pub fn new() -> Self {
        Self {
            state: LexerState::Value,
            role: StringRole::Value,
            sequence: DocumentSequence::One,
            depth: 0,
            escape_len: 0,
            escape: [0; MAX_ESCAPE],
            word: b"",
            objects: [0; MAX_DEPTH / 64],
        }
    }

    /// A lexer for a sequence of documents separated by nothing or by white space, as in JSON lines.
    pub fn many() -> Self {
        Self { sequence: DocumentSequence::Values, ..Self::new() }
    }

    /// The same for objects and arrays only: what a string holds is taken for documents as long as these follow each other.
    pub fn containers() -> Self {
        Self { sequence: DocumentSequence::Containers, ..Self::new() }
    }

    /// Back to the start of a document.
    pub fn reset(&mut self) {
        self.state = LexerState::Value;
        self.depth = 0;
        self.escape_len = 0;
    }

    /// Containers that are open.
    pub fn depth(&self) -> usize {
        usize::from(self.depth)
    }

    /// The innermost open container.
    pub fn container(&self) -> Option<Container> {
        let object = self.depth > 0 && self.is_in_object();
        let container = if object { Container::Object } else { Container::Array };
        (self.depth > 0).then_some(container)
    }

    /// The role of the string that is open, if one is.
    pub fn string(&self) -> Option<StringRole> {
        matches!(self.state, LexerState::String | LexerState::Escape).then_some(self.role)
    }

    /// Whether the next byte belongs to a string and not to an escape that has begun.
    #[inline]
    pub(super) fn is_in_text(&self) -> bool {
        self.state == LexerState::String
    }

    /// Whether the lexer is in a string, in an escape or not.
    pub(super) fn is_in_string(&self) -> bool {
        matches!(self.state, LexerState::String | LexerState::Escape)
    }

    /// Bytes of an escape that has begun in an earlier piece.
    #[inline]
    pub fn partial_escape(&self) -> &[u8] {
        &self.escape[..usize::from(self.escape_len)]
    }

    /// Whether the document may end here.
    pub fn may_end(&self) -> bool {
        match self.state {
            LexerState::Done | LexerState::Between => true,
            LexerState::Value => self.sequence == DocumentSequence::Values && self.depth == 0,
            LexerState::Number(number) => self.depth == 0 && number.may_end(),
            _ => false,
        }
    }

    /// Reads one lexeme of `bytes` from `pos` on and says where it ends. It never reads a byte twice, but for a
    /// lone surrogate, which ends before the byte that shows it to be one. At an error nothing is consumed; the
    /// lexer must not be used on, except for [`Self::partial_escape`].
    #[inline]
    pub fn step(&mut self, bytes: &[u8], pos: usize) -> Result<(LexStep, usize), LexFault> {
        let Some(&byte) = bytes.get(pos) else { return Ok((LexStep::More, pos)) };
        match self.state {
            LexerState::String => self.step_string(bytes, pos, byte),
            LexerState::Escape => self.resume_escape(bytes, pos),
            _ => self.step_structure(bytes, pos, byte),
        }
    }

    #[inline]
    fn step_string(&mut self, bytes: &[u8], pos: usize, byte: u8) -> Result<(LexStep, usize), LexFault> {
        match byte {
            b'"' => {
                self.state =
                    if self.role == StringRole::Key { LexerState::Colon } else { self.after_value() };
                Ok((LexStep::StringEnd(self.role), pos + 1))
            }
            b'\\' => match simple_escape_at(bytes, pos) {
                Some((character, len)) => Ok((LexStep::Escape(Unescaped::of(character.into())), pos + len)),
                None => self.start_escape(bytes, pos),
            },
            0..=0x1F => Err(LexFault { what: SyntaxError::Control, at: pos }),
            _ => Ok((LexStep::Run, find::string_special(bytes, pos + 1))),
        }
    }

    /// An escape that is not a simple one, or not all there.
    #[cold]
    fn start_escape(&mut self, bytes: &[u8], pos: usize) -> Result<(LexStep, usize), LexFault> {
        self.state = LexerState::Escape;
        self.escape_len = 0;
        let result = self.resume_escape(bytes, pos);
        if result.is_err() {
            // Nothing is consumed, so nothing is kept either.
            self.escape_len = 0;
        }
        result
    }

    fn resume_escape(&mut self, bytes: &[u8], pos: usize) -> Result<(LexStep, usize), LexFault> {
        let before = self.escape_len;
        let mut at = pos;
        loop {
            match check_escape(self.partial_escape(), bytes.get(at).copied()) {
                EscapeCheck::Take => {
                    self.escape[usize::from(self.escape_len)] = bytes[at];
                    self.escape_len += 1;
                    at += 1;
                }
                EscapeCheck::Wait => return Ok((LexStep::More, at)),
                EscapeCheck::Wrong => {
                    self.escape_len = before;
                    return Err(LexFault { what: SyntaxError::Escape, at });
                }
                EscapeCheck::Complete(decoded) => {
                    self.state = LexerState::String;
                    self.escape_len = 0;
                    return Ok((LexStep::Escape(decoded), at));
                }
            }
        }
    }

    #[inline]
    fn step_structure(&mut self, bytes: &[u8], pos: usize, byte: u8) -> Result<(LexStep, usize), LexFault> {
        if let LexerState::Number(number) = self.state {
            return self.read_number(number, bytes, pos, pos);
        }
        if self.state == LexerState::Word {
            return self.read_word(bytes, pos, pos);
        }
        let step = match (self.state, byte) {
            (LexerState::Colon, b':') => {
                self.state = LexerState::Value;
                LexStep::Colon
            }
            (LexerState::FirstKey | LexerState::Key, b'"') => self.start_string(StringRole::Key),
            (LexerState::Value | LexerState::FirstItem, b'"') => self.start_string(StringRole::Value),
            (LexerState::After, b',') => {
                self.state = if self.is_in_object() { LexerState::Key } else { LexerState::Value };
                LexStep::Comma
            }
            (_, b' ' | b'\n' | b'\r' | b'\t') => return Ok((LexStep::Space, end_of_space(bytes, pos))),
            (LexerState::FirstItem, b']') => self.close(Container::Array),
            (LexerState::FirstKey, b'}') => self.close(Container::Object),
            (LexerState::After, b'}') if self.is_in_object() => self.close(Container::Object),
            (LexerState::After, b']') if !self.is_in_object() => self.close(Container::Array),
            (LexerState::Value | LexerState::FirstItem, _) | (LexerState::Between, b'{' | b'[') => {
                return self.start_value(bytes, pos, byte);
            }
            _ => return Err(LexFault { what: SyntaxError::Unexpected, at: pos }),
        };
        Ok((step, pos + 1))
    }

    /// Whether the innermost open container, which there is, is an object.
    #[inline]
    fn is_in_object(&self) -> bool {
        let level = self.depth() - 1;
        self.objects[level / 64] >> (level % 64) & 1 == 1
    }

    fn start_value(&mut self, bytes: &[u8], pos: usize, byte: u8) -> Result<(LexStep, usize), LexFault> {
        let step = match byte {
            b'{' => self.open(Container::Object, pos)?,
            b'[' => self.open(Container::Array, pos)?,
            b'-' | b'0'..=b'9' => {
                let first = match byte {
                    b'-' => Number::Minus,
                    b'0' => Number::Zero,
                    _ => Number::Integer,
                };
                return self.read_number(first, bytes, pos, pos + 1);
            }
            b't' | b'f' | b'n' => {
                self.word = match byte {
                    b't' => b"rue",
                    b'f' => b"alse",
                    _ => b"ull",
                };
                self.state = LexerState::Word;
                return self.read_word(bytes, pos, pos + 1);
            }
            _ => return Err(LexFault { what: SyntaxError::Unexpected, at: pos }),
        };
        Ok((step, pos + 1))
    }

    #[inline]
    fn start_string(&mut self, role: StringRole) -> LexStep {
        self.role = role;
        self.state = LexerState::String;
        LexStep::StringStart(role)
    }

    fn open(&mut self, container: Container, pos: usize) -> Result<LexStep, LexFault> {
        let level = self.depth();
        if level == MAX_DEPTH {
            return Err(LexFault { what: SyntaxError::TooDeep, at: pos });
        }
        let bit = 1 << (level % 64);
        match container {
            Container::Object => {
                self.objects[level / 64] |= bit;
                self.state = LexerState::FirstKey;
            }
            Container::Array => {
                self.objects[level / 64] &= !bit;
                self.state = LexerState::FirstItem;
            }
        }
        self.depth += 1;
        Ok(LexStep::Open(container))
    }

    fn close(&mut self, container: Container) -> LexStep {
        self.depth -= 1;
        self.state = self.after_value();
        LexStep::Close(container)
    }

    fn after_value(&self) -> LexerState {
        match (self.depth, self.sequence) {
            (0, DocumentSequence::One) => LexerState::Done,
            (0, DocumentSequence::Values) => LexerState::Value,
            (0, DocumentSequence::Containers) => LexerState::Between,
            _ => LexerState::After,
        }
    }

    /// Reads on at `from` in a word of which the step that began at `pos` has seen the start. What is right of a
    /// wrong word is a lexeme of its own, as it is when the input is cut there.
    fn read_word(&mut self, bytes: &[u8], pos: usize, from: usize) -> Result<(LexStep, usize), LexFault> {
        let mut at = from;
        while let (Some((&expected, rest)), Some(&byte)) = (self.word.split_first(), bytes.get(at)) {
            if byte != expected {
                let fault = LexFault { what: SyntaxError::Literal, at };
                return if at > pos { Ok((LexStep::Scalar, at)) } else { Err(fault) };
            }
            self.word = rest;
            at += 1;
        }
        if self.word.is_empty() {
            self.state = self.after_value();
        }
        Ok((LexStep::Scalar, at))
    }

    /// Reads on at `from` in a number of which the step beginning at `pos` has seen `last` as its last part.
    fn read_number(
        &mut self,
        last: Number,
        bytes: &[u8],
        pos: usize,
        from: usize,
    ) -> Result<(LexStep, usize), LexFault> {
        let mut number = last;
        let mut at = from;
        while let Some(&byte) = bytes.get(at) {
            match number.next(byte) {
                Some(next) => number = next,
                None if !number.may_end() && at == pos => {
                    return Err(LexFault { what: SyntaxError::Literal, at });
                }
                None if !number.may_end() => break,
                None => {
                    self.state = self.after_value();
                    // A number that ended with the piece before has nothing here.
                    return if at > pos { Ok((LexStep::Scalar, at)) } else { self.step(bytes, at) };
                }
            }
            at += 1;
        }
        self.state = LexerState::Number(number);
        Ok((LexStep::Scalar, at))
    }
}

impl Default for Lexer {
    fn default() -> Self {
        Self::new()
    }
}

impl Number {
    fn may_end(self) -> bool {
        matches!(self, Self::Zero | Self::Integer | Self::Fraction | Self::ExponentDigits)
    }

    fn next(self, byte: u8) -> Option<Self> {
        Some(match (self, byte) {
            (Self::Minus, b'0') => Self::Zero,
            (Self::Minus, b'1'..=b'9') | (Self::Integer, b'0'..=b'9') => Self::Integer,
            (Self::Zero | Self::Integer, b'.') => Self::Point,
            (Self::Point | Self::Fraction, b'0'..=b'9') => Self::Fraction,
            (Self::Zero | Self::Integer | Self::Fraction, b'e' | b'E') => Self::Exponent,
            (Self::Exponent, b'+' | b'-') => Self::ExponentSign,
            (Self::Exponent | Self::ExponentSign | Self::ExponentDigits, b'0'..=b'9') => Self::ExponentDigits,
            _ => return None,
        })
    }
}

/// Where the white space that begins at `pos` ends.
fn end_of_space(bytes: &[u8], pos: usize) -> usize {
    let mut end = pos + 1;
    while matches!(bytes.get(end), Some(b' ' | b'\n' | b'\r' | b'\t')) {
        end += 1;
    }
    end
}

#[cfg(test)]
#[path = "lexer_tests.rs"]
mod tests;
