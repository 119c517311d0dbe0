//! Tests of the request side that go through the tokenizer, whatever the format.

mod action;
mod any;
mod delimiters;
mod everywhere;
mod history;
mod media;
mod opaque;
mod part_boundary;
mod strings;
pub(crate) mod support;
mod tables;
mod tail;
mod texts;
mod token;
mod writings;
