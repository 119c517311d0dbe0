//! One event of a stream: which of its strings belong to which channel, and how it is written back.

pub(crate) mod channels;
pub(crate) mod citations;
pub(crate) mod dialect;
pub(crate) mod edits;
pub(crate) mod frame;
pub(crate) mod handling;
pub(crate) mod joined_texts;
pub(crate) mod json_index;
pub(crate) mod plan;
pub(crate) mod rewriter;
pub(crate) mod template;
pub(crate) mod text_kind;
pub(crate) mod view;
