//! Where in the document the lexer is: enough to name a place in the report and to know the values that are not
//! text. Only structure costs something here, and little: a key is copied once, a name is built only on a finding.

#![expect(
    clippy::cast_possible_truncation,
    reason = "what is left of a 64-bit offset is an offset in the window"
)]

use std::ops::Range;

use crate::json::{Container, Lexeme, LexemeKind, StringRole};
use crate::places::{self, Scope};
use crate::request::body::json::containers::{ObjectType, OpenContainers, ShortText};
use crate::request::body::json::document_tracker::DocumentTracker;
use crate::request::body::json::value_rules::Treatment;
use crate::request::classify::opaque::{self, Base64Run};
use crate::request::scan::part_boundary::{MAX_GAP, TextPartEvent};
use crate::request::scan::window::WindowContext;

/// What the lexer has come to.
pub(crate) enum StringEvent {
    /// Something happens to a text part of an array.
    TextPart(TextPartEvent),
    /// A word of the API stood there, by its offsets in the body.
    Structure(Range<u64>),
}

/// A text part of an array that is open, or that the next one may be joined to.
#[derive(Clone, Copy)]
struct TextPart {
    start: u64,
    end: Option<u64>,
    /// Containers around its object.
    depth: u16,
    /// The index of its object in the array.
    index: u32,
}

/// What the text of the open string is copied for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Capture {
    Nothing,
    Key,
    ObjectType,
    MediaType,
    Text,
}

/// Why the view of a window ends before the window does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ViewEnd {
    /// More input is needed to know what a string holds.
    Undecided,
    /// Base64 begins that is passed, or scanned decoded.
    Run(Base64Run),
    /// The rest of the string is left alone.
    Leave,
}

/// The place of the lexer in the document.
#[derive(Clone)]
pub(crate) struct JsonPath {
    pub(crate) containers: OpenContainers,
    capture: Capture,
    /// The open string is a key that must not be named, since it holds a secret.
    masked: bool,
    /// Documents that ended, for sequences of them.
    documents: u32,
    value: ShortText,
    stop: Option<(u64, ViewEnd)>,
    scalar: Option<u64>,
    text: Option<TextPart>,
    /// Whether it is noted where words of the API stand.
    pub(crate) notes_structure: bool,
    /// Where the open string began, if it is a word of the API.
    structure: Option<u64>,
    /// Where the open name of a member began, while it is noted where words of the API stand.
    name: Option<u64>,
    /// Whether a value so far names something that the provider keeps of earlier requests.
    pub(crate) refers_to_history: bool,
    pub(crate) document: DocumentTracker,
}

impl JsonPath {
    pub(crate) fn new(scope: Scope) -> Self {
        Self {
            containers: OpenContainers::new(scope),
            capture: Capture::Nothing,
            masked: false,
            documents: 0,
            value: ShortText::EMPTY,
            stop: None,
            scalar: None,
            text: None,
            notes_structure: false,
            structure: None,
            name: None,
            refers_to_history: false,
            document: DocumentTracker::default(),
        }
    }

    /// Where the view has to end, and why.
    #[inline]
    pub(crate) fn stop(&self) -> Option<(u64, ViewEnd)> {
        self.stop
    }

    /// The base64 that the stop was for continues at `at`, or has ended.
    pub(crate) fn move_stop(&mut self, stop: Option<(u64, ViewEnd)>) {
        self.stop = stop;
    }

    /// Where the number or word began that the last lexeme was a part of.
    pub(crate) fn scalar(&self) -> Option<u64> {
        self.scalar
    }

