//! What is searched for.

use crate::storage::clock::Micros;

/// What is wanted. All that is set must hold; `rule` to `token` for one and the same finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Received at this time or later.
    pub from: Option<Micros>,
    /// Received before this time.
    pub until: Option<Micros>,
    /// The key's team.
    pub team: Option<String>,
    /// The gateway key.
    pub key: Option<String>,
    /// The gateway.
    pub gateway: Option<String>,
    /// The upstream.
    pub provider: Option<String>,
    /// The model.
    pub model: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// The request's id.
    pub request: Option<String>,
    /// A finding's rule.
    pub rule: Option<String>,
    /// A finding's category.
    pub category: Option<String>,
    /// A finding's action.
    pub action: Option<String>,
    /// A finding's place.
    pub place: Option<String>,
    /// A finding's token.
    pub token: Option<String>,
}

impl Filter {
    pub(super) fn is_about_findings(&self) -> bool {
        [&self.rule, &self.category, &self.action, &self.place, &self.token]
            .iter()
            .any(|wanted| wanted.is_some())
    }

    /// Whether something is wanted of the events themselves.
    pub(super) fn is_about_events(&self) -> bool {
        let texts =
            [&self.team, &self.key, &self.gateway, &self.provider, &self.model, &self.outcome, &self.request];
        self.from.is_some() || self.until.is_some() || texts.iter().any(|wanted| wanted.is_some())
    }

    /// Whether an index leads to the events by their number.
    pub(super) fn is_indexed(&self) -> bool {
        [&self.token, &self.rule, &self.key, &self.team, &self.model, &self.outcome, &self.request]
            .iter()
            .any(|wanted| wanted.is_some())
    }
}

/// The order of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// From the cursor back.
    NewestFirst,
    /// From the cursor on: for tails and exports.
    OldestFirst,
}
