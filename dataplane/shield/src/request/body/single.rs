//! A body of one format: any but multipart, which is made of such bodies.

use crate::format::Format;
use crate::places::Scope;
use crate::report::OpaqueKind;
use crate::request::body::form::FormBody;
use crate::request::body::json::body::JsonBody;
use crate::request::body::part_head::{MAX_FILE_VALUE, PartLabel};
use crate::request::body::step::{BodyStep, Input};
use crate::request::body::text::TextBody;
use crate::request::body::wide::WideBody;
use crate::request::classify::file_kind;
use crate::request::classify::wide_encoding::WideEncoding;
use crate::request::redactor::Redactor;
use crate::request::refusal::Refusal;

/// Whether a text begins as documents of JSON do that hold more than a word.
fn is_like_json(text: &[u8]) -> bool {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text).trim_ascii();
    match text {
        [b'{' | b'[', ..] | [] => true,
        // A value may begin with a quote, too.
        [b'"', rest @ ..] => rest.ends_with(b"\"") || rest.len() > MAX_FILE_VALUE,
        _ => false,
    }
}

/// Stands before the text of many files, and before no JSON that a parser takes: what follows it is looked at instead.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The state between two windows.
pub(crate) enum SingleBody {
    /// Its first bytes have a say.
    Undetermined(Box<(Format, PartLabel)>),
    /// It can be read in more than one way.
    Ambiguous(&'static str),
    /// A file of a known kind that holds no text.
    Media(OpaqueKind),
    /// An archive: what is stored in it uncompressed can be read. Or a file that is labelled as text and does not
    /// begin like it.
    Archive(OpaqueKind, Box<TextBody>),
    Text(Box<TextBody>),
    WideEncoding(Box<WideBody>),
    Json(Box<JsonBody>),
    Form(Box<FormBody>),
}

impl SingleBody {
    /// The body of a request, if it is of a type that requests have, else of a file.
    pub(crate) fn new(format: Format) -> Self {
        Self::with(format, Scope::Body, PartLabel::default())
    }

    fn with(format: Format, scope: Scope, label: PartLabel) -> Self {
        let behind = label.before_json();
        match format {
            Format::Json => Self::Json(Box::new(JsonBody::document(scope).behind(behind))),
            Format::JsonLines => Self::Json(Box::new(JsonBody::lines(scope).behind(behind))),
            Format::Multipart(_) | Format::Related(_) => Self::Ambiguous("multipart inside multipart"),
            Format::Text | Format::TextIn(_) | Format::Form | Format::Binary | Format::Unknown => {
                Self::Undetermined(Box::new((format, label)))
            }
            Format::Ambiguous(what) => Self::Ambiguous(what),
        }
    }

    /// The body that begins with `window` and is declared to be of this format.
    fn read(
        format: Format,
        label: &PartLabel,
        window: &[u8],
        redactor: &mut Redactor,
    ) -> Result<Self, Refusal> {
        let charset = match format {
            Format::TextIn(charset) => Some(charset),
            _ => None,
        };
        if let Some(wide) = WideEncoding::of(window, charset) {
            return Ok(Self::WideEncoding(Box::new(WideBody::behind(wide, label.before_text()))));
        }
        if !matches!(format, Format::Binary | Format::Unknown) {
            return Ok(match format {
                Format::Form => Self::Form(Box::new(FormBody::behind(label.before_text()))),
                _ => Self::Text(Box::new(TextBody::behind(label.before_text(), label.name.clone()))),
            });
        }
        let Some(kind) = file_kind::kind_of(window) else {
            if label.is_field() && !is_like_json(window) {
                return Ok(Self::Text(Box::new(TextBody::behind(label.before_text(), label.name.clone()))));
            }
            let json = JsonBody::tentative(Scope::File).behind(label.before_text());
            return Ok(Self::Json(Box::new(json)));
        };
        redactor.opaque(kind, String::new)?;
        Ok(match kind {
            OpaqueKind::Archive | OpaqueKind::Office => Self::Archive(kind, Box::new(TextBody::new())),
            _ if label.is_text => Self::Archive(kind, Box::new(TextBody::new())),
            _ => Self::Media(kind),
        })
    }

    /// A part of a multipart body. Of one that is labelled as text nothing passes unscanned, whatever its bytes are.
    pub(crate) fn part(format: Format, label: PartLabel) -> Self {
        Self::with(format, Scope::File, label)
    }

    /// See [`crate::request::Tokenizer::push`]; a window that is not the last is large enough to settle something.
    pub(crate) fn process(&mut self, step: &mut BodyStep<'_>, input: Input<'_>) -> Result<usize, Refusal> {
        if let Self::Undetermined(declared) = self {
            let (format, label) = &mut **declared;
            label.keep_name_of_value(input.last.then_some(input.bytes));
            *self = Self::read(*format, label, input.bytes, step.redactor)?;
            if matches!(self, Self::Json(_)) && input.bytes.starts_with(BYTE_ORDER_MARK) {
                step.out.pass(0..BYTE_ORDER_MARK.len());
                return Ok(BYTE_ORDER_MARK.len());
            }
        }
        match self {
            Self::Undetermined(_) => Ok(0),
            Self::Ambiguous(what) => Err(Refusal::Malformed { what, offset: 0 }),
            Self::Media(kind) => {
                step.redactor.report.grow_opaque(*kind, input.bytes.len() as u64);
                step.out.pass(0..input.bytes.len());
                Ok(input.bytes.len())
            }
            Self::Archive(kind, body) => {
                let consumed = body.process(step, input)?;
                step.redactor.report.grow_opaque(*kind, consumed as u64);
                Ok(consumed)
            }
            Self::WideEncoding(body) => body.process_at(step, input, &String::new),
            Self::Text(body) => body.process(step, input),
            Self::Json(body) => body.process(step, input),
            Self::Form(body) => body.process(step, input),
        }
    }
}
