//! How long an exchange may take, and how much of everything it may use.

#![expect(clippy::doc_markdown, reason = "the doc comments of settings are shown to people word for word")]

use std::time::Duration;

use crate::config::key::ValueKind;
use crate::config::range::{Range, TimeLimit};
use crate::config::schema::section;
use crate::config::units;

section! {
    /// `[timeouts]`
    Timeouts {
        /// TLS handshake of a client.
        tls_handshake: Duration = Duration::from_secs(10), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// From the first byte of a request to the end of its head (408).
        request_head: Duration = Duration::from_secs(15), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// Longest silence inside a request body (408).
        request_body_gap: Duration = Duration::from_secs(30), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// Least mean rate of a request body in bytes a second, judged after one gap; 0 is none.
        request_body_min_rate: u64 = 256;
        /// Idle client connection between requests.
        keep_alive: Duration = Duration::from_secs(120), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// Longest time a client may refuse to take reply bytes.
        response_write_gap: Duration = Duration::from_secs(60), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// One name lookup.
        resolve: Duration = Duration::from_secs(5), with: "units::duration", range: TimeLimit::ABOVE_ZERO;
        /// One TCP connect to one address of an upstream.
        connect: Duration = Duration::from_secs(5), with: "units::duration", range: TimeLimit::ABOVE_ZERO;
        /// Connecting to an upstream in all: every address that is tried, TLS handshakes included.
        connect_total: Duration = Duration::from_secs(15), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// TLS handshake with an upstream.
        upstream_tls: Duration = Duration::from_secs(10), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// Longest time an upstream may refuse to take request bytes.
        request_write_gap: Duration = Duration::from_secs(60), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// From the end of the request to the first byte of the reply (504).
        first_byte: Duration = Duration::from_secs(600), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// Longest silence inside a reply that states its length and is neither an event stream nor JSON lines.
        upstream_read_gap: Duration = Duration::from_secs(120), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// Longest silence inside a streamed reply: an event stream, JSON lines, and every reply without a
        /// content-length, whatever its label.
        stream_read_gap: Duration = Duration::from_secs(900), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// Idle upstream connection in the pool.
        idle_pooled: Duration = Duration::from_secs(50), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// Oldest age of a connection on either side; it ends after the exchange that passes it.
        connection_age: Duration = Duration::from_secs(3_600), with: "units::duration",
            range: TimeLimit::ABOVE_ZERO;
        /// After shutdown_timeout, how long shards may take to close what is left.
        hard_stop: Duration = Duration::from_secs(5), with: "units::duration", restart: true;
    }
}

section! {
    /// `[limits]`
    Limits {
        /// Largest request body, counted before and after decoding (413).
        max_body: u64 = 64 << 20, with: "units::size", kind: ValueKind::Size,
            range: Range::at_least(1, |_| "0 would refuse every body".to_owned()).bytes();
        /// Largest request or reply head (431).
        max_head: u64 = 64 << 10, with: "units::size", kind: ValueKind::Size,
            range: Range::at_least(4 << 10, |n| format!("{n} bytes are too few for ordinary clients"))
                .bytes()
                .naming_least();
        /// Most fields in a head (431).
        max_fields: usize = 128,
            range: Range::at_least(16, |n| format!("{n} fields are too few for ordinary clients")).naming_least();
        /// Largest growth of a compressed body when decoded (413).
        max_decode_ratio: u32 = 200,
            range: Range::at_least(1, |_| "0 would refuse every compressed body".to_owned());
        /// Memory for bodies in flight per shard; beyond it new requests get 503.
        buffers_per_shard: u64 = 256 << 20, with: "units::size", kind: ValueKind::Size,
            range: Range::at_least(1 << 20, |_| "less than 1MiB".to_owned()).bytes();
        /// Idle upstream connections per shard and upstream.
        idle_per_upstream: usize = 64;
        /// Requests on one client connection before it is closed; 0 is no limit.
        requests_per_connection: u64;
    }
}
