//! Counters of the data plane: written by shards without locks, read by the admin listener.
//!
//! Each shard owns one [`ShardMetrics`] on cache lines of its own. It is the only writer, so a counter is a plain load
//! and store, never a locked instruction; a scrape reads all shards and adds up. Nothing here allocates or waits once
//! built.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use aegis_detect::Category;
use aegis_shield::{Action, OpaqueKind};
use aegis_wire::tls::TlsFailure;

/// Status classes in the order of their index; `none` counts exchanges that ended before a status line was sent.
pub const STATUS_CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
/// Upstreams that can be counted apart. A configuration with more is refused.
pub const MAX_UPSTREAMS: usize = 64;
/// Upper bounds of the gateway-added latency, in microseconds.
pub const ADDED_BOUNDS: [u64; 18] = [
    5, 10, 20, 30, 50, 75, 100, 150, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 100_000, 500_000,
    2_500_000,
];
/// Upper bounds of the upstream's time to first byte, in microseconds.
pub const FIRST_BYTE_BOUNDS: [u64; 18] = [
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    30_000_000,
    60_000_000,
    180_000_000,
    600_000_000,
];

/// A number that only grows. One writer; any number of readers.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `amount`. Only the owning shard may call this.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// Adds one. Only the owning shard may call this.
    #[inline]
    pub fn inc(&self) {
        self.add(1);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down. One writer; any number of readers.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// Adds `amount`. Only the owning shard may call this.
    #[inline]
    pub fn add(&self, amount: u64) {
        self.0.store(self.0.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// Takes `amount` away, not below zero. Only the owning shard may call this.
    #[inline]
    pub fn sub(&self, amount: u64) {
        self.0.store(self.0.load(Relaxed).saturating_sub(amount), Relaxed);
    }

    /// Sets the value. Only the owning shard may call this.
    #[inline]
    pub fn set(&self, value: u64) {
        self.0.store(value, Relaxed);
    }

    /// The value now.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A histogram over `N` fixed bounds plus one bucket for everything above.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    bounds: &'static [u64; N],
    buckets: [Counter; N],
    above: Counter,
    sum: Counter,
}

/// A histogram as read by a scrape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramReading<const N: usize> {
    /// Observations per bucket (not cumulative), then those above the last bound.
    pub counts: [u64; N],
    /// Observations above the last bound.
    pub above: u64,
    /// Sum of all observations, in the unit of the bounds.
    pub sum: u64,
}

impl<const N: usize> Histogram<N> {
    /// An empty histogram over ascending `bounds`.
    pub fn new(bounds: &'static [u64; N]) -> Self {
        Histogram {
            bounds,
            buckets: std::array::from_fn(|_| Counter::default()),
            above: Counter::default(),
            sum: Counter::default(),
        }
    }

    /// Counts `value`: it falls into the first bucket whose bound is not below it. Only the owning shard may call this.
    #[inline]
    pub fn observe(&self, value: u64) {
        let bucket = self.bounds.partition_point(|bound| *bound < value);
        self.buckets.get(bucket).unwrap_or(&self.above).inc();
        self.sum.add(value);
    }

    /// Reads all buckets. Not a consistent cut: an observation under way may be missing in one part.
    pub fn read(&self) -> HistogramReading<N> {
        HistogramReading {
            counts: std::array::from_fn(|i| self.buckets[i].get()),
            above: self.above.get(),
            sum: self.sum.get(),
        }
    }
}

impl<const N: usize> HistogramReading<N> {
    /// Adds another reading of the same kind.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine += theirs;
        }
        self.above += other.above;
        self.sum += other.sum;
    }
}

/// What a shard counts for one upstream. Aligned like its shard, so that neighbours never share a cache line.
#[derive(Debug)]
#[repr(align(128))]
pub struct UpstreamMetrics {
    /// Finished exchanges by class of the status sent to the client; see [`STATUS_CLASSES`].
    pub requests: [Counter; STATUS_CLASSES.len()],
    /// From the last request byte sent to the first reply byte received, in microseconds.
    pub first_byte: Histogram<18>,
    /// Connects that failed.
    pub connect_failures: Counter,
    /// TLS connections that did not come about, by their cause.
    pub tls_failures: [Counter; TlsFailure::ALL.len()],
    /// Exchanges that used a pooled connection.
    pub pool_hits: Counter,
    /// Exchanges that had to connect.
    pub pool_misses: Counter,
    /// Idle connections in the pool.
    pub pool_idle: Gauge,
}

