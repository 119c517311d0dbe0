//! Looks the names of upstreams up and publishes their addresses.
//!
//! Shards never resolve: the system's resolver blocks. A name is looked up at the start and again every [`REFRESH`];
//! when that fails the old addresses stay, and the next try comes sooner. The system's resolver does not report a
//! record's time to live, so the interval is fixed and short.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::shared::Shared;
use crate::snapshot::{Addresses, Upstream};

/// Time between lookups of a name that is known.
pub const REFRESH: Duration = Duration::from_secs(30);
/// Time to the next try after a first failure; doubles up to [`REFRESH`], and up to ten times that for names nobody
/// asked for.
pub const RETRY: Duration = Duration::from_secs(1);
/// How often it is looked for names that are due.
const STEP: Duration = Duration::from_millis(250);
/// Most addresses kept of one name.
const MAX_ADDRESSES: usize = 16;

/// State of one name.
#[derive(Debug)]
struct WatchedName {
    due: Instant,
    wait: Duration,
    failing: bool,
}

/// Keeps the addresses of all upstreams fresh, for ever.
pub async fn keep_fresh(shared: Arc<Shared>) {
    let mut names: HashMap<(String, u16), WatchedName> = HashMap::new();
    loop {
        let snapshot = shared.snapshots.load();
        let now = Instant::now();
        names.retain(|key, _| snapshot.upstreams.iter().any(|u| u.port == key.1 && *u.host == *key.0));
        let mut due: Vec<Arc<Upstream>> = Vec::new();
        for upstream in &snapshot.upstreams {
            let key = (upstream.host.to_string(), upstream.port);
            let literal = upstream.host.parse::<std::net::IpAddr>().is_ok();
            if literal {
                continue;
            }
            let name = names.entry(key).or_insert(WatchedName { due: now, wait: RETRY, failing: false });
            if name.due <= now {
                name.due = now + REFRESH;
                due.push(Arc::clone(upstream));
            }
        }
        let mut lookups = JoinSet::new();
        for upstream in due {
            lookups.spawn(async move { (look_up(&upstream).await, upstream) });
        }
        while let Some(done) = lookups.join_next().await {
            if let Ok((found, upstream)) = done
                && let Some(name) = names.get_mut(&(upstream.host.to_string(), upstream.port))
            {
                settle(&shared, &upstream, name, found);
            }
        }
        tokio::time::sleep(STEP).await;
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
    match found {
        Ok(addresses) => {
            if name.failing {
                tracing::info!(host = %upstream.host, "the name resolves again");
            }
            *name = WatchedName { due: now + REFRESH, wait: RETRY, failing: false };
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
            *name = WatchedName { due: now + name.wait, wait: (name.wait * 2).min(longest), failing: true };
        }
    }
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
