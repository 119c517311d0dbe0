//! Where in the document the lexer is: enough to name a place in the report and to know the values that are not
//! text. Only structure costs something here, and little: a key is copied once, a name is built only on a finding.

use crate::json::{Container, Kind, Lexeme, Role};
use crate::places::{self, Place, Scope, Step, Table};
use crate::request::body::json::document_text::Cited;
use crate::request::body::json::frame::{Frame, MAX_FRAMES, Seal, Type, Word};
use crate::request::body::json::member_names;
use crate::request::classify::exempt::{self, Verdict};
use crate::request::classify::opaque::{self, Behind, Declared, Judgement, Run, Slot};
use crate::request::scan::part_boundary::{MAX_GAP, TextEvent};
use crate::request::scan::window::Surroundings;

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
    Type,
    MediaType,
    Text,
}

/// Why the view of a window ends before the window does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// What a string holds can be told only with more input.
    Undecided,
    /// Base64 begins that is passed, or scanned decoded.
    Run(Run),
    /// The rest of the string is left alone.
    Leave,
}

/// The place of the lexer in the document.
#[derive(Clone)]
pub(crate) struct Track {
    scope: Scope,
    depth: u16,
    capture: Capture,
    /// The open string is a key that must not be named, since it holds a secret.
    masked: bool,
    /// Documents that ended, for sequences of them.
    documents: u32,
    value: Word,
    stop: Option<(u64, Stop)>,
    scalar: Option<u64>,
    text: Option<TextPart>,
    pub(crate) cited: Cited,
    frames: [Frame; MAX_FRAMES],
}

impl Track {
    pub(crate) fn new(scope: Scope) -> Self {
        let frame = Frame {
            container: Container::Array,
            kind: Type::Unknown,
            seal: Seal::Unknown,
            declared: Declared::Nothing,
            index: 0,
            key: Word::EMPTY,
        };
        Self {
            scope,
            depth: 0,
            capture: Capture::Nothing,
            masked: false,
            documents: 0,
            value: Word::EMPTY,
            stop: None,
            scalar: None,
            text: None,
            cited: Cited::default(),
            frames: [frame; MAX_FRAMES],
        }
    }

    /// Where the view has to end, and why.
    #[inline]
    pub(crate) fn stop(&self) -> Option<(u64, Stop)> {
        self.stop
    }

    /// The base64 that the stop was for continues at `at`, or has ended.
    pub(crate) fn move_stop(&mut self, stop: Option<(u64, Stop)>) {
        self.stop = stop;
    }

    /// Where the number or word began that the last lexeme was a part of.
    pub(crate) fn scalar(&self) -> Option<u64> {
        self.scalar
    }

    /// Follows one more lexeme.
    #[inline]
    pub(crate) fn see(&mut self, lexeme: &Lexeme<'_>, around: Surroundings<'_>) -> Option<TextEvent> {
        match lexeme.kind {
            Kind::Text => {
                self.scalar = None;
                if !matches!(self.capture, Capture::Nothing | Capture::Text) && lexeme.layer == 1 {
                    self.copy_text(lexeme.bytes);
                }
            }
            Kind::Scalar => {
                if self.scalar.is_none() && lexeme.layer == 0 {
                    self.start_scalar(lexeme.bytes);
                }
                self.scalar.get_or_insert(lexeme.start);
            }
            Kind::Colon | Kind::Space => self.scalar = None,
            _ => {
                self.scalar = None;
                if lexeme.layer == 0 {
                    return self.see_structure(lexeme, around);
                }
            }
        }
        None
    }

    /// A number or word begins. Of all that JSON has, only `true` begins so.
    fn start_scalar(&mut self, text: &[u8]) {
        self.see_no_string();
        if text.first() == Some(&b't')
            && self.member() == Some(b"thought")
            && let Some(frame) = self.frame_mut().filter(|frame| frame.kind == Type::Unknown)
        {
            frame.kind = Type::Thought;
        }
    }

    fn copy_text(&mut self, text: &[u8]) {
        match self.capture {
            Capture::Key if self.masked => {}
            Capture::Key => {
                if let Some(frame) = self.frame_mut() {
                    frame.key.append(text);
                }
            }
            _ => self.value.append(text),
        }
    }

