//! A rule as the finders use it.

use super::kinds::{Finder, Strength};
use super::service_names::ServiceNames;
use crate::boundaries::{Left, Right};
use crate::bytes::ByteSet;
use crate::checks::Check;
use crate::finding::Confidence;
use crate::pattern::Sequence;

/// A rule ready for use.
pub(crate) struct Compiled {
    pub(crate) sequences: Vec<Sequence>,
    pub(crate) tails: Vec<ByteSet>,
    pub(crate) left: Left,
    pub(crate) right: Right,
    pub(crate) check: Option<Check>,
    pub(crate) entropy: f32,
    pub(crate) confidence: Confidence,
    pub(crate) rank: u8,
    /// Shapes of an assigned value, for rules with keywords.
    pub(crate) values: Vec<Sequence>,
    pub(crate) strength: Option<Strength>,
    /// Names of services; where there are some, the keywords only show where to look for them.
    pub(crate) services: Option<ServiceNames>,
    /// The secret must not read like a word.
    pub(crate) must_be_noisy: bool,
    /// What reads on from a keyword, where it is not the assignment of a name, or from a URL's `://`.
    pub(crate) finder: Option<Finder>,
}

impl Compiled {
    /// A rule without a pattern, whose candidates other code makes.
    pub(crate) fn in_code(rank: u8) -> Compiled {
        Compiled {
            sequences: Vec::new(),
            tails: Vec::new(),
            left: Left::Any,
            right: Right::Any,
            check: None,
            entropy: 0.0,
            confidence: Confidence::High,
            rank,
            values: Vec::new(),
            strength: None,
            services: None,
            must_be_noisy: false,
            finder: None,
        }
    }
}

/// A word of assigned names and the rules that ask for it.
pub(crate) struct Keyword {
    pub(crate) width: usize,
    /// Its width without punctuation at its end, which only makes it rarer.
    pub(crate) letters: usize,
    pub(crate) rules: Vec<u16>,
}
