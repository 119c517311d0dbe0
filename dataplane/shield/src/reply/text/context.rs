//! What all texts of one reply share.

use crate::documents::Documents;
use crate::keyring::Keyring;
use crate::reply::gate::{RestoreGate, TextKind};
use crate::reply::stats::RestoreStats;
use crate::reply::text::matcher::{Matcher, Prefix};
use crate::token::Token;
use crate::vault::Vault;
use std::sync::Arc;

/// What all texts of one reply share.
pub(crate) struct ReplyContext {
    pub(crate) vault: Vault,
    pub(crate) matcher: Matcher,
    pub(crate) stats: RestoreStats,
    /// Recognises tokens of the organisation that the vault does not know.
    pub(crate) keyring: Option<Arc<Keyring>>,
    pub(crate) gate: Option<Box<dyn RestoreGate>>,
    /// What citations point into.
    pub(crate) documents: Documents,
    /// Written after a line break of a restored value that lands outside of JSON: the head of the next line in
    /// a framing by lines.
    pub(crate) line_head: &'static [u8],
    pub(crate) joined: Vec<u8>,
}

impl ReplyContext {
    pub(crate) fn new(vault: Vault) -> Self {
        let matcher = Matcher::new(vault.tokens());
        let (keyring, gate) = (None, None);
        let (stats, documents) = (RestoreStats::default(), Documents::default());
        Self { vault, matcher, stats, keyring, gate, documents, line_head: b"", joined: Vec::new() }
    }

    /// Asks the gate, if there is one.
    pub(crate) fn allows(&mut self, text_kind: TextKind, tool: Option<&str>) -> bool {
        self.gate.as_mut().is_none_or(|gate| gate.allow(text_kind, tool))
    }

    /// Counts a whole token that the vault does not know, if its check is right. A word with a wrong one is text.
    pub(crate) fn count_unknown(&mut self, token: &Token) {
        let ours = self.keyring.as_ref().is_some_and(|keyring| keyring.has_minted(token));
        self.stats.unresolved += u64::from(ours);
    }

    /// Counts the beginning of a token that did not go on, if a token of the vault begins so.
    pub(crate) fn count_broken(&mut self, prefix: &Prefix) {
        self.stats.unresolved += u64::from(prefix.is_token_like() && self.matcher.expects(prefix));
    }
}
