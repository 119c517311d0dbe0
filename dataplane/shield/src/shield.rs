//! What all requests of one configuration share.

use std::fmt;
use std::sync::Arc;

use aegis_detect::{KnownKey, Rules};

use crate::keyring::Keyring;
use crate::policy::Policy;
use crate::vault::Vault;

/// Bounds on what one request may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLimits {
    /// Different secrets that are tokenized in one request or session, at most [`Vault::MAX_ENTRIES`]. A request
    /// with more is refused.
    pub secrets: usize,
}

impl Default for RequestLimits {
    fn default() -> Self {
        Self { secrets: 16_384.min(Vault::MAX_ENTRIES) }
    }
}

/// Rules, policy, keys and limits: immutable, one a configuration, shared by all its requests.
pub struct Shield {
    /// What is looked for.
    pub rules: Arc<Rules>,
    /// What is done with it.
    pub policy: Policy,
    /// What tokens are minted with.
    pub keyring: Arc<Keyring>,
    /// What values are hashed with that are searched for. The same for all configurations of a process, so that what one
    /// has found is known under the next.
    pub search_key: KnownKey,
    /// What one request may use.
    pub limits: RequestLimits,
}

impl fmt::Debug for Shield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shield").field("rules", &self.rules.len()).finish_non_exhaustive()
    }
}
