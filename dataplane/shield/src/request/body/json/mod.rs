//! JSON bodies: a walker over the lexemes builds the decoded view, a second one edits the raw bytes.

pub(crate) mod body;
pub(crate) mod containers;
pub(crate) mod document_tracker;
pub(crate) mod edit;
pub(crate) mod member_names;
pub(crate) mod path;
mod place_name;
mod value_rules;
pub(crate) mod walker;
