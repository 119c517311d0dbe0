//! `/metrics`: the shards' counters added up and written as `OpenMetrics` text, which Prometheus reads.

use std::fmt;
use std::sync::{Arc, Weak};
use std::time::SystemTime;

use aegis_detect::Category;
use aegis_shield::{Action, OpaqueKind};
use aegis_wire::tls::TlsFailure;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabel, EncodeLabelSet, LabelSetEncoder, MetricEncoder,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::{Registry, Unit};

use super::shared::Shared;
use crate::lifecycle::ShardState;
use crate::logs;
use crate::metrics::{
    ADDED_BOUNDS, Counter, FIRST_BYTE_BOUNDS, Gauge, HistogramReading, STATUS_CLASSES, ShardMetrics,
    UpstreamMetrics,
};

/// Content type of the page.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Writes the page.
pub fn page(shared: &Arc<Shared>) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(Arc::downgrade(shared))));
    let mut text = String::with_capacity(32 << 10);
    prometheus_client::encoding::text::encode(&mut text, &registry)?;
    Ok(text)
}

#[derive(Debug)]
struct Scrape(Weak<Shared>);

impl Collector for Scrape {
    fn encode(&self, mut encoder: DescriptorEncoder) -> Result<(), fmt::Error> {
        let Some(shared) = self.0.upgrade() else { return Ok(()) };
        let page = Page { shared: &shared };
        page.requests(&mut encoder)?;
        page.findings(&mut encoder)?;
        page.opaque(&mut encoder)?;
        page.times(&mut encoder)?;
        page.upstreams(&mut encoder)?;
        page.totals(&mut encoder)?;
        page.levels(&mut encoder)?;
        page.control(&mut encoder)
    }
}

const NO_LABELS: &[(&str, &str)] = &[];

struct Page<'a> {
    shared: &'a Shared,
}

