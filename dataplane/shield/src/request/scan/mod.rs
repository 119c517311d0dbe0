//! What the scanner sees of a window, and what it finds there: the decoded view with its way back to the raw bytes, the
//! texts that a provider joins, and the working memory of a shard.

pub(crate) mod form_fields;
pub(crate) mod member_string;
pub(crate) mod own_tokens;
pub(crate) mod part_boundary;
pub(crate) mod scratch;
pub(crate) mod secret_parts;
pub(crate) mod view;
pub(crate) mod window;