    fn see_structure(&mut self, lexeme: &Lexeme<'_>, around: Surroundings<'_>) -> Option<TextEvent> {
        match lexeme.kind {
            Kind::Open(container) => self.open(container),
            Kind::Close(_) => {
                self.close();
                self.depth = self.depth.saturating_sub(1);
                // The array of the part is closed: nothing will be joined to it.
                self.text = self.text.filter(|text| self.depth + 2 > text.depth);
                self.documents += u32::from(self.depth == 0);
            }
            Kind::Comma => {
                if let Some(frame) = self.frame_mut() {
                    frame.index = frame.index.saturating_add(1);
                }
            }
            Kind::StringStart(Role::Key) => {
                self.masked = false;
                self.capture = Capture::Key;
                if let Some(frame) = self.frame_mut() {
                    frame.key.clear();
                }
            }
            Kind::StringStart(Role::Value) => {
                self.start_value(lexeme, around);
                return (self.capture == Capture::Text).then(|| self.start_text(lexeme.end)).flatten();
            }
            Kind::StringEnd(role) => {
                self.cited.end(lexeme.start);
                let text = self.capture == Capture::Text;
                self.end_string(role);
                return text.then(|| self.end_text(lexeme.start)).flatten();
            }
            _ => {}
        }
        None
    }

    /// The text of an object that stands in an array begins; it may go on what the object before it holds.
    fn start_text(&mut self, at: u64) -> Option<TextEvent> {
        let index = self.frames().iter().rev().nth(1).filter(|f| f.container == Container::Array)?.index;
        let depth = self.depth;
        let joins = self.text.is_some_and(|before| {
            let gap = before.end.map_or(u64::MAX, |end| at - end);
            before.depth == depth && index.wrapping_sub(before.index) == 1 && gap <= MAX_GAP
        });
        self.text = Some(TextPart { start: at, end: None, depth, index });
        Some(TextEvent::Start { at, joins })
    }

    fn end_text(&mut self, at: u64) -> Option<TextEvent> {
        self.text.as_mut()?.end = Some(at);
        Some(TextEvent::End { at })
    }

    /// The start and the end of a text part that is open or that the next one may be joined to.
    pub(crate) fn text(&self) -> Option<(u64, Option<u64>)> {
        self.text.map(|text| (text.start, text.end))
    }

    fn open(&mut self, container: Container) {
        self.see_no_string();
        self.depth += 1;
        if let Some(frame) = self.frame_mut() {
            frame.container = container;
            frame.kind = Type::Unknown;
            frame.seal = Seal::Unknown;
            frame.declared = Declared::Nothing;
            frame.index = 0;
            frame.key.clear();
        }
    }

    /// The innermost container ends.
    #[inline]
    fn close(&mut self) {
        let is_document = self.frame_mut().is_some_and(|frame| frame.kind == Type::Document);
        if is_document || self.cited.awaits(self.depth) {
            let is_document = is_document && self.is_block(self.depth);
            self.cited.close(self.depth, is_document);
        }
    }

    /// The value of a member `data` begins, which may be a document's text.
    fn start_data(&mut self, at: u64) {
        let source = usize::from(self.depth).checked_sub(2).and_then(|above| self.frames.get(above));
        if source.is_some_and(|frame| frame.is(b"source")) && self.is_block(self.depth - 1) {
            self.cited.begin(self.depth - 1, at);
        }
    }

    /// Whether the container at `level` is a block of a message, or one of a tool's result in it.
    fn is_block(&self, level: u16) -> bool {
        let list = |frame: &Frame| frame.container == Container::Array;
        let Some(around) = usize::from(level).checked_sub(1).and_then(|above| self.frames.get(..above))
        else {
            return false;
        };
        let [body, messages, message, content, inner @ ..] = around else { return false };
        let outer = body.is(b"messages") && list(messages) && message.is(b"content") && list(content);
        outer
            && match inner {
                [] => true,
                // A list of them; the one page that was fetched.
                [result, blocks] => result.is(b"content") && (list(blocks) || blocks.is(b"content")),
                _ => false,
            }
    }

