//! What is read of a manifest.

use crate::text::Span;

/// The keys of a Secret. Reading stops at any other: what has it is none, and a text full of first keys costs a few
/// lines for each.
pub(super) const KEYS: [&[u8]; 7] =
    [b"apiVersion", b"kind", b"metadata", b"type", b"immutable", b"data", b"stringData"];

/// What was read of a manifest.
#[derive(Debug, Default)]
pub(super) struct Manifest {
    pub(super) secret: bool,
    pub(super) values: Vec<ManifestValue>,
    /// Where it ends, or where reading it stopped.
    pub(super) end: usize,
}

/// One value and whether it stands under `data`, in base64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ManifestValue {
    pub(super) span: Span,
    pub(super) encoded: bool,
}

impl Manifest {
    pub(super) fn push(&mut self, span: Span, encoded: bool) {
        if !span.is_empty() {
            self.values.push(ManifestValue { span, encoded });
        }
    }
}
