//! Kubernetes Secrets: whatever its key is called, each value under `data` and `stringData` of a manifest of
//! `kind: Secret` is a secret, in YAML and in JSON, with the kind before the data or behind it.
//!
//! A manifest is longer than the left context, so it is read in one piece from its first telling key, at most
//! 8 KiB of it, and the scanner settles it as a whole.

mod document;
mod find;
mod flow;
mod lines;

pub(crate) use find::find;