    /// Follows one more lexeme.
    #[inline]
    pub(crate) fn see(&mut self, lexeme: &Lexeme<'_>, context: WindowContext<'_>) -> Option<StringEvent> {
        match lexeme.kind {
            LexemeKind::Text => {
                self.scalar = None;
                if !matches!(self.capture, Capture::Nothing | Capture::Text) && lexeme.layer == 1 {
                    self.copy_text(lexeme.bytes);
                }
            }
            LexemeKind::Scalar => {
                if self.scalar.is_none() && lexeme.layer == 0 {
                    self.start_scalar(lexeme.bytes);
                }
                self.scalar.get_or_insert(lexeme.start);
            }
            LexemeKind::Colon | LexemeKind::Space => self.scalar = None,
            _ => {
                self.scalar = None;
                if lexeme.layer == 0 {
                    return self.see_structure(lexeme, context);
                }
            }
        }
        None
    }

    /// A number or word begins. Of all that JSON has, only `true` begins so.
    fn start_scalar(&mut self, text: &[u8]) {
        self.containers.see_no_string();
        if text.first() == Some(&b't')
            && self.containers.member() == Some(b"thought")
            && let Some(container) =
                self.containers.innermost().filter(|container| container.kind == ObjectType::Unknown)
        {
            container.kind = ObjectType::Thought;
        }
    }

    fn copy_text(&mut self, text: &[u8]) {
        match self.capture {
            Capture::Key if self.masked => {}
            Capture::Key => {
                if let Some(container) = self.containers.innermost() {
                    container.key.append(text);
                }
            }
            _ => self.value.append(text),
        }
    }

    fn see_structure(&mut self, lexeme: &Lexeme<'_>, context: WindowContext<'_>) -> Option<StringEvent> {
        match lexeme.kind {
            LexemeKind::Open(container) => {
                self.containers.see_no_string();
                self.containers.open(container);
            }
            LexemeKind::Close(_) => {
                self.close();
                // The array of the part is closed: nothing will be joined to it.
                self.text = self.text.filter(|text| self.containers.depth() + 2 > text.depth);
                self.documents += u32::from(self.containers.depth() == 0);
            }
            LexemeKind::Comma => {
                if let Some(container) = self.containers.innermost() {
                    container.index = container.index.saturating_add(1);
                }
            }
            LexemeKind::StringStart(StringRole::Key) => {
                self.masked = false;
                self.capture = Capture::Key;
                self.name = self.notes_structure.then_some(lexeme.end);
                if let Some(container) = self.containers.innermost() {
                    container.key.clear();
                }
            }
            LexemeKind::StringStart(StringRole::Value) => {
                self.start_value(lexeme, context);
                let starts = self.capture == Capture::Text;
                return starts.then(|| self.start_text(lexeme.end)).flatten().map(StringEvent::TextPart);
            }
            LexemeKind::StringEnd(role) => {
                self.document.end(lexeme.start);
                let text = self.capture == Capture::Text;
                self.end_string(role);
                let name = self.name.take().filter(|_| self.containers.is_structure());
                if let Some(start) = self.structure.take().or(name) {
                    return Some(StringEvent::Structure(start..lexeme.start));
                }
                return text.then(|| self.end_text(lexeme.start)).flatten().map(StringEvent::TextPart);
            }
            _ => {}
        }
        None
    }

    /// The text of an object that stands in an array begins; it may go on what the object before it holds.
    fn start_text(&mut self, at: u64) -> Option<TextPartEvent> {
        let index =
            self.containers.tracked().iter().rev().nth(1).filter(|f| f.container == Container::Array)?.index;
        let depth = self.containers.depth();
        let joins = self.text.is_some_and(|before| {
            let gap = before.end.map_or(u64::MAX, |end| at - end);
            before.depth == depth && index.wrapping_sub(before.index) == 1 && gap <= MAX_GAP
        });
        self.text = Some(TextPart { start: at, end: None, depth, index });
        Some(TextPartEvent::Start { at, joins })
    }

    fn end_text(&mut self, at: u64) -> Option<TextPartEvent> {
        self.text.as_mut()?.end = Some(at);
        Some(TextPartEvent::End { at })
    }

    /// The start and the end of a text part that is open or that the next one may be joined to.
    pub(crate) fn text(&self) -> Option<(u64, Option<u64>)> {
        self.text.map(|text| (text.start, text.end))
    }

