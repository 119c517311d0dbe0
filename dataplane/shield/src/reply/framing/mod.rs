//! How events are framed: server-sent events, JSON lines, documents and items of an array.

pub(crate) mod backlog;
pub(crate) mod lines;
pub(crate) mod sse;
pub(crate) mod values;
