//! What all texts of one reply share.

use crate::documents::Documents;
use crate::keyring::Keyring;
use crate::reply::policy::{RestoreDecision, RestorePolicy, TextKind};
use crate::reply::stats::RestoreStats;
use crate::reply::text::matcher::{Matcher, TokenPrefix};
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
    /// Without one everything is restored.
    pub(crate) policy: Option<Arc<RestorePolicy>>,
    /// What citations point into.
    pub(crate) documents: Documents,
    /// Written after a line break of a restored value that lands outside of JSON: the head of the next line in
    /// a framing by lines.
    pub(crate) line_head: &'static [u8],
    pub(crate) joined: Vec<u8>,
}

impl ReplyContext {
    pub(crate) fn new(vault: Vault) -> Self {
        let matcher = Matcher::new(vault.tokens().chain(vault.sealed_tokens()));
        let (keyring, policy) = (None, None);
        let (stats, documents) = (RestoreStats::default(), Documents::default());
        Self { vault, matcher, stats, keyring, policy, documents, line_head: b"", joined: Vec::new() }
    }

    /// What the policy says of a text of this kind that goes to this tool, if it goes to one.
    pub(crate) fn decide(&self, text_kind: TextKind, tool: Option<&str>) -> RestoreDecision {
        self.policy.as_ref().map_or(RestoreDecision::Restore, |policy| policy.decide(text_kind, tool))
    }

    /// Whether the names of tools make a difference.
    pub(crate) fn asks_for_tools(&self) -> bool {
        self.policy.as_ref().is_some_and(|policy| policy.asks_for_tools())
    }

    /// Opens the secret of `token` if it is sealed.
    pub(crate) fn unseal(&mut self, token: &Token) {
        self.stats.opened += u64::from(self.vault.unseal(token));
    }

    /// Counts a whole token that the vault does not know, if its check is right. A word with a wrong one is text.
    pub(crate) fn count_unknown(&mut self, token: &Token) {
        let ours = self.keyring.as_ref().is_some_and(|keyring| keyring.has_minted(token));
        self.stats.unresolved += u64::from(ours);
    }

    /// Counts the beginning of a token that did not go on, if a token of the vault begins so.
    pub(crate) fn count_broken(&mut self, prefix: &TokenPrefix) {
        self.stats.unresolved += u64::from(prefix.is_token_like() && self.matcher.expects(prefix));
    }
}
