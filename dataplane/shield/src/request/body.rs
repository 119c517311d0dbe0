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

/// The state between two windows.
pub(super) enum Body {
    /// Its first bytes will tell.
    Unknown(Scope),
    /// Known media, which holds no text.
    Media,
    Text(Box<TextBody>),
    Json(Box<JsonBody>),
    Form(Box<FormBody>),
    Multipart(Box<MultipartBody>),
}

impl Body {
    pub(super) fn new(format: Format, scope: Scope) -> Self {
        match format {
            Format::Json => Self::Json(Box::new(JsonBody::document(scope))),
            Format::JsonLines => Self::Json(Box::new(JsonBody::lines(scope))),
            Format::Text => Self::Text(Box::new(TextBody::new())),
            Format::Form => Self::Form(Box::new(FormBody::new())),
            Format::Multipart(boundary) => Self::Multipart(Box::new(MultipartBody::new(boundary))),
            Format::Binary | Format::Unknown => Self::Unknown(scope),
        }
    }

    /// A part of a multipart body. A multipart body inside another one is text.
    pub(super) fn part(format: Format) -> Self {
        match format {
            Format::Multipart(_) => Self::Text(Box::new(TextBody::new())),
            other => Self::new(other, Scope::File),
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
        if let Self::Unknown(scope) = *self {
            let media = opaque::is_media(window);
            *self = if media { Self::Media } else { Self::Json(Box::new(JsonBody::tentative(scope))) };
        }
        match self {
            Self::Unknown(_) | Self::Media => {
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
