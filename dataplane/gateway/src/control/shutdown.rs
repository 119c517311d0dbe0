//! The end of the process: how long it may take, and when all shards have ended.

use std::time::Duration;

use super::shared::Shared;

/// How often the control thread checks whether all shards have ended.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(50);

/// How long a shutdown may take.
#[derive(Debug, Clone, Copy)]
pub struct ShutdownTimes {
    /// Between the first signal and the end of accepting.
    pub delay: Duration,
    /// For running exchanges, from there on.
    pub drain: Duration,
    /// For closing what is left after that.
    pub hard_stop: Duration,
}

/// Waits until every shard has ended.
pub(super) async fn shards_ended(shared: &Shared) {
    while !shared.lifecycle.has_ended() {
        tokio::time::sleep(POLL_INTERVAL).await;
    }
}

/// Waits until every shard has ended, at most `limit`.
pub(super) async fn shards_ended_within(shared: &Shared, limit: Duration) {
    let _ = tokio::time::timeout(limit, shards_ended(shared)).await;
}
