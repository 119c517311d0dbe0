//! Whether a string can be a secret, without regard to where it stands: its shape, its words, how random it is.

mod bigrams;
pub(crate) mod models;
pub(crate) mod shape;
pub(crate) mod value;
pub(crate) mod words;