    /// Where the open string began, if it is a word of the API.
    pub(crate) fn structure(&self) -> Option<u64> {
        self.structure
    }

    /// Where the open name of a member began, of which only its end says whether it is a word of the API.
    pub(crate) fn open_name(&self) -> Option<u64> {
        self.name
    }

    /// The innermost container ends.
    #[inline]
    fn close(&mut self) {
        let is_document =
            self.containers.innermost().is_some_and(|container| container.kind == ObjectType::Document);
        let depth = self.containers.depth();
        if is_document || self.document.is_awaiting(depth) {
            let is_document = is_document && self.containers.is_block(depth);
            self.document.close(depth, is_document);
        }
        self.containers.close();
    }

    /// The value of a member `data` begins, which may be a document's text.
    fn start_data(&mut self, at: u64) {
        let level = self.containers.depth().saturating_sub(1);
        let source = self.containers.holder(1);
        if source.is_some_and(|container| container.is(b"source")) && self.containers.is_block(level) {
            self.document.begin(level, at);
        }
    }

    fn start_value(&mut self, lexeme: &Lexeme<'_>, context: WindowContext<'_>) {
        self.capture = match self.containers.member() {
            Some(b"text") => Capture::Text,
            Some(b"data") => {
                self.start_data(lexeme.end);
                Capture::Nothing
            }
            Some(b"type") => Capture::ObjectType,
            Some(b"media_type" | b"mime_type" | b"mimeType" | b"format") => Capture::MediaType,
            _ => Capture::Nothing,
        };
        self.structure = (self.notes_structure && self.containers.is_structure()).then_some(lexeme.end);
        self.refers_to_history |= self.containers.is_history();
        self.value.clear();
        let start = (lexeme.end - context.base) as usize;
        let raw = &context.window[start.min(context.window.len())..];
        self.stop = match self.containers.treatment(raw, context.last) {
            Treatment::Scan => None,
            Treatment::Undecided => Some((lexeme.start, ViewEnd::Undecided)),
            Treatment::Leave => {
                // It is no text part either, to which another one might be joined.
                (self.capture, self.text) = (Capture::Nothing, None);
                Some((lexeme.end, ViewEnd::Leave))
            }
            Treatment::Run(head, run) => Some((lexeme.end + head as u64, ViewEnd::Run(run))),
        };
    }

    fn end_string(&mut self, role: StringRole) {
        let capture = std::mem::replace(&mut self.capture, Capture::Nothing);
        if matches!(capture, Capture::Nothing | Capture::Text) || capture == Capture::Key && !self.masked {
            return;
        }
        let value = self.value;
        let masked = self.masked && role == StringRole::Key;
        let Some(container) = self.containers.innermost() else { return };
        match capture {
            Capture::ObjectType => {
                container.kind = match value.as_bytes() {
                    b"text" => ObjectType::Text,
                    b"document" => ObjectType::Document,
                    kind if places::of_requests().is_signed_type(kind) => ObjectType::Sealed,
                    _ => ObjectType::Other,
                };
            }
            Capture::MediaType => container.declared = opaque::declared(value.as_bytes()),
            Capture::Key if masked => container.key.clear(),
            Capture::Key | Capture::Text | Capture::Nothing => {}
        }
    }

    /// What was read last stands in a secret: if it is a key, it must not be named.
    pub(crate) fn mask(&mut self) {
        if self.capture == Capture::Key {
            self.masked = true;
            if let Some(container) = self.containers.innermost() {
                container.key.clear();
            }
        }
    }

    /// The name of this place, such as `messages[3].content`; with `many` documents, with the number of this one.
    pub(crate) fn place(&self, many: bool) -> String {
        let mut name = if many { format!("line[{}]", self.documents) } else { String::new() };
        self.containers.write_name(self.capture == Capture::Key, &mut name);
        name
    }
}
