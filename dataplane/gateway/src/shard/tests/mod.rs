//! A shard on real sockets, on both drivers, against small scripted upstreams.

mod bodies;
mod buffer_boundaries;
mod edge;
mod envelope;
mod failures;
mod harness;
mod head_scan;
mod histories;
mod hold;
mod keep_alive;
mod lifecycle;
mod restore;
mod retries;
mod round_trip;
mod scan_scope;
mod silence;
mod slow_readers;
mod tls;
mod upstream_tls;
