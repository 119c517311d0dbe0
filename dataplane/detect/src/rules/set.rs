//! One database of the engine, and what its expressions mean.

use crate::engine::hyperscan::Database;
use crate::rule::{Finder, Keyword, PersonalKind};

/// What a match of the engine's n-th expression means.
#[derive(Debug, Clone, Copy)]
pub(crate) enum EngineTarget {
    /// A sequence of a rule's pattern.
    Sequence { rule: u16, sequence: u16 },
    /// A finder written in code.
    Finder { rule: u16, finder: Finder },
    /// A word that personal data stands by; `width` bytes long.
    Personal { rule: u16, kind: PersonalKind, width: u16 },
    /// A word that stands in assigned names.
    Keyword { index: u16 },
    /// Escapes that are worth decoding; the match is of so many bytes.
    Escaped { width: u8 },
}

/// One database and the meaning of its expressions.
pub(crate) struct Set {
    pub(crate) database: Database,
    /// By expression; several sequences may share one.
    pub(crate) targets: Vec<Vec<EngineTarget>>,
    pub(crate) keywords: Vec<Keyword>,
}
