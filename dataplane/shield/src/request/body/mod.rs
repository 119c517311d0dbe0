//! The formats of request bodies, each a state machine that takes windows and writes what goes on.

pub(crate) mod dispatch;
pub(crate) mod encoded_text;
pub(crate) mod flat;
pub(crate) mod form;
pub(crate) mod json;
pub(crate) mod multipart;
pub(crate) mod part_head;
pub(crate) mod single;
pub(crate) mod step;
pub(crate) mod text;
pub(crate) mod wide;
