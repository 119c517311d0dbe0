//! The formats that a body, or a part of one, can have.

use super::desk::Desk;
use super::form::FormBody;
use super::gather::Gather;
use super::json::JsonBody;
use super::multipart::MultipartBody;
use super::opaque;
use super::refusal::Refusal;
use super::scratch::ShardScratch;
use super::text::TextBody;
use crate::format::Format;
use crate::places::Scope;

/// Stands before the text of many files, and before no JSON that a parser takes: what follows it is looked at instead.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The state between two windows.
pub(super) enum Body {
    /// Its first bytes will tell.
    Unknown,
    /// It can be read in more than one way.
    Ambiguous(&'static str),
    /// Known media, which holds no text.
    Media,
    Text(Box<TextBody>),
    Json(Box<JsonBody>),
    Form(Box<FormBody>),
    Multipart(Box<MultipartBody>),
}

impl Body {
    /// The body of a request, if it is of a type that requests have, else of a file.
    pub(super) fn new(format: Format) -> Self {
        Self::with(format, Scope::Body)
    }

    fn with(format: Format, scope: Scope) -> Self {
        match format {
            Format::Json => Self::Json(Box::new(JsonBody::document(scope))),
            Format::JsonLines => Self::Json(Box::new(JsonBody::lines(scope))),
            Format::Text => Self::Text(Box::new(TextBody::new())),
            Format::Form => Self::Form(Box::new(FormBody::new())),
            Format::Multipart(boundary) => Self::Multipart(Box::new(MultipartBody::new(boundary))),
            Format::Binary | Format::Unknown => Self::Unknown,
            Format::Ambiguous(what) => Self::Ambiguous(what),
        }
    }

    /// A part of a multipart body.
    pub(super) fn part(format: Format) -> Self {
        match format {
            Format::Multipart(_) => Self::Ambiguous("multipart inside multipart"),
            other => Self::with(other, Scope::File),
        }
    }

    /// The body is consumed to its end: may it end there?
    pub(super) fn end(&self) -> Result<(), Refusal> {
        match self {
            Self::Multipart(body) => body.end(),
            _ => Ok(()),
        }
    }

    /// See [`super::Tokenizer::push`]; a window that is not the last is large enough to settle something.
    pub(super) fn process(
        &mut self,
        desk: &mut Desk,
        scratch: &mut ShardScratch,
        window: &[u8],
        last: bool,
        out: &mut Gather,
    ) -> Result<usize, Refusal> {
        if matches!(self, Self::Unknown) {
            if opaque::is_media(window) {
                *self = Self::Media;
            } else {
                *self = Self::Json(Box::new(JsonBody::tentative(Scope::File)));
                if window.starts_with(BYTE_ORDER_MARK) {
                    out.pass(0..BYTE_ORDER_MARK.len());
                    return Ok(BYTE_ORDER_MARK.len());
                }
            }
        }
        match self {
            Self::Ambiguous(what) => Err(Refusal::Malformed { what, offset: 0 }),
            Self::Unknown | Self::Media => {
                out.pass(0..window.len());
                Ok(window.len())
            }
            Self::Text(body) => body.process(desk, scratch, window, last, out),
            Self::Json(body) => body.process(desk, scratch, window, last, out),
            Self::Form(body) => body.process(desk, scratch, window, last, out),
            Self::Multipart(body) => body.process(desk, scratch, window, last, out),
        }
    }
}