impl Page<'_> {
    fn sum(&self, counter: impl Fn(&ShardMetrics) -> &Counter) -> u64 {
        self.shared.metrics.shards().iter().map(|shard| counter(shard).get()).sum()
    }

    fn level(&self, gauge: impl Fn(&ShardMetrics) -> &Gauge) -> u64 {
        self.shared.metrics.shards().iter().map(|shard| gauge(shard).get()).sum()
    }

    fn of_upstream(&self, slot: usize, value: impl Fn(&UpstreamMetrics) -> u64) -> u64 {
        self.shared.metrics.shards().iter().filter_map(|shard| shard.upstreams.get(slot)).map(value).sum()
    }

    /// Name and slot of every upstream that is configured now.
    fn names(&self) -> Vec<(Arc<str>, usize)> {
        self.shared
            .snapshots
            .load()
            .upstreams
            .iter()
            .map(|upstream| (Arc::clone(&upstream.name), upstream.slot))
            .collect()
    }

    fn requests(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Finished exchanges by upstream and class of the status sent; without an upstream they were answered here";
        let mut family = encoder.encode_descriptor("aegis_requests", help, None, MetricType::Counter)?;
        for (class, status) in STATUS_CLASSES.iter().enumerate() {
            let local = self.sum(|shard| &shard.local_requests[class]);
            counter(&mut family, &[("upstream", ""), ("status", status)], local)?;
            for (name, slot) in self.names() {
                let count = self.of_upstream(slot, |upstream| upstream.requests[class].get());
                // Built-in upstreams that nobody uses would only make the page long.
                if count > 0 || *status == "2xx" {
                    counter(&mut family, &[("upstream", &*name), ("status", status)], count)?;
                }
            }
        }
        Ok(())
    }

    fn findings(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Secrets found in requests by category and what was done";
        let mut family = encoder.encode_descriptor("aegis_findings", help, None, MetricType::Counter)?;
        for category in Category::ALL {
            for action in Action::ALL {
                let count = self.sum(|shard| &shard.findings[category as usize][action as usize]);
                counter(&mut family, &[("category", category.as_str()), ("action", action.as_str())], count)?;
            }
        }
        let help = "Tokens in replies: restored to their value, unresolved because they belong to no value of the exchange, \
            kept because the provider signed the text or states what it sampled, or withheld by policy or in an address";
        let mut family = encoder.encode_descriptor("aegis_tokens", help, None, MetricType::Counter)?;
        counter(&mut family, &[("result", "restored")], self.sum(|shard| &shard.restored))?;
        counter(&mut family, &[("result", "unresolved")], self.sum(|shard| &shard.unresolved))?;
        counter(&mut family, &[("result", "kept")], self.sum(|shard| &shard.kept))?;
        let withheld = self.sum(|shard| &shard.withheld_by_policy);
        counter(&mut family, &[("result", "withheld_by_policy")], withheld)?;
        counter(&mut family, &[("result", "withheld_by_guard")], self.sum(|shard| &shard.withheld_by_guard))
    }

    fn opaque(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help = "Values in requests that were not read, by type: media, PDF, archives, office files";
        let mut family = encoder.encode_descriptor("aegis_opaque", help, None, MetricType::Counter)?;
        for kind in OpaqueKind::ALL {
            counter(&mut family, &[("type", kind.as_str())], self.sum(|shard| &shard.opaque[kind as usize]))?;
        }
        let help = "Bytes of values in requests that were not read, by type";
        let mut family = encoder.encode_descriptor("aegis_opaque_bytes", help, None, MetricType::Counter)?;
        for kind in OpaqueKind::ALL {
            counter(
                &mut family,
                &[("type", kind.as_str())],
                self.sum(|shard| &shard.opaque_bytes[kind as usize]),
            )?;
        }
        Ok(())
    }

    fn times(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let help =
            "Time the gateway itself added to an exchange; waiting for client or upstream is not part of it";
        let mut family =
            encoder.encode_descriptor("aegis_added", help, Some(&Unit::Seconds), MetricType::Histogram)?;
        let shards = self.shared.metrics.shards();
        histogram(&mut family, NO_LABELS, &ADDED_BOUNDS, shards.iter().map(|shard| shard.added.read()))?;
        let help = "From the last request byte sent upstream to the first reply byte";
        let mut family = encoder.encode_descriptor(
            "aegis_upstream_first_byte",
            help,
            Some(&Unit::Seconds),
            MetricType::Histogram,
        )?;
        for (name, slot) in self.names() {
            let used =
                self.of_upstream(slot, |upstream| upstream.pool_hits.get() + upstream.pool_misses.get());
            if used > 0 {
                let readings =
                    shards.iter().filter_map(|s| s.upstreams.get(slot)).map(|u| u.first_byte.read());
                histogram(&mut family, &[("upstream", &*name)], &FIRST_BYTE_BOUNDS, readings)?;
            }
        }
        Ok(())
    }

    fn upstreams(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        type ReadUpstream = fn(&UpstreamMetrics) -> u64;
        let counters: [(&str, &str, ReadUpstream); 3] = [
            ("aegis_pool_hits", "Exchanges that used a pooled connection", |u| u.pool_hits.get()),
            ("aegis_pool_misses", "Exchanges that had to connect", |u| u.pool_misses.get()),
            ("aegis_upstream_connect_failures", "Connects to an upstream that failed", |u| {
                u.connect_failures.get()
            }),
        ];
        for (name, help, read) in counters {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            for (upstream, slot) in self.names() {
                counter(&mut family, &[("upstream", &*upstream)], self.of_upstream(slot, read))?;
            }
        }
        let help = "TLS connections to an upstream that did not come about, by cause";
        let mut family =
            encoder.encode_descriptor("aegis_upstream_tls_failures", help, None, MetricType::Counter)?;
        for (upstream, slot) in self.names() {
            for cause in TlsFailure::ALL {
                let count = self.of_upstream(slot, |u| u.tls_failures[cause as usize].get());
                // All causes of all upstreams would only make the page long.
                if count > 0 {
                    counter(&mut family, &[("upstream", &*upstream), ("cause", cause.as_str())], count)?;
                }
            }
        }
        let help = "Idle upstream connections";
        let mut family = encoder.encode_descriptor("aegis_pool_idle", help, None, MetricType::Gauge)?;
        for (upstream, slot) in self.names() {
            gauge(&mut family, &[("upstream", &*upstream)], self.of_upstream(slot, |u| u.pool_idle.get()))?;
        }
        let help = "Addresses known of an upstream; 0 until its name was resolved";
        let mut family =
            encoder.encode_descriptor("aegis_upstream_addresses", help, None, MetricType::Gauge)?;
        for upstream in &self.shared.snapshots.load().upstreams {
            gauge(&mut family, &[("upstream", &*upstream.name)], upstream.addresses.get().len() as u64)?;
        }
        let help = "1 while the name of an upstream cannot be resolved; addresses of before stay in use";
        let mut family =
            encoder.encode_descriptor("aegis_upstream_lookup_failing", help, None, MetricType::Gauge)?;
        for upstream in &self.shared.snapshots.load().upstreams {
            let is_failing = u64::from(upstream.addresses.is_failing());
            gauge(&mut family, &[("upstream", &*upstream.name)], is_failing)?;
        }
        Ok(())
    }

    fn totals(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        type ReadCounter = fn(&ShardMetrics) -> &Counter;
        let counters: [(&str, &str, ReadCounter); 13] = [
            ("aegis_request_body_bytes", "Request body bytes received", |s| &s.request_bytes),
            ("aegis_response_body_bytes", "Reply body bytes received from upstreams", |s| &s.response_bytes),
            ("aegis_connections", "Client connections accepted", |s| &s.connections_total),
            (
                "aegis_connections_refused",
                "Client connections refused because aegis_connections_max were open",
                |s| &s.connections_refused,
            ),
            ("aegis_overloaded", "Requests refused with 503 because a budget was used up", |s| &s.overloaded),
            ("aegis_tls_failures", "Client TLS handshakes that failed", |s| &s.tls_failures),
            ("aegis_client_aborts", "Exchanges that the client gave up", |s| &s.client_aborts),
            (
                "aegis_streamed",
                "Requests with a body beyond what is held back, sent while it was scanned",
                |s| &s.streamed,
            ),
            ("aegis_recall_opened", "Sealed values that were opened for replies", |s| &s.recall_opened),
            ("aegis_failed_open", "Requests that passed unscanned because policy.fail_mode is open", |s| {
                &s.failed_open
            }),
            (
                "aegis_tokens_beside_unnamed_hosts",
                "Tokens restored in what a tool gets, beside an address whose host restore.hosts does not name",
                |s| &s.beside_unnamed_hosts,
            ),
            ("aegis_audit_dropped", "Requests that passed and have no audit event (fail_mode open)", |s| {
                &s.audit_dropped
            }),
            (
                "aegis_audit_refused",
                "Requests refused because their audit event could not be kept (fail_mode closed)",
                |s| &s.audit_refused,
            ),
        ];
        for (name, help, read) in counters {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            counter(&mut family, NO_LABELS, self.sum(read))?;
        }
        Ok(())
    }

    fn levels(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        type ReadGauge = fn(&ShardMetrics) -> &Gauge;
        let gauges: [(&str, &str, ReadGauge); 6] = [
            ("aegis_connections_open", "Client connections open", |s| &s.connections_open),
            (
                "aegis_connections_max",
                "Client connections that may be open: server.max_connections, or fewer if descriptors are",
                |s| &s.connections_max,
            ),
            ("aegis_requests_in_flight", "Exchanges in progress", |s| &s.requests_in_flight),
            ("aegis_buffer_bytes", "Body buffers in use", |s| &s.buffer_bytes),
            ("aegis_sessions", "Named sessions held", |s| &s.sessions),
            ("aegis_recall_clients", "Clients whose values are remembered", |s| &s.recall_clients),
        ];
        for (name, help, read) in gauges {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            gauge(&mut family, NO_LABELS, self.level(read))?;
        }
        let help = "Shards by driver";
        let mut family = encoder.encode_descriptor("aegis_shards", help, None, MetricType::Gauge)?;
        for driver in ["io_uring", "epoll"] {
            let shards = self.shared.metrics.shards().iter().filter(|shard| shard.driver() == Some(driver));
            gauge(&mut family, &[("driver", driver)], shards.count() as u64)?;
        }
        let help = "Shards that take traffic";
        let mut family =
            encoder.encode_descriptor("aegis_shards_listening", help, None, MetricType::Gauge)?;
        gauge(&mut family, NO_LABELS, self.shared.lifecycle.shards_in(ShardState::Listening) as u64)
    }

    fn control(&self, encoder: &mut DescriptorEncoder) -> fmt::Result {
        let counts = &self.shared.counts;
        let counters = [
            ("aegis_audit_events", "Audit events taken for writing", &counts.audit_events),
            (
                "aegis_audit_write_failures",
                "Attempts to write audit events that failed",
                &counts.audit_failures,
            ),
            ("aegis_reloads", "Configurations published after the first", &counts.reloads),
            ("aegis_reload_failures", "Configurations refused; the old one stayed", &counts.reload_failures),
            (
                "aegis_reload_weaker_refusals",
                "Configurations refused because TLS, keys or upstreams would have gone",
                &counts.reload_weaker,
            ),
            ("aegis_lookup_failures", "Name lookups that failed", &counts.lookup_failures),
            ("aegis_control_faults", "Parts of the control thread that ended unasked", &counts.faults),
        ];
        for (name, help, value) in counters {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Counter)?;
            counter(&mut family, NO_LABELS, value.get())?;
        }
        let help = "Lines dropped because their file or pipe took none, or failed";
        let mut family = encoder.encode_descriptor("aegis_log_dropped", help, None, MetricType::Counter)?;
        counter(&mut family, &[("log", "program")], logs::dropped_lines())?;
        counter(&mut family, &[("log", "access")], counts.access_dropped.get())?;
        let snapshot = self.shared.snapshots.load();
        let gauges = [
            ("aegis_config_generation", "Generation of the configuration in use", snapshot.generation),
            ("aegis_rules", "Detection rules in use", snapshot.shield.rules.len() as u64),
            (
                "aegis_audit_failing",
                "1 while audit events cannot be written, their disk does not answer, or their ring is full",
                u64::from(self.shared.audit.trouble().is_some()),
            ),
            (
                "aegis_audit_oldest_seconds",
                "For how long the oldest audit event that has left the rings waits to be written, in whole seconds",
                self.shared.audit.oldest().as_secs(),
            ),
            (
                "aegis_state_folder_gone",
                "1 while the state folder, or the master key in it, is not there",
                u64::from(self.shared.state_folder.is_missing()),
            ),
            (
                "aegis_master_key_replaced",
                "1 while the master key in the state folder is not the one in use, or cannot be used",
                u64::from(self.shared.state_folder.is_key_replaced()),
            ),
            (
                "aegis_takeover_possible",
                "1 while another gateway could take over from this one",
                u64::from(self.shared.state_folder.has_names()),
            ),
        ];
        for (name, help, value) in gauges {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            gauge(&mut family, NO_LABELS, value)?;
        }
        let help = "Whole days until a certificate of the gateway's own expires; negative once it has";
        let mut family =
            encoder.encode_descriptor("aegis_certificate_days_left", help, None, MetricType::Gauge)?;
        let now = SystemTime::now();
        for certificate in &snapshot.certificates {
            let labels = Labels(&[("certificate", &*certificate.key)]);
            family.encode_family(&labels)?.encode_gauge(&certificate.days_left(now))?;
        }
        let help = "What this binary is made of";
        let family = encoder.encode_descriptor("aegis_build", help, None, MetricType::Info)?;
        let engine = aegis_detect::engine_version();
        info(family, &[("version", env!("CARGO_PKG_VERSION")), ("engine", &engine)])
    }
}