impl UpstreamMetrics {
    fn new() -> Self {
        UpstreamMetrics {
            requests: std::array::from_fn(|_| Counter::default()),
            first_byte: Histogram::new(&FIRST_BYTE_BOUNDS),
            connect_failures: Counter::default(),
            tls_failures: std::array::from_fn(|_| Counter::default()),
            pool_hits: Counter::default(),
            pool_misses: Counter::default(),
            pool_idle: Gauge::default(),
        }
    }
}

/// Everything one shard counts. Aligned to two cache lines so that shards never share one.
#[derive(Debug)]
#[repr(align(128))]
pub struct ShardMetrics {
    /// Requests answered by the gateway itself or without an upstream, by class of the status sent.
    pub local_requests: [Counter; STATUS_CLASSES.len()],
    /// Per upstream, by its slot.
    pub upstreams: Vec<UpstreamMetrics>,
    /// Findings by category and action.
    pub findings: [[Counter; Action::ALL.len()]; Category::ALL.len()],
    /// Values that were not read, by kind.
    pub opaque: [Counter; OpaqueKind::ALL.len()],
    /// Their bytes.
    pub opaque_bytes: [Counter; OpaqueKind::ALL.len()],
    /// Tokens put back into replies.
    pub restored: Counter,
    /// Well-formed tokens in replies that belong to no value of the exchange.
    pub unresolved: Counter,
    /// Tokens in replies left on purpose, in what the provider signed and in `logprobs`.
    pub kept: Counter,
    /// Tokens in replies left because the policy excepts their text or tool.
    pub withheld_by_policy: Counter,
    /// Tokens in replies left in addresses that lead to a host that is not named.
    pub withheld_by_guard: Counter,
    /// Tokens put back into a tool's arguments beside such an address.
    pub beside_unnamed_hosts: Counter,
    /// Time the gateway itself added to an exchange, in microseconds; waiting for client or upstream is not part of it.
    pub added: Histogram<18>,
    /// Request body bytes received from clients.
    pub request_bytes: Counter,
    /// Reply body bytes received from upstreams.
    pub response_bytes: Counter,
    /// Client connections open.
    pub connections_open: Gauge,
    /// Client connections that may be open: what configuration and descriptors allow.
    pub connections_max: Gauge,
    /// Client connections accepted since the start.
    pub connections_total: Counter,
    /// Client connections refused because as many were open as may be.
    pub connections_refused: Counter,
    /// Requests refused with 503 because a budget was used up.
    pub overloaded: Counter,
    /// Client TLS handshakes that failed.
    pub tls_failures: Counter,
    /// Exchanges the client gave up before the end.
    pub client_aborts: Counter,
    /// Exchanges in progress.
    pub requests_in_flight: Gauge,
    /// Bytes of body buffers in use.
    pub buffer_bytes: Gauge,
    /// Requests that passed unscanned because `policy.fail_mode` is open.
    pub failed_open: Counter,
    /// Requests whose body was longer than what is held back, and was sent while its rest was scanned.
    pub streamed: Counter,
    /// Values of earlier requests that were opened for replies.
    pub recall_opened: Counter,
    /// Requests that passed and have no audit event; possible with `fail_mode = "open"` only.
    pub audit_dropped: Counter,
    /// Requests refused because the ring of audit events was full or the sink failed.
    pub audit_refused: Counter,
    /// Named sessions held.
    pub sessions: Gauge,
    /// Clients whose values are remembered.
    pub recall_clients: Gauge,
    /// Driver in use: 0 not started, 1 `io_uring`, 2 epoll.
    driver: AtomicU8,
}