    fn start_value(&mut self, lexeme: &Lexeme<'_>, around: Surroundings<'_>) {
        self.capture = match self.member() {
            Some(b"text") => Capture::Text,
            Some(b"data") => {
                self.start_data(lexeme.end);
                Capture::Nothing
            }
            Some(b"type") => Capture::Type,
            Some(b"media_type" | b"mime_type" | b"mimeType" | b"format") => Capture::MediaType,
            _ => Capture::Nothing,
        };
        self.value.clear();
        let content = (lexeme.end - around.base) as usize;
        let raw = &around.window[content.min(around.window.len())..];
        let listed = self.listed();
        match listed.map_or(Verdict::No, |place| self.is_left(place, raw, around.last)) {
            Verdict::No => {}
            Verdict::Yes => {
                // It is no text part either, to which another one might be joined.
                (self.capture, self.text) = (Capture::Nothing, None);
                self.stop = Some((lexeme.end, Stop::Leave));
                return;
            }
            Verdict::Undecided => {
                self.stop = Some((lexeme.start, Stop::Undecided));
                return;
            }
        }
        let mut slot = self.slot(listed);
        if matches!(slot, Slot::Blob(_)) || slot == Slot::Plain && self.may_be_signed() {
            match opaque::behind(raw, around.last) {
                Behind::Sealed => slot = Slot::Sealed { sure: true },
                Behind::Undecided => {
                    self.stop = Some((lexeme.start, Stop::Undecided));
                    return;
                }
                Behind::Other => {}
            }
        }
        if matches!(slot, Slot::Sealed { .. }) {
            self.see_seal(exempt::is_seal(raw, around.last));
        }
        if matches!(slot, Slot::Plain | Slot::Link)
            && raw.first().is_some_and(|byte| !matches!(byte, b'd' | b'D'))
        {
            return;
        }
        self.stop = match opaque::judge(slot, raw, around.last) {
            Judgement::Scan => None,
            Judgement::Undecided => Some((lexeme.start, Stop::Undecided)),
            Judgement::Run(head, run) => Some((lexeme.end + head as u64, Stop::Run(run))),
        };
    }

    fn end_string(&mut self, role: Role) {
        let capture = std::mem::replace(&mut self.capture, Capture::Nothing);
        if matches!(capture, Capture::Nothing | Capture::Text) || capture == Capture::Key && !self.masked {
            return;
        }
        let value = self.value;
        let masked = self.masked && role == Role::Key;
        let Some(frame) = self.frame_mut() else { return };
        match capture {
            Capture::Type => {
                frame.kind = match value.as_bytes() {
                    b"text" => Type::Text,
                    b"document" => Type::Document,
                    kind if places::of_requests().is_signed_type(kind) => Type::Sealed,
                    _ => Type::Other,
                };
            }
            Capture::MediaType => frame.declared = opaque::declared(value.as_bytes()),
            Capture::Key if masked => frame.key.clear(),
            Capture::Key | Capture::Text | Capture::Nothing => {}
        }
    }

    fn frame_mut(&mut self) -> Option<&mut Frame> {
        self.frames.get_mut(usize::from(self.depth).checked_sub(1)?)
    }

    /// The open frames, outermost first.
    fn frames(&self) -> &[Frame] {
        &self.frames[..usize::from(self.depth).min(MAX_FRAMES)]
    }

    /// The name of the object's member whose value begins.
    fn member(&self) -> Option<&[u8]> {
        let frame = self.frames.get(usize::from(self.depth).checked_sub(1)?)?;
        (frame.container == Container::Object).then(|| frame.key.as_bytes())
    }

