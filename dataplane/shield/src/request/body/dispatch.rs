//! The body of a request: one format, or a multipart of several.

use crate::format::Format;
use crate::request::body::multipart::MultipartBody;
use crate::request::body::single::SingleBody;
use crate::request::body::step::{BodyStep, Input};
use crate::request::refusal::Refusal;

/// The state between two windows.
pub(crate) enum FormatBody {
    Single(SingleBody),
    Multipart(Box<MultipartBody>),
}

impl FormatBody {
    /// The body that begins, declared to be of this format.
    pub(crate) fn new(format: Format) -> Self {
        match format {
            Format::Multipart(boundary) => Self::Multipart(Box::new(MultipartBody::new(boundary, false))),
            Format::Related(boundary) => Self::Multipart(Box::new(MultipartBody::new(boundary, true))),
            other => Self::Single(SingleBody::new(other)),
        }
    }

    /// Reports whether the body, which is consumed, may end there.
    pub(crate) fn end(&self) -> Result<(), Refusal> {
        match self {
            Self::Multipart(body) => body.end(),
            Self::Single(_) => Ok(()),
        }
    }

    /// See [`crate::request::Tokenizer::push`]; a window that is not the last is large enough to settle something.
    pub(crate) fn process(&mut self, step: &mut BodyStep<'_>, input: Input<'_>) -> Result<usize, Refusal> {
        match self {
            Self::Single(body) => body.process(step, input),
            Self::Multipart(body) => body.process(step, input),
        }
    }
}