impl ShardMetrics {
    fn new() -> Self {
        ShardMetrics {
            local_requests: std::array::from_fn(|_| Counter::default()),
            upstreams: (0..MAX_UPSTREAMS).map(|_| UpstreamMetrics::new()).collect(),
            findings: std::array::from_fn(|_| std::array::from_fn(|_| Counter::default())),
            opaque: std::array::from_fn(|_| Counter::default()),
            opaque_bytes: std::array::from_fn(|_| Counter::default()),
            restored: Counter::default(),
            unresolved: Counter::default(),
            kept: Counter::default(),
            withheld_by_policy: Counter::default(),
            withheld_by_guard: Counter::default(),
            beside_unnamed_hosts: Counter::default(),
            added: Histogram::new(&ADDED_BOUNDS),
            request_bytes: Counter::default(),
            response_bytes: Counter::default(),
            connections_open: Gauge::default(),
            connections_max: Gauge::default(),
            connections_total: Counter::default(),
            connections_refused: Counter::default(),
            overloaded: Counter::default(),
            tls_failures: Counter::default(),
            client_aborts: Counter::default(),
            requests_in_flight: Gauge::default(),
            buffer_bytes: Gauge::default(),
            failed_open: Counter::default(),
            streamed: Counter::default(),
            recall_opened: Counter::default(),
            audit_dropped: Counter::default(),
            audit_refused: Counter::default(),
            sessions: Gauge::default(),
            recall_clients: Gauge::default(),
            driver: AtomicU8::new(0),
        }
    }

    /// Counts a finished exchange. `slot` is the upstream's slot, or none when no upstream was involved; `status` is
    /// the one sent to the client, 0 when none was.
    pub fn finished(&self, slot: Option<usize>, status: u16) {
        let class = usize::from(status / 100).min(STATUS_CLASSES.len() - 1);
        let requests = match slot.and_then(|slot| self.upstreams.get(slot)) {
            Some(upstream) => &upstream.requests,
            None => &self.local_requests,
        };
        requests[class].inc();
    }

    /// Says which driver the shard runs on.
    pub fn set_driver(&self, io_uring: bool) {
        self.driver.store(if io_uring { 1 } else { 2 }, Relaxed);
    }

    /// Name of the driver in use; none before the shard has started.
    pub fn driver(&self) -> Option<&'static str> {
        match self.driver.load(Relaxed) {
            1 => Some("io_uring"),
            2 => Some("epoll"),
            _ => None,
        }
    }
}

/// The counters of all shards.
#[derive(Debug)]
pub struct Metrics {
    shards: Vec<Arc<ShardMetrics>>,
}

impl Metrics {
    /// Counters for `shards` shards, all zero.
    pub fn new(shards: usize) -> Self {
        Metrics { shards: (0..shards).map(|_| Arc::new(ShardMetrics::new())).collect() }
    }

    /// The counters of each shard, in the order of their index.
    pub fn shards(&self) -> &[Arc<ShardMetrics>] {
        &self.shards
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_falls_into_the_bucket_that_ends_at_or_above_it() {
        let histogram = Histogram::new(&ADDED_BOUNDS);
        for value in [0, 5, 6, 2_500_000, 2_500_001] {
            histogram.observe(value);
        }
        let reading = histogram.read();
        assert_eq!((reading.counts[0], reading.counts[1], reading.counts[17], reading.above), (2, 1, 1, 1));
        assert_eq!(reading.sum, 5 + 6 + 2_500_000 + 2_500_001);
    }

    #[test]
    fn bounds_ascend() {
        for bounds in [ADDED_BOUNDS, FIRST_BYTE_BOUNDS] {
            assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn exchanges_count_by_upstream_and_class() {
        let metrics = ShardMetrics::new();
        metrics.finished(Some(3), 204);
        metrics.finished(None, 401);
        metrics.finished(None, 0);
        metrics.finished(Some(MAX_UPSTREAMS), 999);
        assert_eq!(metrics.upstreams[3].requests[2].get(), 1);
        assert_eq!(metrics.local_requests[4].get(), 1);
        assert_eq!(metrics.local_requests[0].get(), 1);
        assert_eq!(metrics.local_requests[5].get(), 1);
    }

    #[test]
    fn shards_do_not_share_cache_lines() {
        assert_eq!(align_of::<ShardMetrics>(), 128);
    }
}
