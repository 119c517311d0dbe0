//! How long an exchange may take, and how much of everything it may use.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use aegis_settings::key::SettingKind;
use aegis_settings::range::{Range, TimeLimit};
use aegis_settings::units;
use aegis_settings::{choices, section};

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
        max_body: u64 = 64 << 20, with: "units::size", kind: SettingKind::Size,
            range: Range::at_least(1, |_| "0 would refuse every body".to_owned()).bytes();
        /// Longest request body, decoded, that is scanned whole before its first byte is sent. Above it: beyond_hold.
        hold: u64 = 32 << 20, with: "units::size", kind: SettingKind::Size,
            range: Range::at_least(64 << 10, |_| "less than 64KiB".to_owned()).bytes();
        /// What happens to a longer body: refuse it (413), or stream it, noted in audit and metrics; then a value is
        /// hidden only from where it was found. Files, multipart and uploads are streamed in any case.
        beyond_hold: BeyondHold;
        /// Largest request or reply head (431).
        max_head: u64 = 64 << 10, with: "units::size", kind: SettingKind::Size,
            range: Range::at_least(4 << 10, |n| format!("{n} bytes are too few for ordinary clients"))
                .bytes()
                .naming_least();
        /// Most fields in a head (431).
        max_fields: usize = 128,
            range: Range::at_least(16, |n| format!("{n} fields are too few for ordinary clients")).naming_least();
        /// Largest growth of a compressed body when decoded (413).
        max_decode_ratio: u32 = 200,
            range: Range::at_least(1, |_| "0 would refuse every compressed body".to_owned());
        /// Memory for bodies in flight per shard; beyond it new requests get 503. A sixteenth of it is kept for small
        /// ones.
        buffers_per_shard: u64 = 256 << 20, with: "units::size", kind: SettingKind::Size,
            range: Range::at_least(1 << 20, |_| "less than 1MiB".to_owned()).bytes();
        /// Idle upstream connections per shard and upstream.
        idle_per_upstream: usize = 64;
        /// Requests on one client connection before it is closed; 0 is no limit.
        requests_per_connection: u64;
    }
}

/// What happens to a request body that is longer than what is held back.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BeyondHold {
    /// The request is refused.
    #[default]
    Refuse,
    /// It is sent while it is scanned.
    Stream,
}

choices!(BeyondHold);

/// One part in so many of a shard's budget is kept for small bodies.
pub const RESERVED_PART: usize = 16;
