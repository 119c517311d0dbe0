//! JSON bodies: a walk over the lexemes builds the decoded view, a second one edits the raw bytes.

pub(crate) mod body;
pub(crate) mod document_text;
pub(crate) mod edit;
pub(crate) mod frame;
pub(crate) mod member_names;
pub(crate) mod path;
mod place_name;
mod value_rules;
pub(crate) mod walker;