fn counter(family: &mut MetricEncoder, labels: &[(&str, &str)], value: u64) -> fmt::Result {
    if labels.is_empty() {
        return family.encode_counter::<Labels<'_>, _, f64>(&value, None);
    }
    family.encode_family(&Labels(labels))?.encode_counter::<Labels<'_>, _, f64>(&value, None)
}

fn gauge(family: &mut MetricEncoder, labels: &[(&str, &str)], value: u64) -> fmt::Result {
    let value = i64::try_from(value).unwrap_or(i64::MAX);
    if labels.is_empty() {
        return family.encode_gauge(&value);
    }
    family.encode_family(&Labels(labels))?.encode_gauge(&value)
}

fn info(mut family: MetricEncoder, labels: &[(&str, &str)]) -> fmt::Result {
    family.encode_info(&Labels(labels))
}

/// Writes microseconds as seconds, the unit Prometheus wants.
fn histogram<const N: usize>(
    family: &mut MetricEncoder,
    labels: &[(&str, &str)],
    bounds: &[u64; N],
    readings: impl Iterator<Item = HistogramReading<N>>,
) -> fmt::Result {
    let mut total = HistogramReading { counts: [0; N], above: 0, sum: 0 };
    readings.for_each(|reading| total.merge(&reading));
    #[expect(clippy::cast_precision_loss, reason = "2^53 microseconds are 285 years")]
    let seconds = |micros: u64| micros as f64 / 1e6;
    let mut buckets: Vec<(f64, u64)> = bounds.iter().map(|bound| seconds(*bound)).zip(total.counts).collect();
    buckets.push((f64::INFINITY, total.above));
    let count = total.counts.iter().sum::<u64>() + total.above;
    if labels.is_empty() {
        return family.encode_histogram::<Labels<'_>>(seconds(total.sum), count, &buckets, None);
    }
    let labels = Labels(labels);
    let mut family = family.encode_family(&labels)?;
    family.encode_histogram::<Labels<'_>>(seconds(total.sum), count, &buckets, None)
}

/// Any number of labels.
#[derive(Debug)]
struct Labels<'a>(&'a [(&'a str, &'a str)]);

impl EncodeLabelSet for Labels<'_> {
    fn encode(&self, encoder: &mut LabelSetEncoder) -> fmt::Result {
        self.0.iter().try_for_each(|label| label.encode(encoder.encode_label()))
    }
}
