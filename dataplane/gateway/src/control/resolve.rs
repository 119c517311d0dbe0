//! Looks the names of upstreams up and publishes their addresses.
//!
//! Shards never resolve: the system's resolver blocks. A name is looked up at the start and again every [`REFRESH`];
//! when that fails the old addresses stay, and the next try comes sooner. So it does when a shard cannot connect, because a
//! provider may have moved, and after a reload, by which somebody may say that a record was corrected. The system's
//! resolver does not report a record's time to live, so the interval is fixed and short.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::shared::Shared;
use crate::snapshot::{Addresses, Snapshot, Upstream};

/// Time between lookups of a name that is known.
pub const REFRESH: Duration = Duration::from_secs(30);
/// Time to the next try after a first failure; doubles up to [`REFRESH`], and up to ten times that for names nobody
/// asked for.
pub const RETRY: Duration = Duration::from_secs(1);
/// How often it is looked for names that are due, and so how long the lookup waits that a failed connect asks for.
const STEP: Duration = Duration::from_millis(100);
/// Most addresses kept of one name.
const MAX_ADDRESSES: usize = 16;

/// State of one name.
#[derive(Debug)]
struct WatchedName {
    due: Instant,
    wait: Duration,
    /// When the last lookup began; none before the first.
    begun: Option<Instant>,
    is_running: bool,
}

impl WatchedName {
    /// A name that was never looked up.
    fn new(now: Instant) -> WatchedName {
        WatchedName { due: now, wait: RETRY, begun: None, is_running: false }
    }

    /// Whether a lookup is to begin; `is_lookup_requested` says that one was asked for, which comes at most every [`RETRY`].
    fn is_due(&self, now: Instant, is_lookup_requested: bool) -> bool {
        let may_repeat = self.begun.is_none_or(|begun| now.duration_since(begun) >= RETRY);
        !self.is_running && (self.due <= now || (is_lookup_requested && may_repeat))
    }
}

/// The names that are watched.
type WatchedNames = HashMap<(String, u16), WatchedName>;

/// What a lookup found, and for whom.
type Lookup = (Result<Vec<SocketAddr>, String>, Arc<Upstream>);

/// Keeps the addresses of all upstreams fresh, for ever.
pub async fn keep_fresh(shared: Arc<Shared>) {
    let mut names = WatchedNames::new();
    let mut lookups = JoinSet::new();
    let mut generation = 0;
    loop {
        let snapshot = shared.snapshots.load();
        if generation != snapshot.generation {
            generation = snapshot.generation;
            request_failed_lookups(&snapshot);
        }
        begin_lookups(&snapshot, &mut names, &mut lookups);
        drop(snapshot);
        // One that hangs holds no other up.
        tokio::select! {
            () = tokio::time::sleep(STEP) => {}
            Some(done) = lookups.join_next() => {
                let Ok((found, upstream)) = done else { continue };
                if let Some(name) = names.get_mut(&key(&upstream)) {
                    settle(&shared, &upstream, name, found);
                }
            }
        }
    }
}

/// What upstreams share a lookup by.
fn key(upstream: &Upstream) -> (String, u16) {
    (upstream.host.to_string(), upstream.port)
}

/// Asks for the names that do not resolve: they may by now.
fn request_failed_lookups(snapshot: &Snapshot) {
    let failing = snapshot.upstreams.iter().filter(|upstream| upstream.addresses.is_failing());
    failing.for_each(|upstream| upstream.addresses.request_lookup());
}

/// Begins the lookups that are due, and forgets the names of upstreams that are gone.
fn begin_lookups(snapshot: &Snapshot, names: &mut WatchedNames, lookups: &mut JoinSet<Lookup>) {
    let now = Instant::now();
    names.retain(|key, _| snapshot.upstreams.iter().any(|u| u.port == key.1 && *u.host == *key.0));
    for upstream in &snapshot.upstreams {
        if upstream.host.parse::<std::net::IpAddr>().is_ok() {
            continue;
        }
        let name = names.entry(key(upstream)).or_insert_with(|| WatchedName::new(now));
        if name.is_due(now, upstream.addresses.is_lookup_requested()) {
            upstream.addresses.clear_doubt();
            (name.begun, name.is_running) = (Some(now), true);
            let upstream = Arc::clone(upstream);
            lookups.spawn(async move { (look_up(&upstream).await, upstream) });
        }
    }
}

/// The addresses of an upstream's name, at least one.
async fn look_up(upstream: &Upstream) -> Result<Vec<SocketAddr>, String> {
    let lookup = tokio::net::lookup_host((upstream.host.as_ref(), upstream.port));
    match tokio::time::timeout(upstream.timeouts.resolve, lookup).await {
        Ok(Ok(found)) => {
            let addresses: Vec<SocketAddr> = found.take(MAX_ADDRESSES).collect();
            if addresses.is_empty() { Err("no addresses".to_owned()) } else { Ok(addresses) }
        }
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("no answer in time".to_owned()),
    }
}

/// Publishes what was found, or keeps the old and tries again sooner.
fn settle(
    shared: &Shared,
    upstream: &Upstream,
    name: &mut WatchedName,
    found: Result<Vec<SocketAddr>, String>,
) {
    let now = Instant::now();
    name.is_running = false;
    let was_failing = upstream.addresses.is_failing();
    let has_found = found.is_ok();
    match found {
        Ok(addresses) => {
            if was_failing {
                tracing::info!(host = %upstream.host, "the name resolves again");
            }
            (name.due, name.wait) = (now + REFRESH, RETRY);
            publish(&upstream.addresses, addresses);
        }
        Err(error) => {
            shared.counts.lookup_failures.inc();
            let known = upstream.addresses.get().len();
            if upstream.needed {
                tracing::warn!(host = %upstream.host, %error, known, "cannot resolve the name of an upstream");
            } else {
                tracing::debug!(host = %upstream.host, %error, known, "cannot resolve the name of an upstream");
            }
            let longest = if upstream.needed { REFRESH } else { REFRESH * 10 };
            (name.due, name.wait) = (now + name.wait, (name.wait * 2).min(longest));
        }
    }
    // Behind the addresses: who sees that it ended sees what it found.
    upstream.addresses.set_looked_up(has_found);
}

/// Publishes only what differs, so that shards do not touch a pointer that says the same.
fn publish(addresses: &Addresses, found: Vec<SocketAddr>) {
    let mut sorted = (addresses.get().to_vec(), found.clone());
    sorted.0.sort();
    sorted.1.sort();
    if sorted.0 != sorted.1 {
        addresses.set(found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lookup_that_is_asked_for_comes_at_once_but_not_again_and_again() {
        let now = Instant::now();
        let after = |time: Duration| now + time;
        let mut name = WatchedName::new(now);
        assert!(name.is_due(now, false), "the first one");
        (name.begun, name.due) = (Some(now), after(REFRESH));
        assert!(!name.is_due(after(RETRY), false));
        assert!(!name.is_due(after(RETRY / 2), true), "too soon");
        assert!(name.is_due(after(RETRY), true));
        name.is_running = true;
        assert!(!name.is_due(after(REFRESH), true), "one at a time");
    }

    #[test]
    fn the_same_addresses_in_another_order_are_not_published_again() {
        let address = |last: u8| SocketAddr::from(([192, 0, 2, last], 443));
        let published = Addresses::default();
        publish(&published, vec![address(1), address(2)]);
        publish(&published, vec![address(2), address(1)]);
        assert_eq!(published.get().as_slice(), [address(1), address(2)]);
        publish(&published, vec![address(3)]);
        assert_eq!(published.get().as_slice(), [address(3)]);
    }
}