    /// The way from the value that begins to the root. Empty if it is too deep to be told.
    fn chain(&self) -> impl Iterator<Item = Step<'_>> + Clone {
        let depth = usize::from(self.depth);
        let frames = if depth > MAX_FRAMES { &[] } else { &self.frames[..depth] };
        frames.iter().rev().map(|frame| match frame.container {
            Container::Object => Step::Member(frame.key.as_bytes()),
            Container::Array => Step::Item,
        })
    }

    /// The place that the value which begins is at, if it is none for ordinary text.
    fn listed(&self) -> Option<&'static Place> {
        self.listed_in(places::of_requests())
    }

    /// The same, by another table.
    pub(crate) fn listed_in(&self, table: &'static Table) -> Option<&'static Place> {
        let frame = self.frames.get(usize::from(self.depth).checked_sub(1)?)?;
        let signed = frame.kind == Type::Sealed;
        table.find(self.scope, self.chain()).find(|place| signed || !place.only_signed_types)
    }

    /// Whether the type of the object, if it comes behind the value, can make a sealed one of it.
    fn may_be_signed(&self) -> bool {
        self.member() == Some(b"data")
            && places::of_requests().find(self.scope, self.chain()).any(|place| place.only_signed_types)
    }

    /// Whether the value that begins with `raw` goes on as it is, since the provider needs it so.
    fn is_left(&mut self, place: &'static Place, raw: &[u8], last: bool) -> Verdict {
        match place.role {
            places::Role::Credential | places::Role::PageToken => exempt::is_word(raw, last),
            places::Role::Link => exempt::is_link(raw, last),
            places::Role::Signed => self.is_signed(place, raw, last),
            _ => Verdict::No,
        }
    }

    /// Whether the text that begins with `raw` is signed: its object says so before it or behind it.
    fn is_signed(&mut self, place: &'static Place, raw: &[u8], last: bool) -> Verdict {
        let holder = usize::from(self.depth).checked_sub(1 + usize::from(place.sealed_above));
        let Some(frame) = holder.and_then(|at| self.frames.get_mut(at)) else { return Verdict::No };
        let (kind, told) = match (frame.kind, place.only_thoughts) {
            (Type::Unknown, true) => (exempt::Kind::Thought, Type::Thought),
            (Type::Unknown, false) if !place.untyped => (exempt::Kind::Type, Type::Sealed),
            (Type::Unknown | Type::Sealed, false) => (exempt::Kind::Known, Type::Sealed),
            (Type::Thought, true) => (exempt::Kind::Known, Type::Thought),
            _ => return Verdict::No,
        };
        match frame.seal {
            Seal::Missing => Verdict::No,
            Seal::Sure if kind == exempt::Kind::Known => Verdict::Yes,
            seal => {
                let seen = seal != Seal::Unknown;
                let wanted = exempt::Wanted { seal: place.sealed_by, seen, kind, above: place.sealed_above };
                let verdict = exempt::is_signed(raw, wanted, last, places::of_requests());
                // Looked for once an object, however many texts it holds.
                match verdict {
                    Verdict::Yes => (frame.kind, frame.seal) = (told, Seal::Sure),
                    Verdict::No => frame.seal = Seal::Missing,
                    Verdict::Undecided => {}
                }
                verdict
            }
        }
    }

    /// A signature begins in the innermost object.
    fn see_seal(&mut self, verdict: Verdict) {
        let Some(frame) = self.frame_mut() else { return };
        frame.seal = match verdict {
            Verdict::Yes if frame.seal == Seal::Unknown => Seal::Seen,
            // A member may stand there twice: each must be a signature.
            Verdict::No => Seal::Missing,
            Verdict::Yes | Verdict::Undecided => frame.seal,
        };
    }

    /// A value begins that is no string, perhaps once more under the name of a signature that was seen.
    fn see_no_string(&mut self) {
        let sealed = self.frame_mut().is_some_and(|frame| matches!(frame.seal, Seal::Seen | Seal::Sure));
        if sealed && self.listed().is_some_and(|place| place.role == places::Role::Sealed) {
            self.see_seal(Verdict::No);
        }
    }

    /// What the providers' formats have at this place.
    fn slot(&self, listed: Option<&'static Place>) -> Slot {
        let Some(place) = listed else { return Slot::Plain };
        let frame = self.frames[usize::from(self.depth) - 1];
        match place.role {
            _ if frame.kind == Type::Text => Slot::Plain,
            places::Role::Sealed => Slot::Sealed { sure: frame.kind == Type::Sealed },
            places::Role::Media if place.always_media => Slot::Blob(Declared::RawSound),
            places::Role::Media => Slot::Blob(frame.declared),
            places::Role::Link => Slot::Link,
            _ => Slot::Plain,
        }
    }

    /// What was read last stands in a secret: if it is a key, it must not be named.
    pub(crate) fn mask(&mut self) {
        if self.capture == Capture::Key {
            self.masked = true;
            if let Some(frame) = self.frame_mut() {
                frame.key.clear();
            }
        }
    }

    /// The name of this place, such as `messages[3].content`. Names words of the providers' APIs only, never what the user's own
    /// data calls its members.
    pub(crate) fn place(&self, many: bool) -> String {
        use std::fmt::Write;
        let mut place = String::new();
        if many {
            let _ = write!(place, "line[{}]", self.documents);
        }
        let mut users = false;
        for (level, frame) in self.frames().iter().enumerate() {
            let innermost = level + 1 == usize::from(self.depth);
            match frame.container {
                Container::Array => {
                    let _ = write!(place, "[{}]", frame.index);
                }
                Container::Object => {
                    let in_key = innermost && self.capture == Capture::Key;
                    let separator = if place.is_empty() { "" } else { "." };
                    let key = frame.key.as_bytes();
                    let name = match member_names::known(key).filter(|_| !users) {
                        _ if in_key => "(key)",
                        known => known.unwrap_or(member_names::OTHER),
                    };
                    let _ = write!(place, "{separator}{name}");
                    let next = self.frames().get(level + 1).map(|next| next.container);
                    users |= next == Some(Container::Object) && member_names::holds_users(key);
                }
            }
        }
        place
    }
}
